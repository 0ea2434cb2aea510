"""Routes that a batch speaks of more than once: what happened to each, in one row.

The current RIB is brought from the state before a batch to the state after it in one step. For
a route with a single event the event says it all; for the others the step needs what came first,
what remains, since when, and how much happened in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.rows.events import attr_id_field, is_withdrawn, key_fields, time_field
from services.ingest.rows.fields import NULL, int4

if TYPE_CHECKING:
    from collections.abc import Callable

REPEAT_COLUMNS = (
    "rib_id",
    "opening_attr_id",  # of the first event; NULL: it withdrew
    "last_attr_id",  # of the last announcement; NULL: there was none
    "first_announced",
    "last_announced",
    "since",  # when the route came into the state in which the batch leaves it
    "is_moved",  # whether its state changed within the batch
    "updates",
    "withdrawals",
    "path_changes",
    "path_id",
)
"""Then the columns of the key, as the event rows have them: `prefix`, or `nlri_id` and `detail`."""


def repeat_row(rib_id: int, events: list[bytes], keys: int) -> bytes:
    """What the events of one route come to; `keys` counts the fields of its key."""
    announced = [event for event in events if not is_withdrawn(event)]
    updates = withdrawals = path_changes = 0
    since, before = events[0], _state(events[0])
    for event in events[1:]:
        state = _state(event)
        if state == before:
            continue
        if is_withdrawn(event):
            withdrawals += 1
        else:
            updates += 1
            path_changes += before is not None
        since, before = event, state
    counts = (updates, withdrawals, path_changes)
    fields = (
        int4(rib_id),
        attr_id_field(events[0]),
        *_of(announced, -1, attr_id_field),
        *_of(announced, 0, time_field),
        *_of(announced, -1, time_field),
        time_field(since),
        b"\0\0\0\1\1" if updates or withdrawals else b"\0\0\0\1\0",
        *map(int4, counts),
        key_fields(events[-1] if not announced else announced[-1]),
    )
    return (len(REPEAT_COLUMNS) + keys).to_bytes(2, "big") + b"".join(fields)


def _state(event: bytes) -> tuple[bytes, bytes] | None:
    return None if is_withdrawn(event) else (attr_id_field(event), key_fields(event))


def _of(events: list[bytes], index: int, field: Callable[[bytes], bytes]) -> tuple[bytes]:
    return (field(events[index]) if events else NULL,)
