"""How many routes each RIB has. To count a million of them takes a tenth of a second."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

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
    """How far the current RIB is at a moment. Every commit of routes changes `committed`."""

    at: datetime
    committed: dict[int, int]
    """Announcements and withdrawals, by writer."""
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
       pg_relation_size('rib.route') + pg_relation_size('rib.nlri_route') AS octets
"""

_COUNT = """
SELECT rib_id, session, count(*) FILTER (WHERE NOT is_withdrawn) AS routes,
       greatest(max(last_changed), max(last_confirmed)) AS last_update_at
  FROM rib.{table}
 GROUP BY rib_id, session
"""


async def state(conn: AsyncConnection) -> State:
    """Of the transaction's snapshot."""
    row = (await conn.execute(text(_STATE))).one()
    return State(row.at, dict(zip(row.writers, row.routes, strict=True)), row.octets)


async def count(conn: AsyncConnection) -> Counts:
    """Reads every current route once, with one core: nobody waits for it."""
    await conn.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
    counted = await state(conn)
    ribs: dict[int, RibCount] = {}
    for table in ("route", "nlri_route"):
        for row in await conn.execute(text(_COUNT.format(table=table))):
            known = ribs.get(row.rib_id, RibCount())
            moments = (known.last_update_at, row.last_update_at)
            ribs[row.rib_id] = RibCount(
                known.by_session | {row.session: row.routes},
                max(moment for moment in moments if moment is not None),
            )
    return Counts(counted, ribs)
