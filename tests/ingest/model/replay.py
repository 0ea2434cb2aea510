"""The RIB at a moment, from the history alone: what a query of the past has to do.

Of each route the last event of its newest session counts (a session has one writer, whose messages
are numbered in order). It is gone where that was a withdrawal, or where a sweep up to that moment
names a newer session. Routes of a session that is not the peer's newest, or whose connection was
lost, are stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg


class Row(NamedTuple):
    """A live route of the past."""

    state: str
    attr_id: int
    detail: str | None


Key = tuple[int, str, int]
"""RIB, prefix or number of the NLRI, bits of the path identifier."""

_EVENTS = """
SELECT e.rib_id, e.key, rib.path_id_bits(e.path_id) AS path_id, e.attr_id, e.detail, e.session,
       b.peer_id, b.family, b.view
  FROM (SELECT rib_id, prefix::text AS key, path_id, attr_id, NULL AS detail, session, seq, time
          FROM rib.route_event
        UNION ALL
        SELECT rib_id, nlri_id::text, path_id, attr_id, detail::text, session, seq, time
          FROM rib.nlri_event) AS e
  JOIN rib.peer_rib AS b USING (rib_id)
  JOIN rib.peer AS p USING (peer_id)
 WHERE p.router_id = $1 AND e.time <= $2
 ORDER BY e.session, e.seq
"""
_SWEEPS = """
SELECT s.peer_id, s.family, s.view, max(s.session) AS session
  FROM rib.sweep AS s JOIN rib.peer AS p USING (peer_id)
 WHERE p.router_id = $1 AND s.time <= $2
 GROUP BY s.peer_id, s.family, s.view
"""
_PEERS = """
SELECT e.peer_id, e.session, e.event
  FROM rib.peer_event AS e JOIN rib.peer AS p USING (peer_id)
 WHERE p.router_id = $1 AND e.time <= $2 AND e.event IN ('up', 'down', 'lost')
"""


async def replay(conn: asyncpg.Connection[Any], router_id: int, moment: datetime) -> dict[Key, Row]:
    """The live routes of a router at a moment."""
    last = {}
    for event in await conn.fetch(_EVENTS, router_id, moment):
        last[event["rib_id"], event["key"], event["path_id"]] = event
    sweeps = {
        (row["peer_id"], row["family"], row["view"]): row["session"]
        for row in await conn.fetch(_SWEEPS, router_id, moment)
    }
    current = _sessions(await conn.fetch(_PEERS, router_id, moment))
    routes = {}
    for key, event in last.items():
        peer_id, session = event["peer_id"], event["session"]
        tables = ((peer_id, event["family"], event["view"]), (peer_id, None, None))
        if event["attr_id"] is None or any(session < sweeps.get(one, 0) for one in tables):
            continue
        state = "active" if current[peer_id] == session else "stale"
        routes[key] = Row(state, event["attr_id"], event["detail"])
    return routes


def _sessions(events: list[asyncpg.Record]) -> dict[int, int | None]:
    """The newest session of each peer; None where it is over."""
    newest: dict[int, int] = {}
    for event in events:
        newest[event["peer_id"]] = max(newest.get(event["peer_id"], 0), event["session"])
    over = {(row["peer_id"], row["session"]) for row in events if row["event"] != "up"}
    return {peer: None if (peer, session) in over else session for peer, session in newest.items()}
