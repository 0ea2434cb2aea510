"""Path attributes as answers have them, and the texts of those that were rendered before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from services.routes.answering.tables import csv_fields
from services.routes.enrichment.origin import UNKNOWN, route_origin
from services.routes.store.attributes import attributes_of
from shared.contracts.vocabulary import ORIGINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

# How the store writes what is not an AS_SEQUENCE: {set}, (confederation sequence), [its set].
_SETS = "{["

_NONE: dict[str, Any] = {
    "next_hop": None,
    "origin": None,
    "origin_asn": None,
    "as_path": [],
    "as_path_str": "",
    "med": None,
    "local_pref": None,
    "communities": [],
    "large_communities": [],
    "ext_communities": [],
    "aggregator": None,
    "atomic_aggregate": False,
    "originator_id": None,
    "cluster_list": [],
    "others": {},
}
CSV_COLUMNS = tuple(name for name in _NONE if name != "as_path")


class Text(NamedTuple):
    """A rendered set of attributes, and the origin of its routes as `route_origin` tells it."""

    text: str
    origin: int | None


def attributes_body(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of a route that are path attributes; None: the store has none of it."""
    if row is None:
        return dict(_NONE)
    path, path_text = row["as_path"] or [], row["as_path_text"]
    aggregator = row["aggregator_asn"]
    return {
        "next_hop": row["next_hop"],
        "origin": ORIGINS.get(row["origin"]),
        "origin_asn": row["origin_asn"],
        "as_path": path if path_text is None else read_as_path(path_text),
        "as_path_str": path_text or " ".join(map(str, path)),
        "med": row["med"],
        "local_pref": row["local_pref"],
        "communities": [f"{one >> 16}:{one & 0xFFFF}" for one in row["communities"] or ()],
        "large_communities": row["large_communities"] or [],
        "ext_communities": row["ext_communities"] or [],
        "aggregator": None if aggregator is None else f"{aggregator}:{row['aggregator_id']}",
        "atomic_aggregate": row["atomic_aggregate"],
        "originator_id": row["originator_id"],
        "cluster_list": row["cluster_list"] or [],
        "others": orjson.loads(row["others"]) if row["others"] else {},
    }


def read_as_path(text: str) -> list[int | list[int]]:
    """The path as JSON has it: a set becomes a nested list, a confederation sequence is inline."""
    path: list[int | list[int]] = []
    members: list[int] | None = None
    for token in text.replace(",", " ").split():
        for bracket in _SETS:
            if token.startswith(bracket):
                members = []
                path.append(members)
        if digits := token.strip("{}[]()"):
            (path if members is None else members).append(int(digits))
        if token.endswith(("}", "]")):
            members = None
    return path


def json_text(body: dict[str, Any]) -> str:
    """The fields without the braces, to stand among others."""
    return orjson.dumps(body)[1:-1].decode()


def csv_text(body: dict[str, Any]) -> str:
    """The same as fields of a line; lists have spaces between."""
    return csv_fields(body[name] for name in CSV_COLUMNS)


class AttributeTexts:
    """Texts of sets by their ids: six routes in seven have a set that another one has, too.

    It holds `size` sets at most, about 700 octets each: those used last, roughly. What was not
    used while half as many others were is forgotten.
    """

    def __init__(self, render: Callable[[dict[str, Any]], str], size: int) -> None:
        self._render = render
        self._half = max(size // 2, 1)
        self._young: dict[int, Text] = {}
        self._old: dict[int, Text] = {}
        self.none = Text(render(attributes_body(None)), UNKNOWN)

    @property
    def kept(self) -> int:
        """Texts that are held now."""
        return len(self._young.keys() | self._old.keys())

    async def of(self, conn: AsyncConnection, attr_ids: Iterable[int | None]) -> dict[int, Text]:
        """The texts of these sets; one that the store does not have is not among them."""
        found: dict[int, Text] = {}
        unknown: list[int] = []
        for attr_id in set(attr_ids):
            if attr_id is None:
                continue
            text = self._young.get(attr_id) or self._old.get(attr_id)
            if text is None:
                unknown.append(attr_id)
            else:
                found[attr_id] = text
        if unknown:
            for row in await attributes_of(conn, unknown):
                origin = route_origin(row["origin_asn"], row["as_path_text"])
                text = Text(self._render(attributes_body(row)), origin)
                found[row["attr_id"]] = text
        self._remember(found)
        return found

    def _remember(self, texts: dict[int, Text]) -> None:
        self._young.update(texts)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
