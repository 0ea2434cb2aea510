"""From a packet to the TCP segment in it: link layer, IP, TCP.

Link types: www.tcpdump.org/linktypes.html. A packet that holds no TCP segment gives None; one
that cannot be used, such as a fragment, is counted. Whatever was not captured is never guessed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from services.ingest.pcap.packets import Packet

FIN, SYN, RST = 1, 2, 4

_NULL, _ETHERNET, _LOOP, _LINUX_COOKED, _LINUX_COOKED_2 = 0, 1, 108, 113, 276
_RAW = (12, 14, 101, 228, 229)
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN = (0x8100, 0x88A8, 0x9100)
_MPLS = (0x8847, 0x8848)
_FAMILIES = {2: _IPV4, 10: _IPV6, 24: _IPV6, 28: _IPV6, 30: _IPV6}  # AF_INET6 of each system

_TCP = 6
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60

Endpoint = tuple[bytes, int]
"""Address and port."""


class Segment(NamedTuple):
    """One TCP segment; `missing` octets of its data were not captured."""

    source: Endpoint
    target: Endpoint
    sequence: int
    flags: int
    data: bytes
    missing: int


class Passed(NamedTuple):
    """What was not used of a capture."""

    fragments: Counter[str]
    links: Counter[int]


def nothing_passed() -> Passed:
    return Passed(Counter(), Counter())


def tcp_segment(packet: Packet, passed: Passed) -> Segment | None:
    """The segment in a packet, None where there is none or it is counted in `passed`."""
    found = _network(packet.link, packet.data)
    if found is None:
        passed.links[packet.link] += 1
        return None
    protocol, start = found
    data = packet.data
    if protocol == 0 and len(data) > start:
        protocol = {4: _IPV4, 6: _IPV6}.get(data[start] >> 4, 0)
    lost = max(0, packet.length - len(data))
    if protocol == _IPV4:
        return _from_ipv4(data[start:], lost, passed)
    if protocol == _IPV6:
        return _from_ipv6(data[start:], lost, passed)
    return None


def _network(link: int, data: bytes) -> tuple[int, int] | None:
    """(EtherType, 0 where only IP's own version tells; where the network layer starts)."""
    if link == _ETHERNET:
        return _past_vlans(data, 12)
    if link in _RAW:
        return 0, 0
    if link in (_NULL, _LOOP):
        # One octet of the family is not zero, in the byte order of the machine or the network's.
        return _FAMILIES.get(max(data[:4], default=0), -1), 4
    if link == _LINUX_COOKED:
        return _past_vlans(data, 14)
    if link == _LINUX_COOKED_2:
        protocol = _number(data, 0, 2)
        return _past_vlans(data, 18) if protocol in _VLAN else (protocol, 20)
    return None


def _past_vlans(data: bytes, pos: int) -> tuple[int, int]:
    """What the EtherType at `pos` leads to, or the one behind VLAN tags (IEEE 802.1Q)."""
    while (protocol := _number(data, pos, 2)) in _VLAN:
        pos += 4
    pos += 2
    if protocol in _MPLS:  # a stack of labels, and IP under its bottom (RFC 3032 2.1)
        while pos + 4 <= len(data) and not data[pos + 2] & 1:
            pos += 4
        return 0, pos + 4
    return protocol, pos


def _from_ipv4(data: bytes, lost: int, passed: Passed) -> Segment | None:
    if len(data) < 20 or data[9] != _TCP:
        return None
    if _number(data, 6, 2) & 0x3FFF:  # more fragments, or an offset
        passed.fragments["IPv4"] += 1
        return None
    header = max(20, (data[0] & 0x0F) * 4)
    total = _number(data, 2, 2) or len(data) + lost  # 0 where the network card cuts segments
    return _from_tcp(data[12:16], data[16:20], data[header:total], total - len(data))


def _from_ipv6(data: bytes, lost: int, passed: Passed) -> Segment | None:
    if len(data) < 40:
        return None
    total = 40 + (_number(data, 4, 2) or len(data) + lost - 40)
    following, pos = data[6], 40
    while following != _TCP:
        if following == _FRAGMENT and _number(data, pos + 2, 2) & 0xFFF9:
            passed.fragments["IPv6"] += 1
            return None
        size = _extension_size(following, data, pos)
        if size == 0:
            return None
        following, pos = data[pos], pos + size
    return _from_tcp(data[8:24], data[24:40], data[pos:total], total - len(data))


def _extension_size(kind: int, data: bytes, pos: int) -> int:
    """Octets of the IPv6 extension header at `pos`, 0 where it is none that is passed by."""
    if len(data) < pos + 2:
        return 0
    if kind in (_HOP_BY_HOP, _ROUTING, _DESTINATION):
        return (data[pos + 1] + 1) * 8
    if kind == _AUTHENTICATION:
        return (data[pos + 1] + 2) * 4
    return 8 if kind == _FRAGMENT else 0


def _from_tcp(source: bytes, target: bytes, data: bytes, lost: int) -> Segment | None:
    if len(data) < 20:
        return None
    header = (data[12] >> 4) * 4
    if header < 20:
        return None
    return Segment(
        (source, _number(data, 0, 2)),
        (target, _number(data, 2, 2)),
        _number(data, 4, 4),
        data[13],
        data[header:],
        max(0, lost),
    )


def _number(data: bytes, pos: int, size: int) -> int:
    """0 where the capture does not hold it."""
    octets = data[pos : pos + size]
    return int.from_bytes(octets, "big") if len(octets) == size else 0
