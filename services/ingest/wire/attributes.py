"""The path attributes of one UPDATE, decoded once for each distinct set."""

from typing import TYPE_CHECKING, final

from services.ingest.wire.as_path import AsPath, as_path_json, as_path_text, origin_asn
from services.ingest.wire.native import mypyc_attr
from services.ingest.wire.text import ipv4_text

if TYPE_CHECKING:
    from services.ingest.wire.errors import WireError

ORIGIN_NAMES = ("igp", "egp", "incomplete")

_COMMUNITY_KINDS = {0x02: "rt", 0x03: "ro"}


@final
@mypyc_attr(acyclic=True)
class PathAttributes:
    """One set of path attributes; to be read, never changed.

    `next_hop` has 4 or 16 octets, None where the router sent none. `as_octets` is how the AS
    numbers were in fact written. `unknown` keeps (type, flags, value) of what has no field here.
    `present` has one bit for each type that came, `1 << type`. `errors` lists what RFC 7606
    tolerated, `withdraws` is true where one of them asks for treat-as-withdraw. `identity` is
    equal for two sets exactly when they mean the same: the attributes in the order of their
    types, without MP_REACH_NLRI and MP_UNREACH_NLRI, then the next hop. Offsets in `errors`
    count from the first octet of the attributes.
    """

    __slots__ = (
        "aggregator",
        "as_octets",
        "as_path",
        "atomic_aggregate",
        "cluster_list",
        "communities",
        "errors",
        "ext_communities",
        "identity",
        "large_communities",
        "local_pref",
        "med",
        "next_hop",
        "next_hop_link_local",
        "origin",
        "originator_id",
        "present",
        "unknown",
        "withdraws",
    )

    def __init__(self, as_octets: int) -> None:
        self.as_octets = as_octets
        self.origin: int | None = None
        self.as_path: AsPath = ()
        self.next_hop: bytes | None = None
        self.next_hop_link_local: bytes | None = None
        self.med: int | None = None
        self.local_pref: int | None = None
        self.communities: tuple[int, ...] = ()
        self.large_communities: tuple[tuple[int, int, int], ...] = ()
        self.ext_communities: tuple[bytes, ...] = ()
        self.atomic_aggregate = False
        self.aggregator: tuple[int, bytes] | None = None
        self.originator_id: bytes | None = None
        self.cluster_list: tuple[bytes, ...] = ()
        self.unknown: tuple[tuple[int, int, bytes], ...] = ()
        self.present = 0
        self.errors: tuple[WireError, ...] = ()
        self.withdraws = False
        self.identity = b""

    def has(self, kind: int) -> bool:
        """Whether an attribute of this type came, sound or not."""
        return bool(self.present >> kind & 1)

    @property
    def origin_text(self) -> str | None:
        return None if self.origin is None else ORIGIN_NAMES[self.origin]

    @property
    def origin_asn(self) -> int | None:
        """The AS that originates the route; None for an empty path or one that ends in a set."""
        return origin_asn(self.as_path)

    @property
    def as_path_text(self) -> str:
        return as_path_text(self.as_path)

    @property
    def as_path_json(self) -> list[int | list[int] | dict[str, list[int]]]:
        return as_path_json(self.as_path)

    @property
    def communities_text(self) -> list[str]:
        """`65020:100`, well-known communities as numbers too (RFC 1997)."""
        return [f"{value >> 16}:{value & 0xFFFF}" for value in self.communities]

    @property
    def large_communities_text(self) -> list[str]:
        """`65020:1:2` (RFC 8092 5)."""
        return [f"{a}:{b}:{c}" for a, b, c in self.large_communities]

    @property
    def ext_communities_text(self) -> list[str]:
        """`rt:65000:1`, `ro:192.0.2.1:7`; 16 hexadecimal digits where it is neither."""
        return [_ext_community_text(value) for value in self.ext_communities]


def _ext_community_text(value: bytes) -> str:
    kind = _COMMUNITY_KINDS.get(value[1])
    form = value[0] & 0xBF  # the bit 0x40 only says non-transitive (RFC 4360 2)
    if kind is None or form > 2:
        return value.hex()
    if form == 0:
        return f"{kind}:{_number(value[2:4])}:{_number(value[4:8])}"
    if form == 1:
        return f"{kind}:{ipv4_text(value[2:6])}:{_number(value[6:8])}"
    return f"{kind}:{_number(value[2:6])}:{_number(value[6:8])}"


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
