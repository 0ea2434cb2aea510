"""Which events of peers a caller asks for."""

# Annotations stay objects here: FastAPI reads them when the app is made.
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from services.routes.asking.cursors import is_within, not_a_cursor, pack, unpack
from services.routes.asking.moments import DESCRIPTION, read_moment
from services.routes.asking.values import ID_MAX
from shared.contracts.inventory import PeerEventKind
from shared.web.problem import parameter_error

_SEQ_MAX = 2**63 - 1


@dataclass(slots=True)
class EventFilter:
    """Of one peer, or of all peers of one router."""

    router_id: int | None = None
    peer_id: int | None = None
    starttime: datetime | None = None
    endtime: datetime | None = None
    kinds: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EventKey:
    """The place of an event among the events of several peers."""

    time: datetime
    seq: int
    peer_id: int


def event_filter(
    *,
    starttime: Annotated[str | None, Query(description=f"From: {DESCRIPTION}")] = None,
    endtime: Annotated[str | None, Query(description=f"Until: {DESCRIPTION}")] = None,
    event: Annotated[list[PeerEventKind], Query(default_factory=list)],
) -> EventFilter:
    """Which events a request asks for."""
    asked = EventFilter(
        starttime=None if starttime is None else read_moment("starttime", starttime),
        endtime=None if endtime is None else read_moment("endtime", endtime),
        kinds=list(event),
    )
    if asked.starttime and asked.endtime and asked.starttime > asked.endtime:
        raise parameter_error("starttime", "it is after endtime", endtime)
    return asked


def write_event_cursor(key: EventKey) -> str:
    """An opaque text for the place where a page ended."""
    return pack([key.time.astimezone(UTC).isoformat(), key.seq, key.peer_id])


def read_event_cursor(text: str) -> EventKey:
    """The place that `write_event_cursor` wrote."""
    match unpack(text):
        case [str(time), seq, peer_id] if is_within(seq, 0, _SEQ_MAX) and is_within(
            peer_id, 0, ID_MAX
        ):
            try:
                return EventKey(datetime.fromisoformat(time).astimezone(UTC), seq, peer_id)
            except (ValueError, OverflowError):
                raise not_a_cursor() from None
    raise not_a_cursor()
