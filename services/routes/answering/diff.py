"""The differences of two tables, rendered as they are found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from services.routes.answering.attributes import attributes_body
from services.routes.answering.routes import Routes
from services.routes.asking.routes import RouteFilter
from services.routes.store.attributes import attributes_of
from services.routes.store.current import is_prefix_family, statement
from services.routes.store.diff import FIRST_PIECE, PIECE, Sides, compare
from services.routes.store.driver import fetch
from shared.contracts.vocabulary import RIB_VIEWS, family_name
from shared.web.problem import parameter_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection
    from starlette.datastructures import State

    from services.routes.answering.attributes import AttributeTexts
    from services.routes.asking.diff import DiffFilter, Place
    from services.routes.store.current import Table
    from services.routes.store.driver import Row
    from services.routes.store.ribs import Rib

_KEYS = {
    "route": ("prefix", "r.prefix = ANY (CAST(CAST(:keys AS text[]) AS cidr[]))"),
    "nlri_route": ("nlri_id", "r.nlri_id = ANY (CAST(:keys AS int8[]))"),
}
_AT_ONCE = 500
"""Keys whose routes are read together."""
# They follow from as_path.
_DERIVED = ("origin_asn", "as_path_str")


def sides(asked: DiffFilter, ribs: Mapping[int, Rib]) -> Sides:
    """The RIBs that are meant; ProblemError where a peer has none of that family and view."""
    views = {peer: _views(peer, asked.family, ribs) for peer in (asked.peer_a, asked.peer_b)}
    of_a, of_b = views[asked.peer_a], views[asked.peer_b]
    if asked.view_a is None and asked.view_b is None:
        asked.view_a = asked.view_b = next((view for view in sorted(of_a) if view in of_b), None)
    elif asked.view_a is None:
        asked.view_a = asked.view_b
    for peer, view in ((asked.peer_a, asked.view_a), (asked.peer_b, asked.view_b)):
        if view not in views[peer]:
            has = ", ".join(RIB_VIEWS[one] for one in sorted(views[peer])) or "none"
            wanted = "RIB that both have" if view is None else RIB_VIEWS[view]
            family = family_name(asked.family)
            raise parameter_error("rib", f"peer {peer} has no {wanted} of {family}; it has {has}")
    if (asked.peer_a, asked.view_a) == (asked.peer_b, asked.view_b):
        raise parameter_error("b", "this is the same table as a")
    table: Table = "route" if is_prefix_family(asked.family) else "nlri_route"
    return Sides(table, asked.family, of_a[asked.view_a or 0], of_b[asked.view_b or 0])


def _views(peer: int, family: int, ribs: Mapping[int, Rib]) -> dict[int, dict[int, Rib]]:
    found: dict[int, dict[int, Rib]] = defaultdict(dict)
    for rib_id, rib in ribs.items():
        if (rib["peer_id"], rib["family"]) == (peer, family):
            found[rib["view"]][rib_id] = rib
    return found


@dataclass(slots=True)
class Found:
    """A piece of the comparison: differences as JSON with their places."""

    items: list[tuple[Place, str]]
    place: Place | None
    """Up to where both tables were compared; None: to the end."""


class Differences:
    """Compares two tables on one connection, within one transaction."""

    def __init__(
        self, conn: AsyncConnection, asked: DiffFilter, compared: Sides, state: State
    ) -> None:
        self._conn = conn
        self._asked = asked
        self._sides = compared
        self._ribs = {**compared.a, **compared.b}
        self._texts: AttributeTexts = state.texts["json"]
        self._routes = Routes(self._ribs, datetime.now(UTC), self._texts.none)

    async def pieces(self, after: Place | None) -> AsyncGenerator[Found, None]:
        """What differs behind this place. A piece may be empty where much was compared."""
        keys = min(FIRST_PIECE, PIECE)
        while True:
            piece = await compare(self._conn, self._sides, self._asked.kinds, after, keys)
            keys = min(4 * keys, PIECE)
            for begin in range(0, len(piece.places), _AT_ONCE):
                places = piece.places[begin : begin + _AT_ONCE]
                yield Found(await self._rendered(places), places[-1])
            yield Found([], piece.following)
            if piece.following is None:
                return
            after = piece.following

    async def _rendered(self, places: Sequence[Place]) -> list[tuple[Place, str]]:
        rows = await self._rows(places)
        attr_ids = {row["attr_id"] for both in rows.values() for row in (*both[0], *both[1])}
        bodies = {
            row["attr_id"]: attributes_body(row)
            for row in await attributes_of(self._conn, attr_ids)
        }
        texts = await self._texts.of(self._conn, attr_ids)
        found = []
        for place in places:
            of_a, of_b = rows[place]
            changed = what_changed(
                *([bodies[row["attr_id"]] for row in one] for one in rows[place])
            )
            # Of several paths the same sets may have come in another order.
            if changed or not (of_a and of_b):
                head = orjson.dumps(_head(of_a, of_b, changed))[:-1].decode()
                a, b = (",".join(self._routes.json(one, texts)) for one in (of_a, of_b))
                found.append((place, f'{head},"a":[{a}],"b":[{b}]}}'))
        return found

    async def _rows(self, places: Sequence[Place]) -> dict[Place, tuple[list[Row], list[Row]]]:
        column, condition = _KEYS[self._sides.table]
        peers = RouteFilter(peer_ids=[self._asked.peer_a, self._asked.peer_b])
        made = statement(self._sides.table, peers, self._ribs)
        made.conditions.append(condition)
        made.bind(keys=list(places))
        rows: dict[Place, tuple[list[Row], list[Row]]] = {place: ([], []) for place in places}
        sql = f"{made.sql()} ORDER BY r.rib_id, r.path_id"
        for row in await fetch(self._conn, sql, made.values):
            rows[row[column]][row["rib_id"] not in self._sides.a].append(row)
        return rows


def what_changed(of_a: Sequence[dict[str, Any]], of_b: Sequence[dict[str, Any]]) -> list[str]:
    """The attributes that are not the same; of several paths, in whatever order they came."""
    if not (of_a and of_b):
        return []
    return [
        name
        for name in of_a[0]
        if name not in _DERIVED and _values(name, of_a) != _values(name, of_b)
    ]


def _values(name: str, bodies: Sequence[dict[str, Any]]) -> list[bytes]:
    return sorted(orjson.dumps(body[name], option=orjson.OPT_SORT_KEYS) for body in bodies)


def _head(of_a: list[Row], of_b: list[Row], changed: list[str]) -> dict[str, Any]:
    row = (of_a or of_b)[0]
    nlri = row.get("fields")
    return {
        "prefix": row["prefix"],
        "nlri": orjson.loads(nlri) if nlri else None,
        "difference": "changed" if of_a and of_b else "only_a" if of_a else "only_b",
        "changed": changed,
    }
