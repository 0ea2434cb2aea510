"""The path attributes of one UPDATE, decoded once for each distinct set."""

from typing import TYPE_CHECKING, final

from services.ingest.wire.as_path import AsPath, as_path_json, as_path_text, origin_asn
from services.ingest.wire.attribute_codes import PMSI_TUNNEL, PREFIX_SID, TUNNEL_ENCAPSULATION
from services.ingest.wire.communities import (
    community_text,
    ext_community_text,
    ipv6_ext_community_text,
    well_known_name,
)
from services.ingest.wire.native import mypyc_attr
from services.ingest.wire.pmsi import PmsiTunnel, read_pmsi_tunnel
from services.ingest.wire.prefix_sid import describe_prefix_sid
from services.ingest.wire.tunnel_encapsulation import Tunnel, read_tunnels

if TYPE_CHECKING:
    from services.ingest.wire.errors import WireError

ORIGIN_NAMES = ("igp", "egp", "incomplete")

AttrSet = tuple[int, "PathAttributes"]
"""The AS that the customer's attributes come from, and those attributes (RFC 6368 4)."""


@final
@mypyc_attr(acyclic=True)
class PathAttributes:
    """One set of path attributes; to be read, never changed.

    `next_hop` has 4 or 16 octets, None where the router sent none. `as_octets` is how the AS
    numbers were in fact written. `others` keeps (type, flags, value) of what has no field here;
    `unknown` is the part of it that nothing here can read. `present` has one bit for each type
    that came, `1 << type`.

    `errors` lists what RFC 7606 tolerated, with offsets in the buffer that was decoded.
    `discarded` lists what is sound and yet not to be used, such as LOCAL_PREF from an external
    peer, with offsets from the first octet of the attributes. `depth` counts the ATTR_SETs that
    this set is inside of.

    `identity` is equal for two sets exactly when they mean the same: the attributes in the
    order of their types, without MP_REACH_NLRI and MP_UNREACH_NLRI, then the next hop.
    """

    __slots__ = (
        "aggregator",
        "aigp",
        "as_octets",
        "as_path",
        "atomic_aggregate",
        "attr_set",
        "cluster_list",
        "communities",
        "depth",
        "discarded",
        "errors",
        "ext_communities",
        "identity",
        "ipv6_ext_communities",
        "large_communities",
        "local_pref",
        "med",
        "next_hop",
        "next_hop_link_local",
        "only_to_customer",
        "origin",
        "originator_id",
        "others",
        "present",
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
        self.ipv6_ext_communities: tuple[bytes, ...] = ()
        self.aigp: int | None = None
        self.only_to_customer: int | None = None
        self.attr_set: AttrSet | None = None
        self.others: tuple[tuple[int, int, bytes], ...] = ()
        self.present = 0
        self.errors: tuple[WireError, ...] = ()
        self.discarded: tuple[WireError, ...] = ()
        self.depth = 0
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
        return [community_text(value) for value in self.communities]

    @property
    def well_known_communities(self) -> list[str]:
        """The names of those that have one: `NO_EXPORT`."""
        names = [well_known_name(value) for value in self.communities]
        return [name for name in names if name is not None]

    @property
    def large_communities_text(self) -> list[str]:
        """`65020:1:2` (RFC 8092 5)."""
        return [f"{a}:{b}:{c}" for a, b, c in self.large_communities]

    @property
    def ext_communities_text(self) -> list[str]:
        """`rt:65000:1`, `color:100`, ...; 16 hexadecimal digits of one that is not known."""
        return [ext_community_text(value) for value in self.ext_communities]

    @property
    def ipv6_ext_communities_text(self) -> list[str]:
        """`rt:[2001:db8::1]:7`; 40 hexadecimal digits of one that is not known."""
        return [ipv6_ext_community_text(value) for value in self.ipv6_ext_communities]

    def other(self, kind: int) -> bytes | None:
        """The octets of an attribute that has no field; None where it is not in the set."""
        for found, _, value in self.others:
            if found == kind:
                return value
        return None

    @property
    def pmsi_tunnel(self) -> PmsiTunnel | None:
        value = self.other(PMSI_TUNNEL)
        return None if value is None else read_pmsi_tunnel(value, 0, len(value))

    @property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """Those of the Tunnel Encapsulation attribute (RFC 9012)."""
        value = self.other(TUNNEL_ENCAPSULATION)
        return () if value is None else read_tunnels(value, 0, len(value))

    @property
    def prefix_sid(self) -> dict[str, object] | None:
        """Label index, SRGB and SRv6 services by name (RFC 8669, RFC 9252)."""
        value = self.other(PREFIX_SID)
        return None if value is None else describe_prefix_sid(value)

    @property
    def unknown(self) -> tuple[tuple[int, int, bytes], ...]:
        """(type, flags, value) of what nothing here can read."""
        return tuple(one for one in self.others if one[0] not in _READ_ON_DEMAND)


_READ_ON_DEMAND = frozenset((PMSI_TUNNEL, TUNNEL_ENCAPSULATION, PREFIX_SID))
