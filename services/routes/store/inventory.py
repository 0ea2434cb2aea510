"""Routers, the peers that they report, and the RIBs and statistics of those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from services.routes.store.conditions import all_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.inventory import PeerFilter, RouterFilter, StatisticKey
    from services.routes.store.conditions import Alternatives

_ROUTERS = """
SELECT t.*, c.connected_since, count(p.peer_id) AS peers_total,
       count(p.peer_id) FILTER (WHERE p.state = 'up') AS peers_up
  FROM rib.router AS t
  LEFT JOIN (SELECT router_id, max(since) AS connected_since FROM rib.connection
              GROUP BY router_id) AS c USING (router_id)
  LEFT JOIN rib.peer AS p USING (router_id)
"""
_ROUTER_STATES = {
    "connected": "c.connected_since IS NOT NULL",
    "disconnected": "c.connected_since IS NULL",
}

_PEERS = """
SELECT p.*, t.sys_name, t.address AS router_address
  FROM rib.peer AS p JOIN rib.router AS t USING (router_id)
"""

_RIBS = """
SELECT b.*, p.router_id, b.complete_session IS NOT DISTINCT FROM p.session AS is_complete
  FROM rib.peer_rib AS b JOIN rib.peer AS p USING (peer_id)
"""

_CHURN = """
SELECT peer_id, sum(updates + withdrawals)::int8 AS updates, max(last_change) AS last_change
  FROM rib.churn_peer
 WHERE bucket > transaction_timestamp() - interval '1 hour' AND peer_id = ANY (:peers)
 GROUP BY peer_id
"""

_STATISTICS = """
SELECT type, family, value::text AS value, at
  FROM rib.peer_statistic
 WHERE peer_id = :peer_id AND (type, coalesce(family, -1)) > (:type, :family)
 ORDER BY type, coalesce(family, -1)
 LIMIT :limit
"""


async def routers(
    conn: AsyncConnection, asked: RouterFilter, *, after_id: int, limit: int
) -> Sequence[RowMapping]:
    """Routers in the order of their ids."""
    values: dict[str, Any] = {"after_id": after_id, "limit": limit}
    conditions = ["t.router_id > :after_id"]
    if asked.router_id is not None:
        conditions.append("t.router_id = :router_id")
        values["router_id"] = asked.router_id
    if asked.states:
        conditions.append(f"({' OR '.join(_ROUTER_STATES[one] for one in asked.states)})")
    statement = (
        f"{_ROUTERS} WHERE {' AND '.join(conditions)} GROUP BY t.router_id, c.connected_since "
        "ORDER BY t.router_id LIMIT :limit"
    )
    result = await conn.execute(text(statement), values)
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
    of_ribs: tuple[Alternatives, ...] = (
        (("b.family", "int4", asked.families),),
        (("b.view", "int2", asked.views),),
    )
    if has_ribs := all_of(of_ribs, values):
        conditions.append(
            "EXISTS (SELECT FROM rib.peer_rib AS b WHERE b.peer_id = p.peer_id "
            f"AND {' AND '.join(has_ribs)})"
        )
    filters: tuple[Alternatives, ...] = (
        (("t.router_id", "int4", asked.router_ids), ("t.address", "inet", asked.router_addresses)),
        (("p.asn", "int8", asked.asns),),
        (("p.state", "text", asked.states),),
    )
    conditions.extend(all_of(filters, values))
    statement = f"{_PEERS} WHERE {' AND '.join(conditions)} ORDER BY p.peer_id LIMIT :limit"
    result = await conn.execute(text(statement), values)
    return result.mappings().all()


async def ribs_of_routers(conn: AsyncConnection, router_ids: Sequence[int]) -> Sequence[RowMapping]:
    """All RIBs of these routers' peers."""
    statement = f"{_RIBS} WHERE p.router_id = ANY (:ids)"
    result = await conn.execute(text(statement), {"ids": list(router_ids)})
    return result.mappings().all()


async def ribs_of_peers(conn: AsyncConnection, peer_ids: Sequence[int]) -> Sequence[RowMapping]:
    """All RIBs of these peers, by view and family."""
    statement = f"{_RIBS} WHERE b.peer_id = ANY (:ids) ORDER BY b.view, b.family, b.has_path_ids"
    result = await conn.execute(text(statement), {"ids": list(peer_ids)})
    return result.mappings().all()


async def churn_of_last_hour(
    conn: AsyncConnection, peer_ids: Sequence[int]
) -> Mapping[int, RowMapping]:
    """`updates` and `last_change` of the peers of which known routes changed, by peer."""
    result = await conn.execute(text(_CHURN), {"peers": list(peer_ids)})
    return {row["peer_id"]: row for row in result.mappings()}


async def statistics(
    conn: AsyncConnection, peer_id: int, *, after: StatisticKey, limit: int
) -> Sequence[RowMapping]:
    """The last value of each statistic of a peer, by type and family."""
    values = {"peer_id": peer_id, "type": after.type, "family": after.family, "limit": limit}
    return (await conn.execute(text(_STATISTICS), values)).mappings().all()
