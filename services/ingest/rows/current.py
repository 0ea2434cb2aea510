"""Rows of `rib.route` and `rib.nlri_route` for routes that are there for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.rows.events import (
    attr_id_field,
    path_id_at,
    place_fields,
    time_field,
)
from services.ingest.rows.fields import boolean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COMMON = (
    "attr_id",
    "first_seen",
    "last_changed",
    "last_confirmed",
    "rib_id",
    "session",
    "is_withdrawn",
    "path_id",
)
NEW_ROUTE_COLUMNS = (*_COMMON, "prefix")
NEW_NLRI_COLUMNS = (*_COMMON, "nlri_id", "detail")

_NO_PATH_ID = b"\0\0\0\4\0\0\0\0"


def new_route_rows(columns: int, events: Iterable[bytes]) -> Iterator[bytes]:
    """The row that each announcement leaves where the route was not known; `columns` counts its.

    Events of one UPDATE share their head, and so do these rows.
    """
    before, head, path_at = b"", b"", 0
    for event in events:
        if not before or not event.startswith(before):
            path_at = path_id_at(event)
            before, head = event[:path_at], _head(columns, event)
        if event[path_at] == 0xFF:  # the length of a NULL
            yield head + _NO_PATH_ID + event[path_at + 4 :]
        else:  # of eight octets the last four: all that a path identifier has (RFC 7911 3)
            yield head + b"\0\0\0\4" + event[path_at + 8 :]


def _head(columns: int, event: bytes) -> bytes:
    times = 3 * time_field(event)
    head = attr_id_field(event) + times + place_fields(event) + boolean(value=False)
    return columns.to_bytes(2, "big") + head
