"""One reader for each path attribute, and the table that says what each error leads to.

A reader takes the set under construction, the octets, and where the value starts and ends. It
stores what it read or raises WireError; offsets count from the first octet of `buf`. A checker
only raises: what it lets pass is kept as octets in `others` and read on demand. The table names
the Optional and Transitive flags that the attribute must carry, and what an error in its value
leads to (RFC 7606 7 and the RFCs of later attributes).
"""

from collections.abc import Callable
from struct import unpack_from
from typing import final

from services.ingest.wire.as_path import (
    AS_SEQUENCE,
    AS_SET,
    AS_TRANS,
    decode_as_path,
    merge_as4_path,
)
from services.ingest.wire.attribute_codes import (
    AGGREGATOR,
    AIGP,
    AS4_AGGREGATOR,
    AS4_PATH,
    AS_PATH,
    ATOMIC_AGGREGATE,
    CLUSTER_LIST,
    COMMUNITIES,
    EXT_COMMUNITIES,
    IPV6_EXT_COMMUNITIES,
    LARGE_COMMUNITIES,
    LOCAL_PREF,
    MED,
    NEXT_HOP,
    ONLY_TO_CUSTOMER,
    OPTIONAL,
    OPTIONAL_TRANSITIVE,
    ORIGIN,
    ORIGINATOR_ID,
    PMSI_TUNNEL,
    PREFIX_SID,
    TRAFFIC_ENGINEERING,
    TUNNEL_ENCAPSULATION,
    WELL_KNOWN,
)
from services.ingest.wire.attributes import ORIGIN_NAMES, PathAttributes
from services.ingest.wire.errors import Approach, WireError
from services.ingest.wire.pmsi import read_pmsi_tunnel
from services.ingest.wire.prefix_sid import check_prefix_sid
from services.ingest.wire.tunnel_encapsulation import read_tunnels

Reader = Callable[[PathAttributes, bytes, int, int], None]


@final
class Rule:
    """How one attribute type is read and what an error in its value means (RFC 7606 2).

    `has_field` is False where the value is only checked. `wrong_flags` is what flags lead to
    that are not those of the attribute (RFC 7606 3 c).
    """

    __slots__ = ("approach", "flags", "has_field", "name", "read", "wrong_flags")

    def __init__(
        self,
        name: str,
        flags: int,
        read: Reader,
        approach: Approach,
        *,
        has_field: bool = True,
        wrong_flags: Approach = Approach.TREAT_AS_WITHDRAW,
    ) -> None:
        self.name = name
        self.flags = flags
        self.read = read
        self.approach = approach
        self.has_field = has_field
        self.wrong_flags = wrong_flags


def _exactly(size: int, pos: int, end: int, section: str) -> None:
    if end - pos != size:
        raise WireError(f"length is {end - pos} and must be {size}", pos, (), section)


def _multiple(size: int, pos: int, end: int, section: str) -> None:
    length = end - pos
    if length == 0 or length % size:
        raise WireError(f"length is {length} and must be a multiple of {size}", pos, (), section)


def _origin(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(1, pos, end, "RFC 7606 7.1")
    if buf[pos] >= len(ORIGIN_NAMES):
        raise WireError(f"value {buf[pos]} is undefined", pos, (), "RFC 7606 7.1")
    attributes.origin = buf[pos]


def _as_path(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    stated = attributes.as_octets
    try:
        attributes.as_path = decode_as_path(buf, pos, end, stated)
    except WireError as error:
        # FRR 8.0 writes 2-octet paths under a header that says 4. A path of one form is hardly
        # ever mistaken for the other: its segments would not end where the attribute ends, and
        # the upper half of most 4-octet numbers would be AS 0.
        try:
            attributes.as_path = decode_as_path(buf, pos, end, 6 - stated)
        except WireError:
            raise error from None
        attributes.as_octets = 6 - stated


def _next_hop(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(4, pos, end, "RFC 7606 7.3")
    attributes.next_hop = buf[pos:end]


def _med(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(4, pos, end, "RFC 7606 7.4")
    attributes.med = int.from_bytes(buf[pos:end], "big")


def _local_pref(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(4, pos, end, "RFC 7606 7.5")
    attributes.local_pref = int.from_bytes(buf[pos:end], "big")


def _atomic_aggregate(attributes: PathAttributes, _buf: bytes, pos: int, end: int) -> None:
    _exactly(0, pos, end, "RFC 7606 7.6")
    attributes.atomic_aggregate = True


def _aggregator(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    # AS_PATH was read before, so a router that lies about its AS width is known by now, unless
    # the path was empty.
    size = attributes.as_octets
    if not attributes.as_path and end - pos == 10 - size:
        size = 6 - size
    _exactly(size + 4, pos, end, "RFC 7606 7.7")
    attributes.aggregator = _aggregated_by(buf, pos, end, size)


def _aggregated_by(buf: bytes, pos: int, end: int, size: int) -> tuple[int, bytes]:
    asn = int.from_bytes(buf[pos : pos + size], "big")
    if asn == 0:
        raise WireError("AS number is 0", pos, (), "RFC 7607 2")
    return asn, buf[pos + size : end]


def _communities(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _multiple(4, pos, end, "RFC 7606 7.8")
    attributes.communities = unpack_from(f">{(end - pos) >> 2}I", buf, pos)


def _originator_id(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(4, pos, end, "RFC 7606 7.9")
    attributes.originator_id = buf[pos:end]


def _cluster_list(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _multiple(4, pos, end, "RFC 7606 7.10")
    attributes.cluster_list = tuple(buf[i : i + 4] for i in range(pos, end, 4))


def _ext_communities(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _multiple(8, pos, end, "RFC 7606 7.14")
    attributes.ext_communities = tuple(buf[i : i + 8] for i in range(pos, end, 8))


def _as4_path(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    if pos == end:
        raise WireError("holds no AS number", pos, (), "RFC 6793 6")
    as4_path = decode_as_path(buf, pos, end, 4)
    if not _aggregated_by_old_speaker(attributes):
        tail = tuple(s for s in as4_path if s[0] in (AS_SET, AS_SEQUENCE))  # RFC 6793 6
        attributes.as_path = merge_as4_path(attributes.as_path, tail)


def _as4_aggregator(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(8, pos, end, "RFC 6793 6")
    aggregator = _aggregated_by(buf, pos, end, 4)
    if attributes.aggregator is not None and not _aggregated_by_old_speaker(attributes):
        attributes.aggregator = aggregator


def _aggregated_by_old_speaker(attributes: PathAttributes) -> bool:
    """RFC 6793 4.2.3: a real AS number in AGGREGATOR makes both AS4 attributes stale."""
    return (
        attributes.has(AS4_AGGREGATOR)
        and attributes.aggregator is not None
        and attributes.aggregator[0] != AS_TRANS
    )


def _large_communities(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _multiple(12, pos, end, "RFC 8092 6")
    words = unpack_from(f">{(end - pos) >> 2}I", buf, pos)
    found = zip(words[::3], words[1::3], words[2::3], strict=True)
    attributes.large_communities = tuple(dict.fromkeys(found))  # RFC 8092 3: no duplicates


def _ipv6_ext_communities(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _multiple(20, pos, end, "RFC 7606 7.15")
    attributes.ipv6_ext_communities = tuple(buf[i : i + 20] for i in range(pos, end, 20))


def _only_to_customer(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(4, pos, end, "RFC 9234 5")
    attributes.only_to_customer = int.from_bytes(buf[pos:end], "big")


def _aigp(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    """The first AIGP TLV counts; the length of a TLV includes its head (RFC 7311 3)."""
    while pos < end:
        length = int.from_bytes(buf[pos + 1 : pos + 3], "big")
        if end - pos < 3 or length < 3 or pos + length > end:
            raise WireError("TLV does not fit the attribute", pos, (), "RFC 7311 3")
        if buf[pos] == 1:
            if length != 11:
                raise WireError(f"AIGP TLV of {length} octets", pos, (), "RFC 7311 3")
            if attributes.aigp is None:
                attributes.aigp = int.from_bytes(buf[pos + 3 : pos + 11], "big")
        pos += length


def _pmsi_tunnel(_attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    read_pmsi_tunnel(buf, pos, end)


def _tunnel_encapsulation(_attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    read_tunnels(buf, pos, end)


def _prefix_sid(_attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    check_prefix_sid(buf, pos, end)


def _traffic_engineering(_attributes: PathAttributes, _buf: bytes, pos: int, end: int) -> None:
    if end - pos < 36:  # one descriptor without its specific part (RFC 5543 3)
        raise WireError(f"length {end - pos} is below 36", pos, (), "RFC 7606 7.13")


_WITHDRAW = Approach.TREAT_AS_WITHDRAW
_DISCARD = Approach.ATTRIBUTE_DISCARD
_BOTH = OPTIONAL_TRANSITIVE

RULES: dict[int, Rule] = {
    ORIGIN: Rule("origin", WELL_KNOWN, _origin, _WITHDRAW),
    AS_PATH: Rule("as-path", WELL_KNOWN, _as_path, _WITHDRAW),
    NEXT_HOP: Rule("next-hop", WELL_KNOWN, _next_hop, _WITHDRAW),
    MED: Rule("multi-exit-disc", OPTIONAL, _med, _WITHDRAW),
    LOCAL_PREF: Rule("local-pref", WELL_KNOWN, _local_pref, _WITHDRAW),
    ATOMIC_AGGREGATE: Rule("atomic-aggregate", WELL_KNOWN, _atomic_aggregate, _DISCARD),
    AGGREGATOR: Rule("aggregator", _BOTH, _aggregator, _DISCARD),
    COMMUNITIES: Rule("communities", _BOTH, _communities, _WITHDRAW),
    ORIGINATOR_ID: Rule("originator-id", OPTIONAL, _originator_id, _WITHDRAW),
    CLUSTER_LIST: Rule("cluster-list", OPTIONAL, _cluster_list, _WITHDRAW),
    EXT_COMMUNITIES: Rule("extended-communities", _BOTH, _ext_communities, _WITHDRAW),
    AS4_PATH: Rule("as4-path", _BOTH, _as4_path, _DISCARD),
    AS4_AGGREGATOR: Rule("as4-aggregator", _BOTH, _as4_aggregator, _DISCARD),
    PMSI_TUNNEL: Rule("pmsi-tunnel", _BOTH, _pmsi_tunnel, _WITHDRAW, has_field=False),
    TUNNEL_ENCAPSULATION: Rule(
        "tunnel-encapsulation", _BOTH, _tunnel_encapsulation, _WITHDRAW, has_field=False
    ),
    TRAFFIC_ENGINEERING: Rule(
        "traffic-engineering", OPTIONAL, _traffic_engineering, _WITHDRAW, has_field=False
    ),
    IPV6_EXT_COMMUNITIES: Rule(
        "ipv6-extended-communities", _BOTH, _ipv6_ext_communities, _WITHDRAW
    ),
    # RFC 7311 3: as if it were unrecognized and not transitive, which ends with the attribute
    AIGP: Rule("aigp", OPTIONAL, _aigp, _DISCARD, wrong_flags=_DISCARD),
    LARGE_COMMUNITIES: Rule("large-communities", _BOTH, _large_communities, _WITHDRAW),
    ONLY_TO_CUSTOMER: Rule("only-to-customer", _BOTH, _only_to_customer, _WITHDRAW),
    PREFIX_SID: Rule("prefix-sid", _BOTH, _prefix_sid, _DISCARD, has_field=False),
}
