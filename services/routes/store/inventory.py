"""Routers, and the peers that they report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from services.routes.store.conditions import all_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.inventory import PeerFilter
    from services.routes.store.conditions import Alternatives

_ROUTERS = """
SELECT t.*, c.connected_since, count(p.peer_id) AS peers_total,
       count(p.peer_id) FILTER (WHERE p.state = 'up') AS peers_up
  FROM rib.router AS t
  LEFT JOIN (SELECT router_id, max(since) AS connected_since FROM rib.connection
              GROUP BY router_id) AS c USING (router_id)
  LEFT JOIN rib.peer AS p USING (router_id)
"""

_PEERS = """
SELECT p.*, t.sys_name, t.address AS router_address
  FROM rib.peer AS p JOIN rib.router AS t USING (router_id)
"""


async def routers(
    conn: AsyncConnection, *, after_id: int, limit: int, router_id: int | None = None
) -> Sequence[RowMapping]:
    """Routers in the order of their ids, or the one with this id."""
    condition = "t.router_id > :after_id" if router_id is None else "t.router_id = :router_id"
    statement = (
        f"{_ROUTERS} WHERE {condition} GROUP BY t.router_id, c.connected_since "
        "ORDER BY t.router_id LIMIT :limit"
    )
    values = {"after_id": after_id} if router_id is None else {"router_id": router_id}
    result = await conn.execute(text(statement), values | {"limit": limit})
    return result.mappings().all()


async def peers(
    conn: AsyncConnection, asked: PeerFilter, *, after_id: int, limit: int
) -> Sequence[RowMapping]:
    """Peers in the order of their ids."""
    values: dict[str, Any] = {"after_id": after_id, "limit": limit}
    conditions = ["p.peer_id > :after_id"]
    if asked.peer_id is not None:
        conditions.append("p.peer_id = :peer_id")
        values["peer_id"] = asked.peer_id
    filters: tuple[Alternatives, ...] = (
        (("t.router_id", "int4", asked.router_ids), ("t.address", "inet", asked.router_addresses)),
        (("p.asn", "int8", asked.asns),),
        (("p.state", "text", asked.states),),
    )
    conditions.extend(all_of(filters, values))
    statement = f"{_PEERS} WHERE {' AND '.join(conditions)} ORDER BY p.peer_id LIMIT :limit"
    result = await conn.execute(text(statement), values)
    return result.mappings().all()
