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
r.prefix, r.rib_id, r.path_id, r.session, r.first_seen, r.last_changed, r.last_confirmed,
r.is_withdrawn,
a.next_hop, a.origin, a.origin_asn, a.as_path, a.as_path_text, a.med, a.local_pref,
a.communities, a.large_communities, a.ext_communities, a.aggregator_asn, a.aggregator_id,
coalesce(a.atomic_aggregate, false) AS atomic_aggregate, a.originator_id, a.cluster_list
"""

_ROUTE_TABLES = "rib.route AS r LEFT JOIN rib.path_attributes AS a USING (attr_id)"

# The oldest session of each RIB that counts, by the RIB's id; NULL for a RIB that does not. An
# array and no join, and inside a function whose yield the planner takes for a half: of a comparison
# it expects next to nothing, and sorts a table instead of reading a page along the key.
_IN_SESSION = "coalesce(r.session >= (CAST(:sessions AS int4[]))[r.rib_id], false)"

_IN_STATE: Mapping[StateFilter, str] = {
    "active": f"NOT r.is_withdrawn AND {_IN_SESSION}",
    "current": f"NOT r.is_withdrawn AND {_IN_SESSION}",
    "withdrawn": f"(r.is_withdrawn OR NOT {_IN_SESSION})",
    "all": "CAST(:sessions AS int4[]) IS NOT NULL",
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
    def asks_for_ribs(self) -> bool:
        """Whether only routes of some RIBs are wanted."""
        return any(_is_asked(one) for one in self._rib_filters())

    def where_ribs(self) -> tuple[str, dict[str, Any]]:
        """The condition on RIBs, peers and routers, and its parameters."""
        values: dict[str, Any] = {}
        conditions = [_any_of(one, values) for one in self._rib_filters() if _is_asked(one)]
        return " AND ".join(conditions) or "true", values

    def where_routes(self, ribs: Mapping[int, RowMapping]) -> tuple[str, dict[str, Any]]:
        """The condition on routes of these RIBs, and its parameters."""
        conditions = [_IN_STATE[self.state]]
        values: dict[str, Any] = {"sessions": _sessions(ribs, self.state)}
        if self.prefix is not None:
            conditions.append(_MATCHES[self.match])
            values["prefix"] = self.prefix
        filters: tuple[_Alternatives, ...] = (
            (("r.rib_id", "int4", list(ribs) if self.asks_for_ribs else []),),
            (("a.origin_asn", "int8", self.origin_asns),),
        )
        conditions.extend(_any_of(one, values) for one in filters if _is_asked(one))
        return " AND ".join(conditions), values

    def _rib_filters(self) -> tuple[_Alternatives, ...]:
        return (
            (
                ("t.router_id", "int4", self.router_ids),
                ("t.address", "inet", self.router_addresses),
            ),
            (("p.peer_id", "int4", self.peer_ids), ("p.address", "inet", self.peer_addresses)),
            (("p.asn", "int8", self.peer_asns),),
            (("b.view", "int2", self.views),),
            (("b.family", "int4", self.families),),
        )


def _sessions(ribs: Mapping[int, RowMapping], state: StateFilter) -> list[int | None]:
    """For each RIB by its id, the oldest session whose routes count."""
    sessions: list[int | None] = [None] * max(ribs, default=0)
    for rib_id, rib in ribs.items():
        if state != "active":
            sessions[rib_id - 1] = rib["valid_session"]
        elif rib["state"] == "up":
            # What an older session said is stale until the router has said it again.
            sessions[rib_id - 1] = max(rib["valid_session"], rib["session"])
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


async def ribs_of(conn: AsyncConnection, query: RouteQuery) -> dict[int, RowMapping]:
    """The RIBs whose routes are asked for, by id, each with its peer and router."""
    where, values = query.where_ribs()
    result = await conn.execute(text(f"{_RIBS} WHERE {where}"), values)
    return {row["rib_id"]: row for row in result.mappings()}


async def routes(
    conn: AsyncConnection,
    query: RouteQuery,
    ribs: Mapping[int, RowMapping],
    *,
    limit: int,
    after: RouteKey | None,
) -> Sequence[RowMapping]:
    """Up to `limit` routes of these RIBs, ordered by prefix, RIB and path id."""
    if not ribs:
        return []
    source, values = _source(query, ribs, _ROUTE_COLUMNS)
    page = ""
    if after is not None:
        page = (
            "WHERE (prefix, rib_id, path_id) > "
            "(CAST(:after_prefix AS cidr), :after_rib, :after_path)"
        )
        values |= {
            "after_prefix": after.prefix,
            "after_rib": after.rib_id,
            "after_path": after.path_id,
        }
    statement = (
        f"SELECT * FROM ({source}) AS found {page} ORDER BY prefix, rib_id, path_id LIMIT :limit"
    )
    result = await conn.execute(text(statement), values | {"limit": limit})
    return result.mappings().all()


async def count_routes(
    conn: AsyncConnection, query: RouteQuery, ribs: Mapping[int, RowMapping]
) -> int:
    """How many routes of these RIBs there are, of all pages."""
    if not ribs:
        return 0
    source, values = _source(query, ribs, "r.prefix, r.rib_id")
    result = await conn.execute(text(f"SELECT count(*) FROM ({source}) AS found"), values)
    return int(result.scalar_one())


def _source(
    query: RouteQuery, ribs: Mapping[int, RowMapping], columns: str
) -> tuple[str, dict[str, Any]]:
    where, values = query.where_routes(ribs)
    source = f"SELECT {columns} FROM {_ROUTE_TABLES} WHERE {where}"
    if query.is_longest:
        source = (
            "SELECT * FROM (SELECT *, max(masklen(prefix)) OVER (PARTITION BY rib_id) "
            f"AS longest FROM ({source}) AS matching) AS ranked WHERE masklen(prefix) = longest"
        )
    return source, values


async def data_as_of(conn: AsyncConnection) -> datetime | None:
    """The last commit of any ingest process."""
    result = await conn.execute(
        text("SELECT max(committed_at) FROM rib.progress WHERE stage = 'current'")
    )
    moment: datetime | None = result.scalar_one()
    return moment


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

_RIBS = """
SELECT p.*, t.sys_name, t.address AS router_address, b.rib_id, b.view, b.family, b.has_path_ids,
       b.valid_session, b.complete_at
  FROM rib.peer_rib AS b JOIN rib.peer AS p USING (peer_id) JOIN rib.router AS t USING (router_id)
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
