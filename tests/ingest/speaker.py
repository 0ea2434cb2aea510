"""A made-up router: the bytes that it would send (RFC 7854, RFC 4271).

For tests of what ingest does with messages; what real routers send is in tests/routers and in the
captures.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

POST_POLICY = 0x40


@dataclass(frozen=True)
class Peer:
    """One BGP peer of the router."""

    address: str = "192.0.2.1"
    asn: int = 64501
    flags: int = 0
    seconds: int = 1_700_000_000

    def header(self) -> bytes:
        """RFC 7854 4.2."""
        address = ipaddress.ip_address(self.address)
        flags = self.flags | (0x80 if address.version == 6 else 0)
        return (
            struct.pack(">BB8s", 0, flags, bytes(8))
            + address.packed.rjust(16, b"\0")
            + struct.pack(">I4sII", self.asn, bytes([10, 0, 0, 1]), self.seconds, 0)
        )


def message(kind: int, body: bytes) -> bytes:
    """RFC 7854 4.1."""
    return struct.pack(">BIB", 3, 6 + len(body), kind) + body


def initiation(name: str = "edge-1", description: str = "a test router") -> bytes:
    """RFC 7854 4.3."""
    return message(4, tlv(2, name.encode()) + tlv(1, description.encode()))


def tlv(kind: int, value: bytes) -> bytes:
    """RFC 7854 4.4."""
    return struct.pack(">HH", kind, len(value)) + value


def bgp(kind: int, body: bytes) -> bytes:
    """RFC 4271 4.1."""
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def peer_up(
    peer: Peer,
    remote_port: int = 40000,
    *,
    own_asn: int = 64500,
    add_path: bool = False,
    table_name: str | None = None,
) -> bytes:
    """RFC 7854 4.10, with OPENs that have 4-octet AS numbers and both unicast families."""
    sent, received = _open(own_asn, add_path=add_path), _open(peer.asn, add_path=add_path)
    local = ipaddress.ip_address("192.0.2.254").packed.rjust(16, b"\0")
    ports = struct.pack(">HH", 179, remote_port)
    name = b"" if table_name is None else tlv(3, table_name.encode())
    return message(3, peer.header() + local + ports + sent + received + name)


def _open(asn: int, *, add_path: bool) -> bytes:
    """RFC 4271 4.2; `add_path` offers both ways for IPv4 unicast (RFC 7911)."""
    capabilities = (
        bytes([65, 4]) + asn.to_bytes(4, "big") + bytes([1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1])
    )
    if add_path:
        capabilities += bytes([69, 4, 0, 1, 1, 3])
    parameters = bytes([2, len(capabilities)]) + capabilities
    fixed = struct.pack(">BHH4sB", 4, 23456, 180, bytes([10, 0, 0, 1]), len(parameters))
    return bgp(1, fixed + parameters)


def peer_down(peer: Peer) -> bytes:
    """RFC 7854 4.9, reason 4: the remote system closed without a NOTIFICATION."""
    return message(2, peer.header() + b"\x04")


def nlri(*prefixes: str, path_id: int | None = None) -> bytes:
    """RFC 4271 4.3, and RFC 7911 3 with a path id."""
    encoded = b""
    for prefix in prefixes:
        network = ipaddress.ip_network(prefix)
        octets = (network.prefixlen + 7) // 8
        encoded += b"" if path_id is None else path_id.to_bytes(4, "big")
        encoded += bytes([network.prefixlen]) + network.network_address.packed[:octets]
    return encoded


def attribute(kind: int, value: bytes, flags: int = 0x40) -> bytes:
    """RFC 4271 4.3."""
    return struct.pack(">BBH", flags | 0x10, kind, len(value)) + value


def as_path(*asns: int) -> bytes:
    """One AS_SEQUENCE of 4-octet numbers."""
    return struct.pack(f">BB{len(asns)}I", 2, len(asns), *asns) if asns else b""


def announce(
    peer: Peer,
    *prefixes: str,
    path: tuple[int, ...] = (64501, 64502),
    med: int | None = None,
    path_id: int | None = None,
) -> bytes:
    """Route Monitoring of IPv4 routes."""
    attributes = (
        attribute(1, b"\0")
        + attribute(2, as_path(*path))
        + attribute(3, ipaddress.ip_address("192.0.2.1").packed)
        + (b"" if med is None else attribute(4, med.to_bytes(4, "big"), 0x80))
        + attribute(8, struct.pack(">HH", 64501, 100), 0xC0)
    )
    body = struct.pack(">HH", 0, len(attributes)) + attributes
    body += nlri(*prefixes, path_id=path_id)
    return message(0, peer.header() + bgp(2, body))


def announce6(peer: Peer, *prefixes: str, path: tuple[int, ...] = (64501, 64502)) -> bytes:
    """Route Monitoring of IPv6 routes in MP_REACH_NLRI (RFC 4760)."""
    next_hop = ipaddress.ip_address("2001:db8::1").packed
    reach = struct.pack(">HBB", 2, 1, 16) + next_hop + b"\0" + nlri(*prefixes)
    attributes = attribute(14, reach, 0x80) + attribute(1, b"\0") + attribute(2, as_path(*path))
    body = struct.pack(">HH", 0, len(attributes)) + attributes
    return message(0, peer.header() + bgp(2, body))


def withdraw(peer: Peer, *prefixes: str, path_id: int | None = None) -> bytes:
    """Route Monitoring of withdrawn IPv4 routes."""
    encoded = nlri(*prefixes, path_id=path_id)
    body = struct.pack(">H", len(encoded)) + encoded + bytes(2)
    return message(0, peer.header() + bgp(2, body))


def end_of_rib(peer: Peer) -> bytes:
    """The End-of-RIB of IPv4 unicast (RFC 4724 2)."""
    return message(0, peer.header() + bgp(2, bytes(4)))
