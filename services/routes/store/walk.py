"""Walking over routes from a place on, a bounded piece at a time.

Routes of a plain prefix come first, in the order of their prefixes, then those that are more than
a prefix. What is asked of path attributes is looked up in the dictionary of them first: where few
sets are found, their routes are put into the order of prefixes; where many are, the walk goes from
set to set instead. A set's id is a hash, so those that are wanted lie evenly among the others, and
a piece costs the same wherever it begins. Along the prefixes they need not: all routes with a
community may be the last thousand of five million.

So may those of a RIB: where a stretch along the prefixes has not enough of them, all of them are
read from the RIB's own pages and sorted.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from services.routes.asking.cursors import (
    BEFORE_NLRI,
    AttributesKey,
    NlriKey,
    PrefixKey,
    RouteKey,
    not_a_cursor,
)
from services.routes.store.attributes import attribute_conditions
from services.routes.store.conditions import any_of
from services.routes.store.current import KEYS, of_one_afi, statement, tables
from services.routes.store.driver import chunks, fetch
from services.routes.store.past import all_routes_at, is_mostly_touched
from services.routes.store.ribs import asks_for_ribs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from datetime import datetime
    from typing import Any

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.store.current import Ribs, Statement
    from services.routes.store.driver import Row

FEW_SETS = 500
"""So many sets of attributes have their routes sorted, a few thousand in a common table."""

STRETCH = 100
"""So many routes are looked at along the prefixes for one of some RIBs."""

RARE = 500
"""One route in so many: to read all routes of such a RIB takes less than to find a page of them."""

_MOST_STRETCHED = 1_000
"""A piece of more rows has no longer stretch."""
_MOST_RIBS = 32
"""The index is gone through once for each."""

_MOST_SETS = 5_000
_MOST_ROWS = 20_000
_FIRST_ROWS = 200
# They are put into text while the server is on the next, of which so many fit into the socket: what
# has no room there waits until we read.
_STREAM_ROWS = 1_000
_HASH_MIN = -(2**63)
_FIRST_OF_SET = ("0.0.0.0/0", 0, -(2**31))
_AFTER_PREFIX = "(r.prefix, r.rib_id, r.path_id) > {}"
# The limit and the offset keep the planner from looking for the routes of the RIBs in its own way.
_STRETCH = f"(SELECT * FROM rib.route AS r WHERE {{}} ORDER BY {KEYS['route']} LIMIT {{}})"
_OF_RIBS = "(SELECT * FROM rib.route AS r WHERE {} OFFSET 0)"
_PLACE = "(CAST(CAST(:after_prefix AS text) AS cidr), CAST(:after_rib AS int4), "
_PLACE += "CAST(:after_path AS int4))"


class Piece(NamedTuple):
    """Routes with their places, and the place that the walk has come to."""

    place: RouteKey | None
    routes: list[tuple[RouteKey, Row]]


@dataclass(slots=True)
class Walk:
    """A question and the RIBs that it is about, walked over on one connection."""

    conn: AsyncConnection
    asked: RouteFilter
    ribs: Ribs
    moment: datetime | None = None
    few_sets: int = FEW_SETS
    stretch: int = STRETCH
    rare: int = RARE
    begun: list[Row] | None = None
    """The first routes, where they were looked up."""
    _is_sparse: bool = field(default=False, init=False)
    """Whether the routes are few along the prefixes, so that they are read from the RIBs' pages."""

    async def pieces(self, after: RouteKey | None, rows: int) -> AsyncGenerator[Piece, None]:
        """Routes after this place with their places: about `rows` first, then ever more at once.

        A piece may be empty where much was looked at.
        """
        if self.begun is not None:
            begun = _piece(_key, self.begun)
            yield begun
            if len(self.begun) < rows:
                return
            after = begun.place
        for table in tables(self.asked, self.ribs):
            if table == "nlri_route":
                place = after if isinstance(after, NlriKey) else BEFORE_NLRI
                async for piece in self._along_nlri(place, rows):
                    yield piece
            elif not isinstance(after, NlriKey):
                async for piece in self._along_routes(after, rows):
                    yield piece

    async def stream(self) -> AsyncGenerator[list[Row], None]:
        """Every route, from a cursor of the server.

        In order; or as the sets of many are found, or as the table of a past RIB is read.
        """
        for table in tables(self.asked, self.ribs):
            made, order = statement(table, self.asked, self.ribs, self.moment), KEYS[table]
            if table == "route" and self._starts_with_sets:
                few = await self._few_sets(is_first=True)
                made = made if few is None else self._of_sets(few)
                order = order if few is not None or self.asked.prefix is not None else ""
            if self.moment is not None and self.asked.prefix is None:
                order = ""
                if table == "route":
                    many = await is_mostly_touched(self.conn, self.ribs, self.moment)
                    made.source = all_routes_at(mostly_touched=many)
                    made.bind(ribs_then=list(self.ribs))
            sql = f"{made.sql()} ORDER BY {order}" if order else made.sql()
            found = chunks(self.conn, sql, made.values, first=_FIRST_ROWS, rows=_STREAM_ROWS)
            async with aclosing(found):
                async for rows in found:
                    yield rows

    async def _along_routes(self, after: RouteKey | None, rows: int) -> AsyncGenerator[Piece, None]:
        few = None
        if self._starts_with_sets:
            if not isinstance(after, AttributesKey):
                few = await self._few_sets(is_first=after is None)
            if few is None and self.asked.prefix is None and not isinstance(after, PrefixKey):
                place = after if isinstance(after, AttributesKey) else None
                async for piece in self._along_sets(place, rows):
                    yield piece
                return
        if isinstance(after, AttributesKey):
            raise not_a_cursor()
        begin = after if isinstance(after, PrefixKey) else None
        async for piece in self._along_prefixes(begin, rows, few):
            yield piece

    @property
    def _starts_with_sets(self) -> bool:
        """Whether what is asked of path attributes is a better start than the prefix.

        The dictionary's index leads to routes that are there now, not to those that were.
        """
        is_wide = self.asked.prefix is None or self.asked.is_range
        return is_wide and self.moment is None and _asks_for_attributes(self.asked)

    async def _few_sets(self, *, is_first: bool) -> list[int] | None:
        """The sets that are asked for; None where they are many.

        A walk that has begun along the prefixes stays there, even if there are more by now.
        """
        is_fresh = is_first or self.asked.prefix is not None
        most = self.few_sets if is_fresh else max(20 * self.few_sets, FEW_SETS)
        # In no order: to bring thousands into one takes longer than to find the first hundreds.
        found = await self._sets(_HASH_MIN, f"LIMIT {most + 1}")
        return found if len(found) <= most else None

    async def _sets(self, first: int, order: str) -> list[int]:
        """Ids of the sets that are asked for, from this one on."""
        values: dict[str, Any] = {"first": first}
        conditions = attribute_conditions(self.asked, values)
        sql = (
            "SELECT a.attr_id FROM rib.path_attributes AS a "
            f"WHERE a.attr_id >= CAST(:first AS int8) AND {' AND '.join(conditions)} {order}"
        )
        return [row["attr_id"] for row in await fetch(self.conn, sql, values)]

    async def _along_prefixes(
        self, after: PrefixKey | None, rows: int, sets: list[int] | None = None
    ) -> AsyncGenerator[Piece, None]:
        while True:
            made = self._of_sets(sets)
            if after is not None:
                made.after = _AFTER_PREFIX.format(_PLACE)
                _bind_place(made, after)
            if sets is None and not made.source and self._may_be_sparse:
                found = await self._of_some_ribs(made, rows)
            else:
                found = await self._fetch(made, KEYS["route"], rows)
            piece = _piece(_prefix_key, found)
            yield piece
            if len(found) < rows:
                return
            after = _prefix_key(found[-1])
            rows = min(4 * rows, _MOST_ROWS)

    @property
    def _may_be_sparse(self) -> bool:
        is_of_some = self.asked.prefix is None and asks_for_ribs(self.asked)
        return is_of_some and len(self.ribs) <= _MOST_RIBS

    async def _of_some_ribs(self, made: Statement, rows: int) -> list[Row]:
        """The next routes; where the next stretch has too few, from the RIBs' own pages.

        If it is not the RIBs that are rare there but what is asked of them, such as withdrawn
        routes, a longer stretch is tried first.
        """
        of_ribs = any_of((("(r.rib_id + 0)", "int4", list(self.ribs)),), made.values)
        for times in () if self._is_sparse else (1, 10):
            stretch = times * self.stretch * min(rows, _MOST_STRETCHED)
            where = f"{of_one_afi(self.ribs)} AND {made.after}"
            made.source = _STRETCH.format(where, stretch)
            found = await self._fetch(made, KEYS["route"], rows)
            if len(found) == rows:
                return found
            seen = f"SELECT count(*) AS routes, count(*) FILTER (WHERE {of_ribs}) AS of_ribs"
            (there,) = await fetch(self.conn, f"{seen} FROM {made.source} AS r", made.values)
            if there["routes"] < stretch:
                made.source = ""  # the rest is short, and may be a little longer by now
                return await self._fetch(made, KEYS["route"], rows)
            if there["of_ribs"] * self.rare < there["routes"]:
                break
        self._is_sparse = True
        made.source = _OF_RIBS.format(of_ribs)
        return await self._fetch(made, KEYS["route"], rows)

    async def _along_sets(
        self, after: AttributesKey | None, rows: int
    ) -> AsyncGenerator[Piece, None]:
        count = rows
        while True:
            first = _HASH_MIN if after is None else after.attr_id
            sets = await self._sets(first, f"ORDER BY a.attr_id LIMIT {count}")
            found = await self._of_these_sets(sets, after, rows) if sets else []
            if len(found) < rows and sets:
                after = AttributesKey(sets[-1] + 1, *_FIRST_OF_SET)
            elif found:
                after = _attributes_key(found[-1])
            yield Piece(after, [(_attributes_key(row), row) for row in found])
            if len(found) < rows and len(sets) < count:
                return
            count = min(4 * count, _MOST_SETS)

    async def _of_these_sets(
        self, sets: list[int], after: AttributesKey | None, rows: int
    ) -> list[Row]:
        made = self._of_sets(sets)
        if after is not None:
            made.after = f"(r.attr_id, {KEYS['route']}) > (CAST(:after_set AS int8), {_PLACE[1:]}"
            made.bind(after_set=after.attr_id)
            _bind_place(made, after)
        return await self._fetch(made, f"r.attr_id, {KEYS['route']}", rows)

    async def _along_nlri(self, after: NlriKey, rows: int) -> AsyncGenerator[Piece, None]:
        while True:
            made = statement("nlri_route", self.asked, self.ribs, self.moment)
            made.after = (
                "(r.nlri_id, r.rib_id, r.path_id) > "
                "(CAST(:after_nlri AS int8), CAST(:after_rib AS int4), CAST(:after_path AS int4))"
            )
            made.bind(after_nlri=after.nlri_id, after_rib=after.rib_id, after_path=after.path_id)
            found = await self._fetch(made, KEYS["nlri_route"], rows)
            yield _piece(_nlri_key, found)
            if len(found) < rows:
                return
            after = _nlri_key(found[-1])
            rows = min(4 * rows, _MOST_ROWS)

    def _of_sets(self, sets: list[int] | None) -> Statement:
        made = statement("route", self.asked, self.ribs, self.moment, with_attributes=sets is None)
        if sets is not None:
            made.conditions.append("r.attr_id = ANY (CAST(:sets AS int8[]))")
            made.bind(sets=sets)
        return made

    async def _fetch(self, made: Statement, order: str, rows: int) -> list[Row]:
        # The limit is written out: of one that is bound the planner expects a tenth of the table.
        sql = f"{made.sql()} ORDER BY {order} LIMIT {rows}"
        return await fetch(self.conn, sql, made.values)


def _asks_for_attributes(asked: RouteFilter) -> bool:
    return bool(attribute_conditions(asked, {}))


def _bind_place(made: Statement, after: PrefixKey | AttributesKey) -> None:
    made.bind(after_prefix=after.prefix, after_rib=after.rib_id, after_path=after.path_id)


def _piece(key: Callable[[Row], RouteKey], rows: list[Row]) -> Piece:
    routes = [(key(row), row) for row in rows]
    return Piece(routes[-1][0] if routes else None, routes)


def _key(row: Row) -> RouteKey:
    return _prefix_key(row) if row["nlri_id"] is None else _nlri_key(row)


def _prefix_key(row: Row) -> PrefixKey:
    return PrefixKey(row["prefix"], row["rib_id"], row["path_id"])


def _attributes_key(row: Row) -> AttributesKey:
    return AttributesKey(row["attr_id"], row["prefix"], row["rib_id"], row["path_id"])


def _nlri_key(row: Row) -> NlriKey:
    return NlriKey(row["nlri_id"], row["rib_id"], row["path_id"])
