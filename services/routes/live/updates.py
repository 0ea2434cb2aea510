"""UPDATEs, each made of the routes of one BMP Route Monitoring message.

`announcements` and `withdrawals` have the prefixes of the unicast families, which is all that
clients of RIS Live can read. Routes of the other families are in the key `nlri` beside them.
"""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

import orjson

from services.routes.live.message import Message
from services.routes.store import tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from asyncpg import Record

    from services.routes.live.attributes import Attributes
    from services.routes.live.names import Peer, Rib

_NO_NEXT_HOP = {0x0101: str(IPv4Address(0)), 0x0201: str(IPv6Address(0))}
UNICAST = frozenset(_NO_NEXT_HOP)


def message_id(seq: int, part: int = 0) -> str:
    """Sortable within a writer's, and no two messages have the same."""
    number = seq - tail.first_seq(tail.writer_of(seq))
    return f"{tail.writer_of(seq):08x}-{number:010x}" + (f"-{part}" if part else "")


def head(peer: Peer, number: str, kind: str, time: datetime) -> dict[str, Any]:
    """What every message starts with."""
    data: dict[str, Any] = {
        "timestamp": time.timestamp(),
        "peer": peer.address,
        "peer_asn": peer.asn,
        "id": number,
        "host": peer.host,
        "type": kind,
        "router": peer.router,
        "peer_id": peer.peer_id,
    }
    if peer.distinguisher is not None:
        data["distinguisher"] = peer.distinguisher
    return data


def update(
    rows: Sequence[Record], ribs: Mapping[int, Rib], attributes: Mapping[int, Attributes]
) -> Message:
    """The message of these events, which are all of one seq."""
    first, rib = rows[0], ribs[rows[0]["rib_id"]]
    data = head(rib.peer, message_id(first["seq"]), "UPDATE", first["time"])
    data["rib"] = rib.view
    if first["router_time"] is not None:
        data["router_timestamp"] = first["router_time"].timestamp()
    routes = _Routes(ribs, attributes)
    for row in _that_count(rows, ribs):
        routes.add(row)
    if routes.of_message is not None:
        data |= routes.of_message
    data |= routes.told()
    return Message(
        "UPDATE",
        data,
        hosts=rib.peer.hosts,
        prefixes=routes.prefixes,
        families=list(routes.families),
    )


class _Routes:
    def __init__(self, ribs: Mapping[int, Rib], attributes: Mapping[int, Attributes]) -> None:
        self._ribs = ribs
        self._attributes = attributes
        self.prefixes: list[str] = []
        self.families: dict[str, None] = {}
        self.of_message: dict[str, Any] | None = None
        self._announced: defaultdict[str, list[Record]] = defaultdict(list)
        self._withdrawn: list[Record] = []
        self._nlri: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def add(self, row: Record) -> None:
        rib = self._ribs[row["rib_id"]]
        self.families[rib.family_name] = None
        if row["prefix"] is not None:
            self.prefixes.append(row["prefix"])
        next_hop = None
        if row["attr_id"] is not None:
            attributes = self._attributes[row["attr_id"]]
            next_hop = attributes.next_hop
            if self.of_message is None:
                self.of_message = attributes.fields
        if rib.family not in UNICAST:
            self._add_nlri(row, rib, next_hop)
        elif row["attr_id"] is None:
            self._withdrawn.append(row)
        else:
            # RIS Live's clients read an address here, whatever there is.
            self._announced[next_hop or _NO_NEXT_HOP[rib.family]].append(row)

    def _add_nlri(self, row: Record, rib: Rib, next_hop: str | None) -> None:
        told: dict[str, Any] = {"family": rib.family_name}
        if next_hop is not None:
            told["next_hop"] = next_hop
        if row["path_id"] is not None:
            told["path_id"] = row["path_id"]
        nlri = {"prefix": row["prefix"]} if row["nlri"] is None else orjson.loads(row["nlri"])
        kind = "withdrawn" if row["attr_id"] is None else "announced"
        self._nlri[kind].append(told | {"nlri": nlri})

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {"families": list(self.families)}
        if self._announced:
            told["announcements"] = [
                {"next_hop": next_hop} | _prefixes("path_ids", rows)
                for next_hop, rows in self._announced.items()
            ]
        if self._withdrawn:
            told["withdrawals"] = [row["prefix"] for row in self._withdrawn]
            if self._withdrawn[0]["path_id"] is not None:
                told["withdrawal_path_ids"] = [row["path_id"] for row in self._withdrawn]
        if self._nlri:
            told["nlri"] = self._nlri
        return told


def _prefixes(name: str, rows: list[Record]) -> dict[str, Any]:
    told: dict[str, Any] = {"prefixes": [row["prefix"] for row in rows]}
    if rows[0]["path_id"] is not None:
        told[name] = [row["path_id"] for row in rows]
    return told


def _that_count(rows: Sequence[Record], ribs: Mapping[int, Rib]) -> Iterable[Record]:
    """Without what the store added, and what the UPDATE takes back itself.

    A route that an UPDATE both withdraws and announces is announced (RFC 4271 4.3). One with a
    path identifier takes the place of one without, which the store then has as withdrawn.
    """
    if len(rows) == 1:
        return rows
    with_ids = {_view(rib) for rib in map(ribs.__getitem__, _ribs_of(rows)) if rib.has_path_ids}
    announced = {_route(row) for row in rows if row["attr_id"] is not None}
    return [
        row
        for row in rows
        if (row["attr_id"] is not None or _route(row) not in announced)
        and (ribs[row["rib_id"]].has_path_ids or _view(ribs[row["rib_id"]]) not in with_ids)
    ]


def _ribs_of(rows: Sequence[Record]) -> set[int]:
    return {row["rib_id"] for row in rows}


def _view(rib: Rib) -> tuple[int, str]:
    return rib.family, rib.view


def _route(row: Record) -> tuple[object, ...]:
    return row["rib_id"], row["path_id"], row["prefix"], row["nlri"]
