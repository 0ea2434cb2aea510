"""Rows of `rib.nlri`: the NLRI of EVPN, VPN, FlowSpec and the other families, by their parts."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING

from services.ingest.rows.fields import (
    NULL,
    bytea,
    inet,
    int2,
    int4,
    int8,
    jsonb,
    macaddr,
    network,
    row,
    text,
)
from services.ingest.wire import describe_nlri

if TYPE_CHECKING:
    from collections.abc import Mapping

NLRI_DICTIONARY_COLUMNS = (
    "nlri_id",
    "family",
    "last_used",
    "route_type",
    "mac",
    "prefix",
    "address",
    "rd",
    "key",
    "fields",
)


def nlri_id(family: int, key: bytes) -> int:
    """The number of this NLRI: 64 bits of a hash, as PostgreSQL's int8."""
    digest = hashlib.blake2b(family.to_bytes(4, "big") + key, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def nlri_row(number: int, day: bytes, family: int, key: bytes) -> bytes:
    """One row of `rib.nlri`; what can be searched for has a column, `day` is today's date."""
    parts: Mapping[str, object] = describe_nlri(family, key)
    route_type = parts.get("route_type")
    return row(
        int8(number),
        int4(family),
        day,
        int2(route_type if isinstance(route_type, int) else None),
        macaddr(_mac(parts.get("mac"))),
        _network(parts.get("prefix")),
        inet(_address(parts.get("ip"))),
        text(_string(parts.get("rd"))),
        bytea(key),
        jsonb(parts),
    )


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _mac(value: object) -> bytes | None:
    return bytes.fromhex(value.replace(":", "")) if isinstance(value, str) else None


def _address(value: object) -> bytes | None:
    return ipaddress.ip_address(value).packed if isinstance(value, str) else None


def _network(value: object) -> bytes:
    if not isinstance(value, str):
        return NULL
    prefix = ipaddress.ip_network(value)
    return network(prefix.network_address.packed, prefix.prefixlen)
