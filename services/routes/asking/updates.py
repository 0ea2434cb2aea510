"""What a caller asks of the history of routes."""

# Annotations stay objects here: FastAPI reads them when the app is made.
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Query

from services.routes.asking.cursors import is_within, not_a_cursor, pack, unpack
from services.routes.asking.routes import RouteFilter, routes_of_prefix
from services.routes.asking.windows import Window, window
from services.routes.asking.words import as_asked
from shared.contracts.envelope import rfc3339
from shared.web.problem import parameter_error

Order = Literal["desc", "asc"]
EventType = Literal["A", "W"]

WIDEST = timedelta(hours=48)
"""Of a question about all prefixes of all peers: it may have to read all that happened."""
WIDEST_OF_PEER = timedelta(days=7)

_SEQ_MAX = 2**63 - 1
_SKIPPED_MAX = 1_000_000


@dataclass(slots=True)
class UpdateQuestion:
    """Which announcements and withdrawals are asked for, and what happened to peers."""

    routes: RouteFilter
    window: Window
    types: list[EventType] = field(default_factory=list)
    order: Order = "desc"
    has_states: bool = False


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where in the order of the history a page ended.

    `skipped`: how many of the entries with this time and number are on pages before. The history
    does not change, so they are the same ones every time.
    """

    time: datetime
    seq: int
    skipped: int


def update_question(
    *,
    routes: Annotated[RouteFilter, Depends(routes_of_prefix)],
    window: Annotated[Window, Depends(window)],
    type: Annotated[  # noqa: A002 - the parameter's name
        list[EventType],
        Query(default_factory=list, description="`A` announcements, `W` withdrawals; default both"),
    ],
    order: Annotated[Order, Query(description="`desc`: the newest first")] = "desc",
    include: Annotated[
        list[Literal["state"]],
        Query(default_factory=list, description="`state`: also what happened to the peers"),
    ],
) -> UpdateQuestion:
    """Which part of the history a request asks for."""
    asked = UpdateQuestion(routes, window, sorted(set(type)), order, bool(include))
    _check_span(asked)
    return asked


def _check_span(asked: UpdateQuestion) -> None:
    routes = asked.routes
    if routes.prefix is not None and not routes.is_range:
        return
    is_of_peers = bool(
        routes.router_ids
        or routes.router_addresses
        or routes.peer_ids
        or routes.peer_addresses
        or routes.peer_asns
    )
    widest = WIDEST_OF_PEER if is_of_peers else WIDEST
    if asked.window.span > widest:
        narrower = "a prefix" if is_of_peers else "a prefix (any span) or a peer (7 days)"
        raise parameter_error(
            "starttime",
            f"without {narrower} at most {_days(widest)} of history are read at once; "
            "/api/v1/activity and /api/v1/churn/top tell of longer times",
            rfc3339(asked.window.end - widest),
        )


def _days(span: timedelta) -> str:
    return f"{span.days} days"


def updates_as_asked(asked: UpdateQuestion) -> dict[str, Any]:
    """The question as it took effect, for `meta.query`."""
    found = {
        **as_asked(asked.routes),
        **asked.window.as_asked(),
        "type": asked.types,
        "order": asked.order,
        "include": ["state"] if asked.has_states else [],
    }
    found.pop("state", None)
    return found


def write_place(place: EventPlace) -> str:
    """An opaque text for the place where a page ended."""
    return pack([place.time.astimezone(UTC).isoformat(), place.seq, place.skipped])


def read_place(text: str) -> EventPlace:
    """The place that `write_place` wrote."""
    match unpack(text):
        case [str(time), seq, skipped] if is_within(seq, 0, _SEQ_MAX) and is_within(
            skipped, 1, _SKIPPED_MAX
        ):
            try:
                return EventPlace(datetime.fromisoformat(time).astimezone(UTC), seq, skipped)
            except (ValueError, OverflowError):
                raise not_a_cursor() from None
    raise not_a_cursor()
