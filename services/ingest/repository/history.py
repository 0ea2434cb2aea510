"""The first stage of a batch: what happened, appended and never changed."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

from services.ingest.changes import (
    PeerCameUp,
    PeerWentDown,
    RouterDisconnected,
    TableComplete,
)
from services.ingest.repository.copying import copy, note_batch
from services.ingest.repository.values import moment, storable
from services.ingest.rows.attributes import ATTRIBUTE_COLUMNS
from services.ingest.rows.events import NLRI_COLUMNS, ROUTE_COLUMNS, arrived_us
from services.ingest.rows.nlri import NLRI_DICTIONARY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from services.ingest.batch import Batch
    from services.ingest.changes import Change
    from services.ingest.database import Conn

STAGING = """
CREATE TEMP TABLE stage_attributes (LIKE rib.path_attributes) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_nlri (LIKE rib.nlri) ON COMMIT DELETE ROWS;
"""


def _dictionary(table: str, key: str, columns: tuple[str, ...]) -> str:
    # In the order of the key: two writers that insert the same rows in different orders would
    # wait for each other for ever. What is there is touched once a week, for `last_used`.
    names = ", ".join(columns)
    stage = table.removeprefix("path_")
    return (
        f"INSERT INTO rib.{table} AS known ({names}) "
        f"SELECT {names} FROM stage_{stage} ORDER BY {key} "
        f"ON CONFLICT ({key}) DO UPDATE SET last_used = EXCLUDED.last_used "
        "WHERE known.last_used < EXCLUDED.last_used - 6"
    )


_ATTRIBUTES = _dictionary("path_attributes", "attr_id", ATTRIBUTE_COLUMNS)
_NLRI = _dictionary("nlri", "nlri_id", NLRI_DICTIONARY_COLUMNS)

_PeerEvent = tuple[Any, ...]
_PEER_EVENT = """
INSERT INTO rib.peer_event
       (seq, time, router_time, peer_id, session, family, view, reason_code, event, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_SWEEP = """
INSERT INTO rib.sweep (seq, time, peer_id, session, family, view, is_down)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def write(conn: Conn, writer_id: int, batch: Batch) -> None:
    """Writes a batch's attribute sets, NLRI, routes and what happened to peers."""
    if batch.attributes:
        await copy(conn, "stage_attributes", ATTRIBUTE_COLUMNS, batch.attributes)
        await conn.execute(_ATTRIBUTES)
    if batch.nlri:
        await copy(conn, "stage_nlri", NLRI_DICTIONARY_COLUMNS, batch.nlri)
        await conn.execute(_NLRI)
    if batch.routes.events:
        await copy(conn, "route_event", ROUTE_COLUMNS, batch.routes.events, schema="rib")
    if batch.nlri_routes.events:
        await copy(conn, "nlri_event", NLRI_COLUMNS, batch.nlri_routes.events, schema="rib")
    changes = (*batch.before_routes, *batch.after_routes)
    if events := [event for change in changes for event in _events(change)]:
        await conn.executemany(_PEER_EVENT, events)
    if sweeps := [sweep for change in changes for sweep in _sweeps(change)]:
        await conn.executemany(_SWEEP, sweeps)
    await note_batch(conn, "history", writer_id, batch)


def moments(batch: Batch) -> set[datetime]:
    """When what is in a batch happened."""
    events = (*batch.routes.events, *batch.nlri_routes.events)
    changes = (*batch.before_routes, *batch.after_routes)
    return {moment(arrived_us(row)) for row in events} | {
        at for change in changes for _, at, *_ in _events(change)
    }


@singledispatch
def _events(_change: Change) -> Iterator[_PeerEvent]:
    """The rows of `rib.peer_event` that a change leaves; none of what is no event of a peer."""
    yield from ()


@_events.register(PeerCameUp)
def _(change: PeerCameUp) -> Iterator[_PeerEvent]:
    reason = "inferred from its routes" if change.is_inferred else None
    yield _event(change, "up", reason=reason)


@_events.register(PeerWentDown)
def _(change: PeerWentDown) -> Iterator[_PeerEvent]:
    yield _event(change, "down", code=change.reason_code, reason=storable(change.reason))


@_events.register(TableComplete)
def _(change: TableComplete) -> Iterator[_PeerEvent]:
    yield _event(change, "expired" if change.is_expired else "end_of_rib")


@_events.register(RouterDisconnected)
def _(change: RouterDisconnected) -> Iterator[_PeerEvent]:
    at = moment(change.time_us)
    for peer_id, session in change.sessions.items():
        yield (change.seq, at, None, peer_id, session, None, None, None, "lost", change.reason)


def _event(
    change: PeerCameUp | PeerWentDown | TableComplete,
    event: str,
    *,
    code: int | None = None,
    reason: str | None = None,
) -> _PeerEvent:
    family, view = (
        (change.family, change.view) if isinstance(change, TableComplete) else (None, None)
    )
    return (
        change.seq,
        moment(change.time_us),
        moment(change.router_time_us),
        change.peer_id,
        change.session,
        family,
        view,
        code,
        event,
        reason,
    )


@singledispatch
def _sweeps(_change: Change) -> Iterator[tuple[Any, ...]]:
    """The rows of `rib.sweep` that a change leaves."""
    yield from ()


@_sweeps.register(PeerWentDown)
def _(change: PeerWentDown) -> Iterator[tuple[Any, ...]]:
    at = moment(change.time_us)
    yield (change.seq, at, change.peer_id, change.session + 1, None, None, True)


@_sweeps.register(TableComplete)
def _(change: TableComplete) -> Iterator[tuple[Any, ...]]:
    at = moment(change.time_us)
    yield (change.seq, at, change.peer_id, change.session, change.family, change.view, False)
