"""The head of MP_REACH_NLRI: family, next hop and what lies before the NLRI (RFC 4760 3).

+---------------------------------------------------------+
| Address Family Identifier (2 octets)                    |
+---------------------------------------------------------+
| Subsequent Address Family Identifier (1 octet)          |
+---------------------------------------------------------+
| Length of Next Hop Network Address (1 octet)            |
+---------------------------------------------------------+
| Network Address of Next Hop (variable)                  |
+---------------------------------------------------------+
| Reserved (1 octet)                                      |
+---------------------------------------------------------+
| Network Layer Reachability Information (variable)       |
+---------------------------------------------------------+
"""

from typing import NamedTuple

from services.ingest.wire import families
from services.ingest.wire.attribute_set import Located, NextHop
from services.ingest.wire.errors import WireError

_LAYOUTS = {  # octets: route distinguisher, address
    0: (0, 0),
    4: (0, 4),
    12: (8, 4),
    16: (0, 16),
    24: (8, 16),
    32: (0, 16),  # and a link-local address (RFC 2545 3)
    48: (8, 16),
}

_IPV4 = (4, 16, 32)  # the longer ones: RFC 8950 3
_IPV6 = (16, 32)
_EITHER = (4, 16, 32)
# 16 and 32 are what RFC 5549 had for VPN-IPv4 before RFC 8950; IOS XR sends 16.
_EXPECTED = {
    families.IPV4_UNICAST: _IPV4,
    families.IPV4_MULTICAST: _IPV4,
    families.IPV4_LABELED_UNICAST: _IPV4,
    families.IPV6_UNICAST: _IPV6,
    families.IPV6_MULTICAST: _IPV6,
    families.IPV6_LABELED_UNICAST: _IPV6,
    families.VPNV4: (12, 24, 48, 16, 32),
    families.VPNV4_MULTICAST: (12, 24, 48, 16, 32),
    families.VPNV6: (24, 48),  # RFC 4659 3.2.1
    families.VPNV6_MULTICAST: (24, 48),
    families.IPV4_MVPN: _EITHER,
    families.IPV6_MVPN: _EITHER,
    families.IPV4_SR_POLICY: _EITHER,
    families.IPV6_SR_POLICY: _EITHER,
    families.ROUTE_TARGET: _EITHER,
    families.VPLS: _EITHER,
    families.EVPN: _EITHER,
    families.BGP_LS: _EITHER,
    families.BGP_LS_VPN: (12, 24, 48),
}


class Reach(NamedTuple):
    """`head` is family and next hop as they came; the NLRI start at `nlri_at`.

    `snpas_end` is where they start if the reserved octet counts SNPAs, as it did in RFC 2858,
    else `nlri_at`.
    """

    family: int
    next_hop: NextHop
    head: bytes
    nlri_at: int
    snpas_end: int


def read_reach(buf: bytes, item: Located, *, of_a_peer: bool) -> Reach:
    """`of_a_peer`: the routes are as a BGP peer sent them, so that its next hop must fit.

    In tables of its own IOS XR sends one of no octets, and of a route distinguisher alone.
    """
    pos, end = item.value, item.end
    if end - pos < 5:
        raise WireError(f"length {end - pos} holds no next hop", pos, (), "RFC 7606 5.3")
    family = buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 2]
    length = buf[pos + 3]
    nlri_at = pos + 5 + length
    if nlri_at > end:
        raise WireError("next hop runs past it", pos + 3, (), "RFC 7606 7.11")
    expected = _EXPECTED.get(family)
    if of_a_peer and expected is not None and length not in expected:
        reason = f"next hop of {length} octets does not fit {families.family_name(family)}"
        raise WireError(reason, pos + 3, (), "RFC 7606 7.11")
    next_hop = _next_hop(buf, pos + 4, length)
    snpas_end = _skip_snpas(buf, nlri_at, end) if buf[nlri_at - 1] else nlri_at
    return Reach(family, next_hop, buf[pos : nlri_at - 1], nlri_at, snpas_end)


def _next_hop(buf: bytes, pos: int, length: int) -> NextHop:
    """No address where the family is not known here and its next hop has another form."""
    skipped, size = _LAYOUTS.get(length, (0, 0))
    start = pos + skipped
    after = start + size
    second, end = after + skipped, pos + length
    return NextHop(buf[start:after] or None, buf[second:end] if size and second < end else None)


def _skip_snpas(buf: bytes, pos: int, end: int) -> int:
    """Each has a length in half octets before it (RFC 2858 2); `pos` where they do not fit."""
    at = pos
    for _ in range(buf[pos - 1]):
        if at >= end:
            return pos
        at += 1 + (buf[at] + 1 >> 1)
    return at if at <= end else pos
