"""Rows of PostgreSQL's binary COPY format, put together from ready pieces.

A full table is a million rows, so the fixed part of a row is encoded once for each UPDATE and
the prefix is the NLRI's own bytes between two constants. The order of the fields is that of
ROUTE_COLUMNS; a field is its length (four octets, -1 for NULL) and its bytes.
Source: PostgreSQL manual, COPY, "Binary Format"; inet_send for inet and cidr.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from services.ingest.wire import (
    AS_SEQUENCE,
    IPV4_UNICAST,
    IPV6_UNICAST,
    as_path_text,
    origin_asn,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.ingest.wire import AsPath, PathAttributes

ROUTE_COLUMNS = ("time", "attr_id", "peer_id", "session", "view", "family", "path_id", "prefix")
ATTRIBUTE_COLUMNS = (
    "attr_id",
    "first_seen",
    "origin_asn",
    "med",
    "local_pref",
    "aggregator_asn",
    "origin",
    "atomic_aggregate",
    "next_hop",
    "originator_id",
    "aggregator_id",
    "as_path",
    "as_path_text",
    "communities",
    "large_communities",
    "ext_communities",
    "cluster_list",
)

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

_NULL = b"\xff\xff\xff\xff"
_HEAD = struct.Struct(">hiqiqiiiiihih")
_HEAD_WITHDRAWN = struct.Struct(">hiqiiiiiihih")
_PATH_ID = struct.Struct(">iq")
# A path id may be 0 (RFC 7911 3), so having none needs a value that no path id has.
NO_PATH_ID = -1
_NO_PATH_ID_FIELD = _PATH_ID.pack(8, NO_PATH_ID)
_INT8_FIELD = struct.Struct(">iq")
_INT2_FIELD = struct.Struct(">ih")
_ARRAY = struct.Struct(">iiiii")

# Microseconds from 1970 to 2000, where PostgreSQL's clock starts.
_EPOCH_2000 = 946_684_800_000_000
# The address family numbers of inet_send: not those of the operating system.
_PG_INET = 2
_PG_INET6 = 3
_OID_INT8, _OID_TEXT, _OID_INET = 20, 25, 869


def _network(family: int, length: int, bits: int, is_cidr: int, octets: int) -> bytes:
    return struct.pack(">iBBBB", length, family, bits, is_cidr, octets)


_BEFORE_PREFIX = {
    IPV4_UNICAST: [_network(_PG_INET, 8, bits, 1, 4) for bits in range(33)],
    IPV6_UNICAST: [_network(_PG_INET6, 20, bits, 1, 16) for bits in range(129)],
}
_AFTER_PREFIX = {
    IPV4_UNICAST: [bytes(4 - (bits + 7) // 8) for bits in range(33)],
    IPV6_UNICAST: [bytes(16 - (bits + 7) // 8) for bits in range(129)],
}

STORED_FAMILIES = frozenset(_BEFORE_PREFIX)


def row_head(
    time_us: int, attr_id: int | None, peer_id: int, session: int, view: int, family: int
) -> bytes:
    """What all routes of one UPDATE and family share; `time_us` counts from 1970."""
    time = time_us - _EPOCH_2000
    if attr_id is None:
        return _HEAD_WITHDRAWN.pack(8, 8, time, -1, 4, peer_id, 4, session, 2, view, 2, family)
    return _HEAD.pack(8, 8, time, 8, attr_id, 4, peer_id, 4, session, 2, view, 2, family)


def route_rows(head: bytes, family: int, nlri: list[bytes]) -> list[bytes]:
    """The rows of routes without path id, in the order of `nlri`."""
    head += _NO_PATH_ID_FIELD
    before, after = _BEFORE_PREFIX[family], _AFTER_PREFIX[family]
    return [head + before[one[0]] + one[1:] + after[one[0]] for one in nlri]


def route_rows_with_path_ids(
    head: bytes, family: int, nlri: list[bytes], path_ids: list[int]
) -> list[bytes]:
    """The rows of ADD-PATH routes (RFC 7911)."""
    before, after = _BEFORE_PREFIX[family], _AFTER_PREFIX[family]
    pack = _PATH_ID.pack
    return [
        head + pack(8, path_id) + before[one[0]] + one[1:] + after[one[0]]
        for one, path_id in zip(nlri, path_ids, strict=True)
    ]


def attribute_row(attr_id: int, time_us: int, attributes: PathAttributes, path: AsPath) -> bytes:
    """One row of `rib.path_attributes`; `path` is what is stored as the AS path."""
    aggregator = attributes.aggregator
    flat_path = [asn for _, asns in path for asn in asns]
    fields = (
        _int8(attr_id),
        _int8(time_us - _EPOCH_2000),
        _int8(origin_asn(path)),
        _int8(attributes.med),
        _int8(attributes.local_pref),
        _int8(aggregator[0] if aggregator else None),
        _NULL if attributes.origin is None else _INT2_FIELD.pack(2, attributes.origin),
        b"\0\0\0\1\1" if attributes.atomic_aggregate else b"\0\0\0\1\0",
        _inet(attributes.next_hop),
        _inet(attributes.originator_id),
        _inet(aggregator[1] if aggregator else None),
        _array(_OID_INT8, [_int8(asn) for asn in flat_path]),
        _text(as_path_text(path)) if _needs_segments(path) else _NULL,
        _array(_OID_INT8, [_int8(community) for community in attributes.communities]),
        _array(_OID_TEXT, [_text(one) for one in attributes.large_communities_text]),
        _array(_OID_TEXT, [_text(one) for one in attributes.ext_communities_text]),
        _array(_OID_INET, [_inet(one) for one in attributes.cluster_list]),
    )
    return struct.pack(">h", len(fields)) + b"".join(fields)


def copy_payload(rows: Iterable[bytes]) -> bytes:
    """A whole binary COPY stream."""
    return b"".join((COPY_HEADER, *rows, COPY_TRAILER))


def _needs_segments(path: AsPath) -> bool:
    # A plain list of numbers says all of an AS_SEQUENCE, not of a set or a confederation.
    return any(kind != AS_SEQUENCE for kind, _ in path)


def _int8(value: int | None) -> bytes:
    return _NULL if value is None else _INT8_FIELD.pack(8, value)


def _text(value: str) -> bytes:
    # PostgreSQL's text cannot hold NUL, and what a router sent may.
    encoded = value.replace("\0", "").encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _inet(address: bytes | None) -> bytes:
    if address is None:
        return _NULL
    if len(address) == 4:
        return _network(_PG_INET, 8, 32, 0, 4) + address
    return _network(_PG_INET6, 20, 128, 0, 16) + address


def _array(element_type: int, fields: list[bytes]) -> bytes:
    if not fields:
        return struct.pack(">iiii", 12, 0, 0, element_type)
    body = b"".join(fields)
    header = _ARRAY.pack(1, 0, element_type, len(fields), 1)
    return struct.pack(">i", len(header) + len(body)) + header + body
