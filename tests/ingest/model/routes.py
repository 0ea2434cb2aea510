"""Routes of every kind that the store tells apart, and the UPDATEs that carry them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.ingest import speaker
from tests.ingest.speaker import attribute, bgp, message

VIEWS = {"adj_in_pre": 0, "adj_in_post": speaker.POST_POLICY}
_IPV4, _IPV6, _VPNV4, _EVPN, _FLOWSPEC = 0x0101, 0x0201, 0x0180, 0x1946, 0x0185
_RD = bytes([0, 0, 0xFD, 0xE8, 0, 0, 0, 1])
_NEXT_HOPS = {
    _IPV6: bytes.fromhex("20010db8000000000000000000000001"),
    _VPNV4: bytes(8) + bytes([192, 0, 2, 1]),
    _EVPN: bytes([192, 0, 2, 1]),
    _FLOWSPEC: b"",
}
_WITHDRAWN_LABEL = bytes([0x80, 0, 0])  # RFC 8277 2.4


@dataclass(frozen=True)
class Route:
    """A route's family and key; the text of a prefix, the octets of anything else."""

    family: int
    key: str | bytes

    @property
    def has_labels(self) -> bool:
        """Whether it carries a label that is no part of its key."""
        return self.family in {_VPNV4, _EVPN}


def _vpn(third: int) -> Route:
    return Route(_VPNV4, _RD + bytes([24, 10, 0, third]))


def _mac(last: int) -> Route:
    # RFC 7432 7.2 without the ESI and the label: type, RD, tag, MAC, no address.
    return Route(_EVPN, b"\2" + _RD + bytes(4) + bytes([48, 2, 0, 0, 0, 0, last, 0]))


def _filter(third: int) -> Route:
    return Route(_FLOWSPEC, bytes([1, 24, 10, 0, third]))  # RFC 8955 4.2.2.1: its destination


ROUTES = {
    _IPV4: [Route(_IPV4, "10.0.0.0/24"), Route(_IPV4, "10.0.1.0/24"), Route(_IPV4, "10.1.0.0/16")],
    _IPV6: [Route(_IPV6, "2001:db8::/32"), Route(_IPV6, "2001:db8:1::/48")],
    _VPNV4: [_vpn(0), _vpn(1)],
    _EVPN: [_mac(1), _mac(2)],
    _FLOWSPEC: [_filter(0), _filter(1)],
}
FAMILIES = tuple(ROUTES)
ADD_PATH_FAMILY = _IPV4


def announce(
    peer: speaker.Peer, routes: list[Route], med: int, label: int, path_id: int | None
) -> bytes:
    """Route Monitoring of these routes, which are of one family."""
    family = routes[0].family
    labels = (label << 4 | 1).to_bytes(3, "big")
    nlri = b"".join(_nlri(route, labels, path_id) for route in routes)
    common = (
        attribute(1, b"\0")
        + attribute(2, speaker.as_path(peer.asn, 64502))
        + attribute(4, _u32(med), 0x80)
    )
    if family == _IPV4:
        return _update(peer, b"", common + attribute(3, bytes([192, 0, 2, 1])), nlri)
    next_hop = _NEXT_HOPS[family]
    head = struct.pack(">HBB", family >> 8, family & 255, len(next_hop)) + next_hop + b"\0"
    return _update(peer, b"", attribute(14, head + nlri, 0x80) + common, b"")


def withdraw(peer: speaker.Peer, routes: list[Route], path_id: int | None) -> bytes:
    """Route Monitoring that withdraws these routes, which are of one family."""
    family = routes[0].family
    nlri = b"".join(_nlri(route, _WITHDRAWN_LABEL, path_id) for route in routes)
    if family == _IPV4:
        return _update(peer, nlri, b"", b"")
    return _update(peer, b"", attribute(15, _afi_safi(family) + nlri, 0x80), b"")


def end_of_rib(peer: speaker.Peer, family: int) -> bytes:
    """The End-of-RIB of a family (RFC 4724 2)."""
    if family == _IPV4:
        return _update(peer, b"", b"", b"")
    return _update(peer, b"", attribute(15, _afi_safi(family), 0x80), b"")


def _nlri(route: Route, label: bytes, path_id: int | None) -> bytes:
    key = route.key
    if isinstance(key, str):
        return speaker.nlri(key, path_id=path_id)
    if route.family == _VPNV4:
        return bytes([8 * (3 + 8) + key[8]]) + label + key[:8] + key[9:]
    if route.family == _EVPN:
        value = key[1:9] + bytes(10) + key[9:] + label
        return key[:1] + bytes([len(value)]) + value
    return bytes([len(key)]) + key


def _update(peer: speaker.Peer, withdrawn: bytes, attributes: bytes, nlri: bytes) -> bytes:
    lengths = struct.pack(">H", len(withdrawn)) + withdrawn + struct.pack(">H", len(attributes))
    return message(0, peer.header() + bgp(2, lengths + attributes + nlri))


def _afi_safi(family: int) -> bytes:
    return struct.pack(">HB", family >> 8, family & 255)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
