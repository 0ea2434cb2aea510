"""Path attributes as RIS Live has them, and a bounded store of those that were met of late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from services.routes.answering.attributes import read_as_path
from shared.contracts.vocabulary import ORIGINS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncpg import Record

KNOWN = 50_000
"""Sets of attributes that are kept, twice: to forget one costs a look-up."""

Value = TypeVar("Value")


class Recent(dict[int, Value]):
    """The last values by number, `limit` to twice `limit` of them."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._older: dict[int, Value] = {}

    def __missing__(self, key: int) -> Value:
        value = self[key] = self._older[key]
        return value

    def __setitem__(self, key: int, value: Value) -> None:
        if len(self) >= self._limit:
            self._older = dict(self)
            self.clear()
        super().__setitem__(key, value)

    def missing(self, keys: Iterable[int]) -> set[int]:
        """Those of the keys that are not kept. Those that are stay for as many new ones more."""
        absent = set()
        for key in keys:
            if key not in self:
                if key in self._older:
                    self[key] = self._older[key]
                else:
                    absent.add(key)
        return absent


class Attributes:
    """One set, ready to be told: `fields` are the keys of a message."""

    __slots__ = ("fields", "next_hop")

    def __init__(self, row: Record) -> None:
        self.next_hop: str | None = row["next_hop"]
        self.fields = _fields(row)


def _fields(row: Record) -> dict[str, Any]:
    text = row["as_path_text"]
    communities = row["communities"] or ()
    fields: dict[str, Any] = {
        "path": row["as_path"] if text is None else read_as_path(text),
        "community": [[one >> 16, one & 0xFFFF] for one in communities],
    }
    # RIS Live leaves out what is not there; a MED of 0 is.
    optional = {
        "origin": ORIGINS.get(row["origin"]),
        "med": row["med"],
        "aggregator": _aggregator(row),
        # These are ours: clients of RIS Live read past them.
        "local_pref": row["local_pref"],
        "atomic_aggregate": row["atomic_aggregate"] or None,
        "large_community": row["large_communities"],
        "ext_community": row["ext_communities"],
        "originator_id": row["originator_id"],
        "cluster_list": [one.partition("/")[0] for one in row["cluster_list"] or ()] or None,
    }
    return fields | {name: value for name, value in optional.items() if value is not None}


def _aggregator(row: Record) -> str | None:
    if row["aggregator_asn"] is None or row["aggregator_id"] is None:
        return None
    return f"{row['aggregator_asn']}:{row['aggregator_id']}"
