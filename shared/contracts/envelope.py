"""The envelope of every JSON answer: the data, and what is to be known about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, Field, PlainSerializer

Data = TypeVar("Data")


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and `Z`, as every answer writes a time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]


class Meta(BaseModel):
    """What was asked in effect, how complete and how fresh the answer is."""

    query: dict[str, Any] = Field(default_factory=dict)
    """The parameters as they took effect, defaults included."""
    count: int
    """Items in `data`."""
    total: int | None = None
    """Items of all pages, where the caller asked for the count."""
    next_cursor: str | None = None
    """Give it as `cursor` for the next page; None on the last."""
    truncated: bool = False
    warnings: list[str] = Field(default_factory=list)
    data_as_of: Timestamp | None = None
    """The last commit of what routers said."""
    took_ms: float | None = None


class Envelope(BaseModel, Generic[Data]):
    """`{"data": ..., "meta": ...}`."""

    data: Data
    meta: Meta
