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

_MATCHES: Mapping[Match, str] = {
    "exact": "r.prefix = CAST(:prefix AS cidr)",
    "longest": "r.prefix = ANY (rib.covering(CAST(:prefix AS inet)))",
    "longer": "r.prefix > CAST(:prefix AS cidr) "
    "AND r.prefix <= rib.last_inside(CAST(:prefix AS cidr))",
}

_ROUTE_COLUMNS = """
r.prefix, r.family, r.path_id, r.peer_id, r.view, r.session, r.first_seen, r.last_changed,
r.last_confirmed, r.is_withdrawn,
a.next_hop, a.origin, a.origin_asn, a.as_path, a.as_path_text, a.med, a.local_pref,
a.communities, a.large_communities, a.ext_communities, a.aggregator_asn, a.aggregator_id,
coalesce(a.atomic_aggregate, false) AS atomic_aggregate, a.originator_id, a.cluster_list
"""

_ROUTE_TABLES = "rib.route AS r LEFT JOIN rib.path_attributes AS a USING (attr_id)"

# The newest session of each peer, by its id; NULL for a peer that does not count. An array and no
# join, and inside a function whose yield the planner takes for a half: of a comparison it expects
# next to nothing, and sorts a table instead of reading a page along the key.
_IN_SESSION = "coalesce(r.session = (CAST(:sessions AS int4[]))[r.peer_id], false)"

_IN_STATE: Mapping[StateFilter, str] = {
    "active": f"NOT r.is_withdrawn AND {_IN_SESSION}",
    "current": f"NOT r.is_withdrawn AND {_IN_SESSION}",
    "withdrawn": f"(r.is_withdrawn OR NOT {_IN_SESSION})",
    "all": "CAST(:sessions AS int4[]) IS NOT NULL",
}

# A Peer Down takes its routes with it; a lost connection to the router leaves what was known.
_LIVING: Mapping[StateFilter, frozenset[str]] = {
    "active": frozenset({"up"}),
    "current": frozenset({"up", "lost"}),
    "withdrawn": frozenset({"up", "lost"}),
    "all": frozenset(),
}


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

    @property
    def is_longest(self) -> bool:
        """Whether only the longest match of each peer and view counts."""
        return self.prefix is not None and self.match == "longest"

    @property
    def asks_for_peers(self) -> bool:
        """Whether only routes of some peers are wanted."""
        return any(_is_asked(one) for one in self._peer_filters())

    def where_peers(self) -> tuple[str, dict[str, Any]]:
        """The condition on peers and routers, and its parameters."""
        values: dict[str, Any] = {}
        conditions = [_any_of(one, values) for one in self._peer_filters() if _is_asked(one)]
        return " AND ".join(conditions) or "true", values

    def where_routes(self, peers: Mapping[int, RowMapping]) -> tuple[str, dict[str, Any]]:
        """The condition on routes of these peers, and its parameters."""
        conditions = [_IN_STATE[self.state]]
        values: dict[str, Any] = {"sessions": _sessions(peers, _LIVING[self.state])}
        if self.prefix is not None:
            conditions.append(_MATCHES[self.match])
            values["prefix"] = self.prefix
        filters: tuple[_Alternatives, ...] = (
            (("r.peer_id", "int4", list(peers) if self.asks_for_peers else []),),
            (("a.origin_asn", "int8", self.origin_asns),),
            (("r.view", "int2", self.views),),
            (("r.family", "int2", self.families),),
        )
        conditions.extend(_any_of(one, values) for one in filters if _is_asked(one))
        return " AND ".join(conditions), values

    def _peer_filters(self) -> tuple[_Alternatives, ...]:
        return (
            (
                ("t.router_id", "int4", self.router_ids),
                ("t.address", "inet", self.router_addresses),
            ),
            (("p.peer_id", "int4", self.peer_ids), ("p.address", "inet", self.peer_addresses)),
            (("p.asn", "int8", self.peer_asns),),
        )


def _sessions(peers: Mapping[int, RowMapping], living: frozenset[str]) -> list[int | None]:
    sessions: list[int | None] = [None] * max(peers, default=0)
    for peer_id, peer in peers.items():
        if peer["state"] in living:
            sessions[peer_id - 1] = peer["session"]
    return sessions


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


async def peers_of(conn: AsyncConnection, query: RouteQuery) -> dict[int, RowMapping]:
    """The peers whose routes are asked for, by id, each with its router."""
    where, values = query.where_peers()
    result = await conn.execute(text(f"{_PEERS} WHERE {where}"), values)
    return {row["peer_id"]: row for row in result.mappings()}


async def routes(
    conn: AsyncConnection,
    query: RouteQuery,
    peers: Mapping[int, RowMapping],
    *,
    limit: int,
    after: RouteKey | None,
) -> Sequence[RowMapping]:
    """Up to `limit` routes of these peers, ordered by prefix, peer, view and path id."""
    if not peers:
        return []
    source, values = _source(query, peers, _ROUTE_COLUMNS)
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
    statement = (
        f"SELECT * FROM ({source}) AS found {page} "
        "ORDER BY prefix, peer_id, view, path_id LIMIT :limit"
    )
    result = await conn.execute(text(statement), values | {"limit": limit})
    return result.mappings().all()


async def count_routes(
    conn: AsyncConnection, query: RouteQuery, peers: Mapping[int, RowMapping]
) -> int:
    """How many routes of these peers there are, of all pages."""
    if not peers:
        return 0
    source, values = _source(query, peers, "r.prefix, r.peer_id, r.view")
    result = await conn.execute(text(f"SELECT count(*) FROM ({source}) AS found"), values)
    return int(result.scalar_one())


def _source(
    query: RouteQuery, peers: Mapping[int, RowMapping], columns: str
) -> tuple[str, dict[str, Any]]:
    where, values = query.where_routes(peers)
    source = f"SELECT {columns} FROM {_ROUTE_TABLES} WHERE {where}"
    if query.is_longest:
        source = (
            "SELECT * FROM (SELECT *, max(masklen(prefix)) OVER (PARTITION BY peer_id, view) "
            f"AS longest FROM ({source}) AS matching) AS ranked WHERE masklen(prefix) = longest"
        )
    return source, values


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
