"""Routes of the current RIB, or of the RIB as it was at a moment, in the order of their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from services.routes.store.attributes import attribute_conditions
from services.routes.store.conditions import all_of
from services.routes.store.driver import fetch
from services.routes.store.loading import loading, route_while_loading
from services.routes.store.past import as_of, route_at
from services.routes.store.ribs import asks_for_ribs, sessions_that_count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.asking.values import Match, StateFilter
    from services.routes.store.conditions import Alternatives

    Ribs = Mapping[int, Mapping[str, Any]]

Table = Literal["route", "nlri_route"]

_INSIDE = "AND {0} <= rib.last_inside(CAST(:prefix AS cidr))"
_MATCHES: Mapping[Match, str] = {
    "exact": "{0} = CAST(:prefix AS cidr)",
    "longest": "{0} = ANY (rib.covering(CAST(:prefix AS inet)))",
    "orshorter": "{0} = ANY (rib.covering(CAST(:prefix AS inet)))",
    "shorter": "{0} = ANY (rib.covering(CAST(:prefix AS inet))) AND {0} <> CAST(:prefix AS cidr)",
    "orlonger": f"{{0}} >= CAST(:prefix AS cidr) {_INSIDE}",
    "longer": f"{{0}} > CAST(:prefix AS cidr) {_INSIDE}",
}

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

# A moment that is that of the last change is told as NULL: most are, and the driver takes longer
# for a moment than for all else of a row.
SHARED_COLUMNS = """
r.rib_id, r.path_id, r.session, r.is_withdrawn, r.attr_id, r.last_changed,
nullif(r.first_seen, r.last_changed) AS first_seen,
nullif(r.last_confirmed, r.last_changed) AS last_confirmed
"""
_COLUMNS: Mapping[Table, str] = {
    "route": f"r.prefix::text AS prefix, {SHARED_COLUMNS}",
    "nlri_route": f"n.prefix::text AS prefix, r.nlri_id, n.fields::text AS fields, "
    f"r.detail::text AS detail, {SHARED_COLUMNS}",
}
KEYS: Mapping[Table, str] = {
    "route": "r.prefix, r.rib_id, r.path_id",
    "nlri_route": "r.nlri_id, r.rib_id, r.path_id",
}
# The longest match of each RIB; a VPN's of each of its route distinguishers.
_LONGEST: Mapping[Table, str] = {
    "route": "(SELECT r.*, masklen(r.prefix) AS bits, "
    "max(masklen(r.prefix)) OVER (PARTITION BY r.rib_id) AS longest FROM {})",
    "nlri_route": "(SELECT r.*, masklen(n.prefix) AS bits, "
    "max(masklen(n.prefix)) OVER (PARTITION BY r.rib_id, n.rd) AS longest FROM {})",
}
# An Ethernet segment is of the key of some EVPN routes and beside that of others. A route of type 2
# has one label or two, for bridging and for routing.
_ESI = "coalesce(r.detail #>> '{esi,value}', n.fields #>> '{esi,value}')"
_VNIS = ("(r.detail #>> '{vnis,0}')::int4", "(r.detail #>> '{vnis,1}')::int4")
_FIRST_OF_V6 = "CAST('::/0' AS cidr)"
_AFI_V4, _AFI_V6 = 1, 2

# Unicast and multicast: whatever else has more than a prefix in its NLRI.
_PREFIX_FAMILIES = frozenset({0x0101, 0x0102, 0x0201, 0x0202})


@dataclass(slots=True)
class Statement:
    """A question put to one table: its conditions, and the values that are bound."""

    table: Table
    asked: RouteFilter
    values: dict[str, Any] = field(default_factory=dict)
    conditions: list[str] = field(default_factory=list)
    after: str = "true"
    """Where a piece of the answer begins, which must not change what the longest match is."""
    joins_attributes: bool = False
    source: str = ""
    """What stands in the place of the table; nothing: the table itself."""

    def bind(self, **values: Any) -> None:  # noqa: ANN401 - of any column
        """Adds values that conditions name."""
        self.values |= values

    def sql(self, columns: str | None = None) -> str:
        """SELECT without order and limit; the rows are `r`, their attributes `a`."""
        selected = columns or _COLUMNS[self.table]
        source = self.source or f"rib.{self.table}"
        where = " AND ".join(self.conditions)
        if self.asked.is_longest:
            source = _LONGEST[self.table].format(f"{source} AS r {self._joins} WHERE {where}")
            where = "r.bits = r.longest"
        return f"SELECT {selected} FROM {source} AS r {self._joins} WHERE {where} AND {self.after}"

    @property
    def _joins(self) -> str:
        joins = "JOIN rib.nlri AS n USING (nlri_id)" if self.table == "nlri_route" else ""
        if self.joins_attributes:
            joins += " LEFT JOIN rib.path_attributes AS a ON a.attr_id = r.attr_id"
        return joins


def statement(
    table: Table,
    asked: RouteFilter,
    ribs: Ribs,
    moment: datetime | None = None,
    *,
    with_attributes: bool = True,
) -> Statement:
    """The question as it is put to this table; `with_attributes`: what it asks of these too."""
    made = Statement(table, asked)
    made.bind(sessions=sessions_that_count(ribs, asked.state))
    if moment is not None:
        made.source = route_at(table)
        made.bind(**as_of(ribs, moment))
    elif values := loading(ribs):
        made.source = route_while_loading(table)
        made.bind(**values)
    made.conditions.append(_IN_STATE[asked.state])
    prefix = "r.prefix" if table == "route" else "n.prefix"
    if asked.prefix is not None:
        made.conditions.append(prefix_condition(asked, prefix))
        made.bind(prefix=asked.prefix)
    elif table == "route":
        made.conditions.append(of_one_afi(ribs))
    wanted: list[int] = list(ribs) if asks_for_ribs(asked) else []
    filters: list[Alternatives] = [(("r.rib_id", "int4", wanted),)]
    if table == "nlri_route":
        filters += nlri_filters(asked)
    made.conditions.extend(all_of(filters, made.values))
    if with_attributes:
        found = attribute_conditions(asked, made.values)
        made.joins_attributes = bool(found)
        made.conditions.extend(found)
    return made


async def count_prefixes(
    conn: AsyncConnection, asked: RouteFilter, ribs: Ribs, moment: datetime | None, most: int
) -> int:
    """How many prefixes the routes of these RIBs have; it stops at `most`."""
    total = 0
    for table in tables(asked, ribs):
        made = statement(table, asked, ribs, moment)
        prefix = "r.prefix" if table == "route" else "n.prefix"
        found = f"{made.sql(f'DISTINCT {prefix}')} LIMIT {most}"
        (row,) = await fetch(conn, f"SELECT count(*) AS prefixes FROM ({found}) AS f", made.values)
        total += row["prefixes"]
    return min(total, most)


def tables(asked: RouteFilter, ribs: Ribs) -> list[Table]:
    """Where routes of these RIBs are, in the order of the answer."""
    kinds = {is_prefix_family(rib["family"]) for rib in ribs.values()}
    found: list[Table] = []
    if True in kinds and not asked.asks_for_nlri:
        found.append("route")
    if False in kinds:
        found.append("nlri_route")
    return found


def is_prefix_family(family: int) -> bool:
    """Whether the routes of this family are in `rib.route`, and not in `rib.nlri_route`."""
    return family in _PREFIX_FAMILIES


def prefix_condition(asked: RouteFilter, column: str) -> str:
    """That this column matches `:prefix` as it is asked for."""
    return _MATCHES[asked.match].format(column)


def nlri_filters(asked: RouteFilter) -> list[Alternatives]:
    """What is asked of `rib.nlri AS n`."""
    return [
        (("n.rd", "text", asked.rds),),
        (("n.mac", "macaddr", asked.macs),),
        (("n.route_type", "int2", asked.route_types),),
        (("n.address", "inet", asked.ips),),
        ((_ESI, "text", asked.esis),),
        tuple((label, "int4", asked.vnis) for label in _VNIS),
    ]


def of_one_afi(ribs: Ribs) -> str:
    """Keeps whoever asks for IPv6 alone from walking over all of IPv4, and the other way round."""
    afis = {rib["family"] >> 8 for rib in ribs.values()}
    if afis == {_AFI_V4}:
        return f"r.prefix < {_FIRST_OF_V6}"
    if afis == {_AFI_V6}:
        return f"r.prefix >= {_FIRST_OF_V6}"
    return "true"
