"""Rows of `rib.route_event` and `rib.nlri_event`, one for each route of an UPDATE.

Both start with seq, time and attr_id, so that what a row says of its route can be compared and
cut out again without decoding (`state`, `time_field`, `attr_id_field`).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from services.ingest.rows.fields import NULL, before_network, int8, jsonb, since_1970, since_2000
from services.ingest.wire import (
    IPV4_MULTICAST,
    IPV4_UNICAST,
    IPV6_MULTICAST,
    IPV6_UNICAST,
    describe_nlri,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMON = ("seq", "time", "attr_id", "rib_id", "session", "router_time", "path_id")
ROUTE_COLUMNS = (*_COMMON, "prefix")
NLRI_COLUMNS = (*_COMMON, "nlri_id", "detail")

_V4 = [before_network(2, bits, 4) for bits in range(33)]
_V6 = [before_network(3, bits, 16) for bits in range(129)]
_V4_REST = [bytes(4 - (bits + 7) // 8) for bits in range(33)]
_V6_REST = [bytes(16 - (bits + 7) // 8) for bits in range(129)]
_AROUND_PREFIX = {
    IPV4_UNICAST: (_V4, _V4_REST),
    IPV6_UNICAST: (_V6, _V6_REST),
    IPV4_MULTICAST: (_V4, _V4_REST),
    IPV6_MULTICAST: (_V6, _V6_REST),
}
PREFIX_FAMILIES = frozenset(_AROUND_PREFIX)
"""The families whose routes are a prefix and nothing else; all others go to `rib.nlri`."""

_ANNOUNCED = struct.Struct(">hiqiqiqiiiiiq")
_WITHDRAWN = struct.Struct(">hiqiqiiiiiiq")
_PATH_ID = struct.Struct(">iq")

_TIME_AT, _ATTR_AT = 14, 26  # after the count of fields, and seq
_PLACE = 16  # octets of rib_id and session
_ABSENT = 0xFF  # the first octet of a NULL's length


class Arrival(NamedTuple):
    """The number of a BMP message and its times in microseconds since 1970.

    `router_time_us` is what the router says, 0 where it says nothing.
    """

    seq: int
    time_us: int
    router_time_us: int


def event_head(
    columns: int, arrival: Arrival, attr_id: int | None, rib_id: int, session: int
) -> bytes:
    """What all routes of one UPDATE share; `columns` counts those of the whole row."""
    seq, time_us, router_time_us = arrival
    time, router_time = since_2000(time_us), since_2000(router_time_us)
    if attr_id is None:
        head = _WITHDRAWN.pack(columns, 8, seq, 8, time, -1, 4, rib_id, 4, session, 8, router_time)
    else:
        head = _ANNOUNCED.pack(
            columns, 8, seq, 8, time, 8, attr_id, 4, rib_id, 4, session, 8, router_time
        )
    return head if router_time_us else head[:-12] + NULL


def prefix_rows(
    head: bytes, family: int, nlri: list[bytes], path_ids: list[int] | None
) -> list[bytes]:
    """Rows of `rib.route_event`, in the order of `nlri`."""
    before, rest = _AROUND_PREFIX[family]
    if path_ids is None:
        head += NULL
        return [head + before[one[0]] + one[1:] + rest[one[0]] for one in nlri]
    pack = _PATH_ID.pack
    return [
        head + pack(8, path_id) + before[one[0]] + one[1:] + rest[one[0]]
        for one, path_id in zip(nlri, path_ids, strict=True)
    ]


def nlri_rows(
    head: bytes, nlri_ids: list[int], path_ids: list[int] | None, details: Iterable[bytes]
) -> list[bytes]:
    """Rows of `rib.nlri_event`; `details` are fields of `nlri_detail`."""
    paths = [NULL] * len(nlri_ids) if path_ids is None else [int8(one) for one in path_ids]
    return [
        head + path + int8(nlri_id) + detail
        for path, nlri_id, detail in zip(paths, nlri_ids, details, strict=True)
    ]


def nlri_detail(family: int, key: bytes, detail: bytes) -> bytes:
    """The field of what an NLRI says beside its key, by name; NULL where that is nothing."""
    if not detail:
        return NULL
    of_key = describe_nlri(family, key)
    named = describe_nlri(family, key, detail)
    return jsonb({name: value for name, value in named.items() if name not in of_key})


def is_withdrawn(row: bytes) -> bool:
    """Whether the row withdraws its route."""
    return row[_ATTR_AT] == _ABSENT


def time_field(row: bytes) -> bytes:
    """The field of its time."""
    return row[_TIME_AT:_ATTR_AT]


def arrived_us(row: bytes) -> int:
    """When it came, in microseconds since 1970."""
    return since_1970(int.from_bytes(row[_TIME_AT + 4 : _ATTR_AT], "big", signed=True))


def attr_id_field(row: bytes) -> bytes:
    """The field of its attr_id, maybe NULL."""
    return row[_ATTR_AT : _place_at(row)]


def place_fields(row: bytes) -> bytes:
    """The fields of its RIB and session."""
    at = _place_at(row)
    return row[at : at + _PLACE]


def key_fields(row: bytes) -> bytes:
    """The fields from path_id on: the path identifier, the key, and the detail if there is one."""
    return row[path_id_at(row) :]


def path_id_at(row: bytes) -> int:
    """Where those begin."""
    router_time_at = _place_at(row) + _PLACE
    return router_time_at + (4 if row[router_time_at] == _ABSENT else 12)


def _place_at(row: bytes) -> int:
    return _ATTR_AT + (4 if is_withdrawn(row) else 12)
