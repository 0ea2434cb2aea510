"""How many routes each RIB has. To count a million of them takes a tenth of a second."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class RibCount:
    """The routes of one RIB that nobody withdrew, by session, and when one of them last came."""

    by_session: dict[int, int] = field(default_factory=dict)
    last_update_at: datetime | None = None

    def live(self, valid_session: int) -> int:
        """Those of the sessions that count; what a Peer Down ended is off, whenever it came."""
        return sum(count for session, count in self.by_session.items() if session >= valid_session)


@dataclass(frozen=True, slots=True)
class State:
    """How far the current RIB is at a moment.

    Every commit of routes changes `committed`, and every end of a table `completed`.
    """

    at: datetime
    committed: dict[int, int]
    """Announcements and withdrawals, by writer."""
    completed: int
    """The sum of the sessions whose tables are complete."""
    octets: int
    """Of the tables of current routes."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, by RIB, and the state of the store that it is true of."""

    state: State
    ribs: dict[int, RibCount]


_STATE = """
SELECT transaction_timestamp() AS at,
       ARRAY(SELECT writer_id FROM rib.progress WHERE stage = 'current' ORDER BY writer_id)
           AS writers,
       ARRAY(SELECT routes FROM rib.progress WHERE stage = 'current' ORDER BY writer_id) AS routes,
       (SELECT coalesce(sum(complete_session), 0) FROM rib.peer_rib) AS completed,
       pg_relation_size('rib.route') + pg_relation_size('rib.nlri_route') AS octets
"""

_PIECE = 1_024
"""Pages of 8 kB: some 90,000 routes, counted in 10 to 20 ms."""

_LONGEST_REST = 1.0

_PAGES = """
SELECT pg_relation_size(CAST(CAST(:table AS text) AS regclass))
       / CAST(current_setting('block_size') AS int8)
"""

_COUNT = """
SELECT rib_id, session, count(*) FILTER (WHERE NOT is_withdrawn) AS routes,
       greatest(max(last_changed), max(last_confirmed)) AS last_update_at
  FROM rib.{table}
 WHERE ctid >= format('(%s,0)', CAST(:first AS int8))::tid
   AND ctid < format('(%s,0)', CAST(:behind AS int8))::tid
 GROUP BY rib_id, session
"""


async def state(conn: AsyncConnection) -> State:
    """Of the transaction's snapshot."""
    row = (await conn.execute(text(_STATE))).one()
    committed = dict(zip(row.writers, row.routes, strict=True))
    return State(row.at, committed, row.completed, row.octets)


async def count(conn: AsyncConnection, *, rest: float = 0.0) -> Counts:
    """Reads every current route once, as the transaction's snapshot has it.

    Piece by piece, with one core; after each nothing is done for `rest` times as long as it took,
    at most a second, so that those who ask meanwhile find a core.
    """
    await conn.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
    counted = await state(conn)
    routes: defaultdict[int, Counter[int]] = defaultdict(Counter)
    newest: dict[int, datetime] = {}
    for table in ("route", "nlri_route"):
        async for row in _pieces(conn, table, rest):
            routes[row.rib_id][row.session] += row.routes
            newest[row.rib_id] = max(newest.get(row.rib_id, row.last_update_at), row.last_update_at)
    return Counts(counted, {rib: RibCount(routes[rib], newest[rib]) for rib in routes})


async def _pieces(conn: AsyncConnection, table: str, rest: float) -> AsyncIterator[Row[Any]]:
    counted = text(_COUNT.format(table=table))
    pages = (await conn.execute(text(_PAGES), {"table": f"rib.{table}"})).scalar_one()
    for first in range(0, pages, _PIECE):
        began = time.monotonic()
        for row in await conn.execute(counted, {"first": first, "behind": first + _PIECE}):
            yield row
        if rest:
            await asyncio.sleep(min(rest * (time.monotonic() - began), _LONGEST_REST))
