"""Routes of the other families, as a router would send them (RFC 4760)."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

from tests.ingest.speaker import as_path, attribute, bgp, message

if TYPE_CHECKING:
    from tests.ingest.speaker import Peer

EVPN = (25, 70)
VPNV4 = (1, 128)
FLOWSPEC = (1, 133)
RD = bytes.fromhex("0000fde800000064")  # 65000:100


def announce(
    peer: Peer,
    family: tuple[int, int],
    *nlri: bytes,
    next_hop: str = "192.0.2.1",
    med: int = 0,
    ext_communities: bytes = b"",
) -> bytes:
    """Route Monitoring of routes in MP_REACH_NLRI."""
    afi, safi = family
    hop = b"" if family == FLOWSPEC else ipaddress.ip_address(next_hop).packed
    if family == VPNV4:
        hop = bytes(8) + hop
    reach = struct.pack(">HBB", afi, safi, len(hop)) + hop + b"\0" + b"".join(nlri)
    attributes = (
        attribute(14, reach, 0x80)
        + attribute(1, b"\0")
        + attribute(2, as_path(peer.asn))
        + attribute(4, med.to_bytes(4, "big"), 0x80)
        + (attribute(16, ext_communities, 0xC0) if ext_communities else b"")
    )
    body = struct.pack(">HH", 0, len(attributes)) + attributes
    return message(0, peer.header() + bgp(2, body))


def withdraw(peer: Peer, family: tuple[int, int], *nlri: bytes) -> bytes:
    """Route Monitoring of routes in MP_UNREACH_NLRI."""
    unreach = attribute(15, struct.pack(">HB", *family) + b"".join(nlri), 0x80)
    body = struct.pack(">HH", 0, len(unreach)) + unreach
    return message(0, peer.header() + bgp(2, body))


def mac_route(mac: str, *, label: int = 100, esi: bytes = bytes(10), rd: bytes = RD) -> bytes:
    """EVPN route type 2 without an address (RFC 7432 7.2)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    value = rd + esi + bytes(4) + bytes([48]) + octets + b"\0" + (label << 4).to_bytes(3, "big")
    return bytes([2, len(value)]) + value


def vpn_route(prefix: str, *, label: int = 100, rd: bytes = RD) -> bytes:
    """RFC 4364 4.3.4, with one label (RFC 8277 2.2)."""
    network = ipaddress.IPv4Network(prefix)
    octets = network.network_address.packed[: (network.prefixlen + 7) // 8]
    bits = 24 + 64 + network.prefixlen
    return bytes([bits]) + (label << 4 | 1).to_bytes(3, "big") + rd + octets


def flowspec_route(port: int) -> bytes:
    """Traffic to one port, whatever the address (RFC 8955 4.2.2.4)."""
    return bytes([4, 4, 0x91]) + port.to_bytes(2, "big")
