"""From what connections say to what the driver takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


def storable(text: str | None) -> str | None:
    """What a router wrote, without the NUL that PostgreSQL's text cannot hold."""
    return None if text is None else text.replace("\0", "")


@overload
def moment(time_us: int) -> datetime: ...
@overload
def moment(time_us: int | None) -> datetime | None: ...
def moment(time_us: int | None) -> datetime | None:
    """A moment in microseconds since 1970."""
    if time_us is None:
        return None
    seconds, microseconds = divmod(time_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
