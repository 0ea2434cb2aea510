"""Rows of `rib.path_attributes`, and the number of each set."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from services.ingest.rows.fields import (
    INT8,
    NULL,
    OID_INET,
    array,
    boolean,
    inet,
    int2,
    int8_array,
    jsonb,
    text,
    text_array,
)
from services.ingest.wire import AS_SEQUENCE, as_path_text, describe_attributes, origin_asn

if TYPE_CHECKING:
    from services.ingest.wire import AsPath, PathAttributes

ATTRIBUTE_COLUMNS = (
    "attr_id",
    "last_used",
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
    "others",
)
# What describe_attributes tells that has a column of its own, or is told by one.
_IN_COLUMNS = frozenset(
    {
        "origin",
        "as_path",
        "next_hop",
        "med",
        "local_pref",
        "atomic_aggregate",
        "aggregator",
        "communities",
        "well_known_communities",
        "large_communities",
        "ext_communities",
        "originator_id",
        "cluster_list",
    }
)

_COUNT = len(ATTRIBUTE_COLUMNS).to_bytes(2, "big")
_TRUE, _FALSE = boolean(True), boolean(False)
_ORIGINS = [int2(code) for code in range(256)]

# ORIGIN to CLUSTER_LIST, MP_REACH_NLRI, MP_UNREACH_NLRI, EXTENDED COMMUNITIES, AS4_PATH,
# AS4_AGGREGATOR and LARGE_COMMUNITY (IANA, BGP Path Attributes).
_CODES_IN_COLUMNS = sum(1 << code for code in (*range(1, 11), *range(14, 19), 32))


def attribute_id(attributes: PathAttributes, path: AsPath) -> int:
    """The number of this set with this path: 64 bits of a hash, as PostgreSQL's int8."""
    digest = hashlib.blake2b(attributes.identity, digest_size=8)
    if path is not attributes.as_path:
        digest.update(b"own AS removed")
    return int.from_bytes(digest.digest(), "big", signed=True)


def attribute_row(attr_id: int, day: bytes, attributes: PathAttributes, path: AsPath) -> bytes:
    """One row of `rib.path_attributes`; `path` is what is stored as the AS path.

    `day` is the field of today's date. It is made of one expression and few calls: a full table
    has a set for every six routes.
    """
    pack = INT8.pack
    origin_as, origin = origin_asn(path), attributes.origin
    med, local_pref, aggregator = attributes.med, attributes.local_pref, attributes.aggregator
    large, ext = attributes.large_communities, attributes.ext_communities
    clusters = attributes.cluster_list
    if len(path) == 1 and path[0][0] == AS_SEQUENCE:
        flat_path, segments = path[0][1], NULL
    else:
        flat_path = tuple(asn for _, asns in path for asn in asns)
        # A plain list of numbers says all of an AS_SEQUENCE, not of a set or a confederation.
        segments = text(as_path_text(path)) if _needs_segments(path) else NULL
    return b"".join(
        (
            _COUNT,
            pack(8, attr_id),
            day,
            NULL if origin_as is None else pack(8, origin_as),
            NULL if med is None else pack(8, med),
            NULL if local_pref is None else pack(8, local_pref),
            NULL if aggregator is None else pack(8, aggregator[0]),
            NULL if origin is None else _ORIGINS[origin],
            _TRUE if attributes.atomic_aggregate else _FALSE,
            inet(attributes.next_hop),
            inet(attributes.originator_id),
            NULL if aggregator is None else inet(aggregator[1]),
            int8_array(flat_path),
            segments,
            int8_array(attributes.communities) if attributes.communities else NULL,
            text_array(attributes.large_communities_text) if large else NULL,
            text_array(attributes.ext_communities_text) if ext else NULL,
            array(OID_INET, [inet(one) for one in clusters]) if clusters else NULL,
            jsonb(_others(attributes)),
        )
    )


def _needs_segments(path: AsPath) -> bool:
    # A plain list of numbers says all of an AS_SEQUENCE, not of a set or a confederation.
    return any(kind != AS_SEQUENCE for kind, _ in path)


def _others(attributes: PathAttributes) -> dict[str, object]:
    # Nearly all routes have none, and describing a set costs more than its row.
    if not (
        attributes.present & ~_CODES_IN_COLUMNS
        or attributes.discarded
        or attributes.next_hop_link_local
    ):
        return {}
    described = describe_attributes(attributes)
    return {name: value for name, value in described.items() if name not in _IN_COLUMNS}
