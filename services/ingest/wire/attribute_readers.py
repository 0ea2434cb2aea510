"""One reader for each path attribute, and the table that says what each error leads to.

A reader takes the set under construction, the octets, and where the value starts and ends. It
stores what it read or raises WireError; offsets count from the first octet of `buf`. The table
names the Optional and Transitive flags that the attribute must carry, and whether an error in
its value withdraws the routes or discards the attribute (RFC 7606 7 and the RFCs it leaves out).
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
from services.ingest.wire.attributes import ORIGIN_NAMES, PathAttributes
from services.ingest.wire.errors import WireError

ORIGIN = 1
AS_PATH = 2
NEXT_HOP = 3
MED = 4
LOCAL_PREF = 5
ATOMIC_AGGREGATE = 6
AGGREGATOR = 7
COMMUNITIES = 8
ORIGINATOR_ID = 9
CLUSTER_LIST = 10
MP_REACH = 14
MP_UNREACH = 15
EXT_COMMUNITIES = 16
AS4_PATH = 17
AS4_AGGREGATOR = 18
LARGE_COMMUNITIES = 32

OPTIONAL = 0x80
TRANSITIVE = 0x40
EXTENDED_LENGTH = 0x10

Reader = Callable[[PathAttributes, bytes, int, int], None]


@final
class Rule:
    """How one attribute type is read and what an error in its value means (RFC 7606 2)."""

    __slots__ = ("flags", "name", "read", "withdraws")

    def __init__(self, name: str, flags: int, read: Reader, withdraws: bool) -> None:
        self.name = name
        self.flags = flags
        self.read = read
        self.withdraws = withdraws


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
    # AS_PATH was read before, so a router that lies about its AS width is known by now.
    size = attributes.as_octets
    _exactly(size + 4, pos, end, "RFC 7606 7.7")
    asn = int.from_bytes(buf[pos : pos + size], "big")
    attributes.aggregator = (asn, buf[pos + size : end])


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
    as4_path = decode_as_path(buf, pos, end, 4)
    if attributes.as_octets == 2 and not _aggregated_by_old_speaker(attributes):
        tail = tuple(s for s in as4_path if s[0] in (AS_SET, AS_SEQUENCE))  # RFC 6793 6
        attributes.as_path = merge_as4_path(attributes.as_path, tail)


def _as4_aggregator(attributes: PathAttributes, buf: bytes, pos: int, end: int) -> None:
    _exactly(8, pos, end, "RFC 6793 6")
    if (
        attributes.as_octets == 2
        and attributes.aggregator is not None
        and not _aggregated_by_old_speaker(attributes)
    ):
        attributes.aggregator = (int.from_bytes(buf[pos : pos + 4], "big"), buf[pos + 4 : end])


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
    attributes.large_communities = tuple(zip(words[::3], words[1::3], words[2::3], strict=True))


WELL_KNOWN = TRANSITIVE
OPTIONAL_TRANSITIVE = OPTIONAL | TRANSITIVE

RULES: dict[int, Rule] = {
    ORIGIN: Rule("origin", WELL_KNOWN, _origin, withdraws=True),
    AS_PATH: Rule("as-path", WELL_KNOWN, _as_path, withdraws=True),
    NEXT_HOP: Rule("next-hop", WELL_KNOWN, _next_hop, withdraws=True),
    MED: Rule("multi-exit-disc", OPTIONAL, _med, withdraws=True),
    LOCAL_PREF: Rule("local-pref", WELL_KNOWN, _local_pref, withdraws=True),
    ATOMIC_AGGREGATE: Rule("atomic-aggregate", WELL_KNOWN, _atomic_aggregate, withdraws=False),
    AGGREGATOR: Rule("aggregator", OPTIONAL_TRANSITIVE, _aggregator, withdraws=False),
    COMMUNITIES: Rule("communities", OPTIONAL_TRANSITIVE, _communities, withdraws=True),
    ORIGINATOR_ID: Rule("originator-id", OPTIONAL, _originator_id, withdraws=True),
    CLUSTER_LIST: Rule("cluster-list", OPTIONAL, _cluster_list, withdraws=True),
    EXT_COMMUNITIES: Rule("extended-communities", OPTIONAL_TRANSITIVE, _ext_communities, True),
    AS4_PATH: Rule("as4-path", OPTIONAL_TRANSITIVE, _as4_path, withdraws=False),
    AS4_AGGREGATOR: Rule("as4-aggregator", OPTIONAL_TRANSITIVE, _as4_aggregator, withdraws=False),
    LARGE_COMMUNITIES: Rule("large-communities", OPTIONAL_TRANSITIVE, _large_communities, True),
}
