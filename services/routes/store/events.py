"""What happened to peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.events import EventFilter, EventKey

# Of each peer its newest ones along its index, then the newest of all: however many weeks and
# peers there are, little is read.
_EVENTS = """
SELECT e.*, p.address, p.asn, p.router_id, t.sys_name, t.address AS router_address
  FROM rib.peer AS p
  JOIN rib.router AS t USING (router_id)
 CROSS JOIN LATERAL (
       SELECT * FROM rib.peer_event AS e
        WHERE e.peer_id = p.peer_id AND {conditions}
        ORDER BY e.time DESC, e.seq DESC LIMIT :limit) AS e
 WHERE {whose}
 ORDER BY e.time DESC, e.seq DESC, e.peer_id DESC LIMIT :limit
"""


async def peer_events(
    conn: AsyncConnection, asked: EventFilter, *, after: EventKey | None, limit: int
) -> Sequence[RowMapping]:
    """The newest events of a peer, or of all peers of a router, older than `after`."""
    values: dict[str, Any] = {"limit": limit}
    conditions = ["true"]
    if asked.peer_id is not None:
        whose, values["id"] = "p.peer_id = :id", asked.peer_id
    else:
        whose, values["id"] = "p.router_id = :id", asked.router_id
    if asked.starttime is not None:
        conditions.append("e.time >= :starttime")
        values["starttime"] = asked.starttime
    if asked.endtime is not None:
        conditions.append("e.time <= :endtime")
        values["endtime"] = asked.endtime
    if asked.kinds:
        conditions.append("e.event = ANY (:kinds)")
        values["kinds"] = asked.kinds
    if after is not None:
        conditions.append("(e.time, e.seq, e.peer_id) < (:after_time, :after_seq, :after_peer)")
        conditions.append("e.time <= :after_time")
        values |= {
            "after_time": after.time,
            "after_seq": after.seq,
            "after_peer": after.peer_id,
        }
    statement = _EVENTS.format(conditions=" AND ".join(conditions), whose=whose)
    result = await conn.execute(text(statement), values)
    return result.mappings().all()
