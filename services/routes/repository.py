"""The questions that are put to schema `rib`. Functions are handed a connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.parameters import Match, Network, RouteKey, StateFilter

# A Peer Down takes its routes with it; a lost connection to the router leaves what was known.
# A row of an older session than the peer's is one that the newer session never announced.
_STATE = """
CASE WHEN r.is_withdrawn OR p.state = 'down' OR r.session <> p.session THEN 'withdrawn'
     WHEN p.state = 'lost' THEN 'stale'
     ELSE 'active' END
"""

_IN_STATE: Mapping[StateFilter, str] = {
    "active": "NOT r.is_withdrawn AND r.session = p.session AND p.state = 'up'",
    "current": "NOT r.is_withdrawn AND r.session = p.session AND p.state <> 'down'",
    "withdrawn": "(r.is_withdrawn OR r.session <> p.session OR p.state = 'down')",
    "all": "true",
}

_MATCHES: Mapping[Match, str] = {
    "exact": "r.prefix = CAST(:prefix AS cidr)",
    "longest": "r.prefix = ANY (rib.covering(CAST(:prefix AS inet)))",
    "longer": "r.prefix > CAST(:prefix AS cidr) "
    "AND r.prefix <= rib.last_inside(CAST(:prefix AS cidr))",
}

_ROUTE_COLUMNS = f"""
r.prefix, r.family, r.path_id, r.view, r.session, r.first_seen, r.last_changed, r.last_confirmed,
r.is_withdrawn, {_STATE} AS state,
t.router_id, t.address AS router_address, t.sys_name,
p.peer_id, p.address AS peer_address, p.asn AS peer_asn, p.state AS peer_state,
p.since AS peer_since, p.down_at,
a.next_hop, a.origin, a.origin_asn, a.as_path, a.as_path_text, a.med, a.local_pref,
a.communities, a.large_communities, a.ext_communities, a.aggregator_asn, a.aggregator_id,
coalesce(a.atomic_aggregate, false) AS atomic_aggregate, a.originator_id, a.cluster_list
"""

_ROUTE_TABLES = """
rib.route AS r JOIN rib.peer AS p USING (peer_id) JOIN rib.router AS t USING (router_id)
LEFT JOIN rib.path_attributes AS a USING (attr_id)
"""


# Columns of which one must match, each with its type and the values asked for.
_Alternatives = tuple[tuple[str, str, list[Any]], ...]


@dataclass(slots=True)
class RouteQuery:
    """Which routes are asked for. Values of one filter are alternatives, filters add up."""

    prefix: Network | None = None
    match: Match = "exact"
    state: StateFilter = "current"
    router_ids: list[int] = field(default_factory=list)
    router_addresses: list[str] = field(default_factory=list)
    peer_ids: list[int] = field(default_factory=list)
    peer_addresses: list[str] = field(default_factory=list)
    peer_asns: list[int] = field(default_factory=list)
    origin_asns: list[int] = field(default_factory=list)
    views: list[int] = field(default_factory=list)
    families: list[int] = field(default_factory=list)

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition and its parameters."""
        conditions = [_IN_STATE[self.state]]
        values: dict[str, Any] = {}
        if self.prefix is not None:
            conditions.append(_MATCHES[self.match])
            values["prefix"] = self.prefix
        filters: tuple[_Alternatives, ...] = (
            (
                ("t.router_id", "int4", self.router_ids),
                ("t.address", "inet", self.router_addresses),
            ),
            (("p.peer_id", "int4", self.peer_ids), ("p.address", "inet", self.peer_addresses)),
            (("p.asn", "int8", self.peer_asns),),
            (("a.origin_asn", "int8", self.origin_asns),),
            (("r.view", "int2", self.views),),
            (("r.family", "int2", self.families),),
        )
        conditions.extend(_any_of(one, values) for one in filters if _is_asked(one))
        return " AND ".join(conditions), values


def _is_asked(alternatives: _Alternatives) -> bool:
    return any(wanted for _, _, wanted in alternatives)


def _any_of(alternatives: _Alternatives, values: dict[str, Any]) -> str:
    parts = []
    for column, kind, wanted in alternatives:
        if wanted:
            name = f"v{len(values)}"
            # Addresses travel as text: the driver would want address objects.
            carried = "text" if kind == "inet" else kind
            parts.append(f"{column} = ANY (CAST(CAST(:{name} AS {carried}[]) AS {kind}[]))")
            values[name] = wanted
    return f"({' OR '.join(parts)})"


async def routes(
    conn: AsyncConnection, query: RouteQuery, *, limit: int, after: RouteKey | None
) -> Sequence[RowMapping]:
    """Up to `limit` routes in the order prefix, peer, view, path id, from `after` on."""
    where, values = query.where()
    page = ""
    if after is not None:
        page = (
            "WHERE (prefix, peer_id, view, path_id) > "
            "(CAST(:after_prefix AS cidr), :after_peer, :after_view, :after_path)"
        )
        values |= {
            "after_prefix": after.prefix,
            "after_peer": after.peer_id,
            "after_view": after.view,
            "after_path": after.path_id,
        }
    source = f"SELECT {_ROUTE_COLUMNS} FROM {_ROUTE_TABLES} WHERE {where}"
    if query.match == "longest" and query.prefix is not None:
        source = (
            "SELECT * FROM (SELECT *, max(masklen(prefix)) OVER (PARTITION BY peer_id, view) "
            f"AS longest FROM ({source}) AS matching) AS ranked WHERE masklen(prefix) = longest"
        )
    statement = (
        f"SELECT * FROM ({source}) AS found {page} "
        "ORDER BY prefix, peer_id, view, path_id LIMIT :limit"
    )
    result = await conn.execute(text(statement), values | {"limit": limit})
    return result.mappings().all()


async def count_routes(conn: AsyncConnection, query: RouteQuery) -> int:
    """How many routes there are, of all pages."""
    where, values = query.where()
    source = f"SELECT p.peer_id, r.view, r.prefix FROM {_ROUTE_TABLES} WHERE {where}"
    if query.match == "longest" and query.prefix is not None:
        source = (
            "SELECT 1 FROM (SELECT prefix, max(masklen(prefix)) OVER (PARTITION BY peer_id, view) "
            f"AS longest FROM ({source}) AS m) AS ranked WHERE masklen(prefix) = longest"
        )
    result = await conn.execute(text(f"SELECT count(*) FROM ({source}) AS found"), values)
    return int(result.scalar_one())


async def data_as_of(conn: AsyncConnection) -> datetime | None:
    """The last commit of any ingest process."""
    result = await conn.execute(text("SELECT max(committed_at) FROM rib.writer"))
    moment: datetime | None = result.scalar_one()
    return moment


_ROUTERS = """
SELECT t.*, count(p.peer_id) AS peers_total,
       count(p.peer_id) FILTER (WHERE p.state = 'up') AS peers_up
  FROM rib.router AS t LEFT JOIN rib.peer AS p USING (router_id)
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
        f"{_ROUTERS} WHERE {condition} GROUP BY t.router_id ORDER BY t.router_id LIMIT :limit"
    )
    values = {"after_id": after_id} if router_id is None else {"router_id": router_id}
    result = await conn.execute(text(statement), values | {"limit": limit})
    return result.mappings().all()


@dataclass(slots=True)
class PeerQuery:
    """Which peers are asked for."""

    peer_id: int | None = None
    router_ids: list[int] = field(default_factory=list)
    router_addresses: list[str] = field(default_factory=list)
    asns: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)


async def peers(
    conn: AsyncConnection, query: PeerQuery, *, after_id: int, limit: int
) -> Sequence[RowMapping]:
    """Peers in the order of their ids."""
    values: dict[str, Any] = {"after_id": after_id, "limit": limit}
    conditions = ["p.peer_id > :after_id"]
    if query.peer_id is not None:
        conditions.append("p.peer_id = :peer_id")
        values["peer_id"] = query.peer_id
    filters: tuple[_Alternatives, ...] = (
        (("t.router_id", "int4", query.router_ids), ("t.address", "inet", query.router_addresses)),
        (("p.asn", "int8", query.asns),),
        (("p.state", "text", query.states),),
    )
    conditions.extend(_any_of(one, values) for one in filters if _is_asked(one))
    statement = f"{_PEERS} WHERE {' AND '.join(conditions)} ORDER BY p.peer_id LIMIT :limit"
    result = await conn.execute(text(statement), values)
    return result.mappings().all()
