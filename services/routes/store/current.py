"""Routes of the current RIB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from services.routes.store.conditions import all_of
from services.routes.store.ribs import asks_for_ribs, sessions_that_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.cursors import RouteKey
    from services.routes.asking.routes import RouteFilter
    from services.routes.asking.values import Match, StateFilter
    from services.routes.store.conditions import Alternatives

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


async def routes(
    conn: AsyncConnection,
    asked: RouteFilter,
    ribs: Mapping[int, RowMapping],
    *,
    limit: int,
    after: RouteKey | None,
) -> Sequence[RowMapping]:
    """Up to `limit` routes of these RIBs, ordered by prefix, RIB and path id."""
    if not ribs:
        return []
    source, values = _source(asked, ribs, _ROUTE_COLUMNS)
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
    conn: AsyncConnection, asked: RouteFilter, ribs: Mapping[int, RowMapping]
) -> int:
    """How many routes of these RIBs there are, of all pages."""
    if not ribs:
        return 0
    source, values = _source(asked, ribs, "r.prefix, r.rib_id")
    result = await conn.execute(text(f"SELECT count(*) FROM ({source}) AS found"), values)
    return int(result.scalar_one())


def _source(
    asked: RouteFilter, ribs: Mapping[int, RowMapping], columns: str
) -> tuple[str, dict[str, Any]]:
    where, values = _where(asked, ribs)
    source = f"SELECT {columns} FROM {_ROUTE_TABLES} WHERE {where}"
    if asked.is_longest:
        source = (
            "SELECT * FROM (SELECT *, max(masklen(prefix)) OVER (PARTITION BY rib_id) "
            f"AS longest FROM ({source}) AS matching) AS ranked WHERE masklen(prefix) = longest"
        )
    return source, values


def _where(asked: RouteFilter, ribs: Mapping[int, RowMapping]) -> tuple[str, dict[str, Any]]:
    conditions = [_IN_STATE[asked.state]]
    values: dict[str, Any] = {"sessions": sessions_that_count(ribs, asked.state)}
    if asked.prefix is not None:
        conditions.append(_MATCHES[asked.match])
        values["prefix"] = asked.prefix
    filters: tuple[Alternatives, ...] = (
        (("r.rib_id", "int4", list(ribs) if asks_for_ribs(asked) else []),),
        (("a.origin_asn", "int8", asked.origin_asns),),
    )
    conditions.extend(all_of(filters, values))
    return " AND ".join(conditions), values
