"""Communities as people write them: plain (RFC 1997), large (RFC 8092), extended (RFC 4360).

An extended community has 8 octets: a type, mostly a sub-type, and 6 octets of value; the bit
0x40 of the type only says that it is not transitive. One that is not known here, or holds what
its RFC forbids, is shown as its hexadecimal digits, which no readable form can be mistaken for.
"""

from collections.abc import Callable
from struct import unpack

from services.ingest.wire.text import ipv4_text, ipv6_text

_WELL_KNOWN = {  # IANA "BGP Well-known Communities"
    0xFFFF0000: "GRACEFUL_SHUTDOWN",  # RFC 8326 5
    0xFFFF0001: "ACCEPT_OWN",  # RFC 7611 3
    0xFFFF0002: "ROUTE_FILTER_TRANSLATED_v4",
    0xFFFF0003: "ROUTE_FILTER_v4",
    0xFFFF0004: "ROUTE_FILTER_TRANSLATED_v6",
    0xFFFF0005: "ROUTE_FILTER_v6",
    0xFFFF0006: "LLGR_STALE",  # RFC 9494 3
    0xFFFF0007: "NO_LLGR",
    0xFFFF0008: "accept-own-nexthop",
    0xFFFF0009: "Standby PE",  # RFC 9026 3
    0xFFFF029A: "BLACKHOLE",  # RFC 7999 5
    0xFFFFFF01: "NO_EXPORT",  # RFC 1997
    0xFFFFFF02: "NO_ADVERTISE",
    0xFFFFFF03: "NO_EXPORT_SUBCONFED",
    0xFFFFFF04: "NOPEER",  # RFC 3765
}

Form = Callable[[bytes], str | None]
"""Takes the 8 octets; None where they are not what the RFC has."""


def well_known_name(community: int) -> str | None:
    """`NO_EXPORT` for 0xFFFFFF01; None for a community that is not well known."""
    return _WELL_KNOWN.get(community)


def community_text(community: int) -> str:
    """`65020:100`, a well-known community as numbers too."""
    return f"{community >> 16}:{community & 0xFFFF}"


def ext_community_text(value: bytes) -> str:
    """`rt:65000:1`, `color:100`, `mac-mobility:3`, ...; else 16 hexadecimal digits."""
    form = _BY_TYPE.get((value[0], value[1]))
    if form is not None:
        return form(value) or value.hex()
    name = _BY_SUB_TYPE.get(value[1])
    administered = _administered(value)
    if name is None or administered is None:
        return value.hex()
    return f"{name}:{administered}"


def ipv6_ext_community_text(value: bytes) -> str:
    """`rt:[2001:db8::1]:7` (RFC 5701 2); else 40 hexadecimal digits."""
    name = _IPV6_SUB_TYPES.get(value[1])
    if name is None or value[0] & 0xBF:
        return value.hex()
    return f"{name}:[{ipv6_text(value[2:18])}]:{_number(value[18:])}"


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _administered(value: bytes) -> str | None:
    """`65000:1`, `192.0.2.1:7`: AS of 2 octets, IPv4 address, AS of 4 octets (RFC 4360, 5668)."""
    form = value[0] & 0xBF
    if form == 0:
        return f"{_number(value[2:4])}:{_number(value[4:])}"
    if form == 1:
        return f"{ipv4_text(value[2:6])}:{_number(value[6:])}"
    if form == 2:
        return f"{_number(value[2:6])}:{_number(value[6:])}"
    return None


def _rate(name: str) -> Form:
    """An AS number and a rate as an IEEE 754 number (RFC 8955 7.1)."""

    def form(value: bytes) -> str:
        (rate,) = unpack(">f", value[4:])
        return f"{name}:{_number(value[2:4])}:{rate:g}"

    return form


def _redirect(form_of_as: int) -> Form:
    """RFC 8955 7.4: a route target under another type."""

    def form(value: bytes) -> str | None:
        administered = _administered(bytes((form_of_as,)) + value[1:])
        return None if administered is None else f"redirect:{administered}"

    return form


def _mac(name: str) -> Form:
    def form(value: bytes) -> str:
        return f"{name}:{value[2:].hex(':')}"

    return form


def _ospf_route_type(value: bytes) -> str:
    """RFC 4577 4.2.6: area, route type, options."""
    return f"ospf-route-type:{ipv4_text(value[2:6])}:{value[6]}:{value[7]}"


def _color(value: bytes) -> str:
    """RFC 9012 4.3; the two bits of RFC 9830 3 before the number where they are set."""
    color_only = value[2] >> 6
    number = _number(value[4:])
    return f"color:{color_only:02b}:{number}" if color_only else f"color:{number}"


_TUNNELS = {  # IANA "BGP Tunnel Encapsulation Attribute Tunnel Types"
    1: "l2tpv3",
    2: "gre",
    3: "transmit-tunnel-endpoint",
    4: "ipsec-tunnel-mode",
    5: "ip-in-ip-with-ipsec",
    6: "mpls-in-ip-with-ipsec",
    7: "ip-in-ip",
    8: "vxlan",
    9: "nvgre",
    10: "mpls",
    11: "mpls-in-gre",
    12: "vxlan-gpe",
    13: "mpls-in-udp",
    14: "ipv6-tunnel",
    15: "sr-policy",
    16: "bare",
    19: "geneve",
}


def tunnel_name(kind: int) -> str:
    """`vxlan`, `sr-policy`, ...; `tunnel-99` for a type without a name here."""
    return _TUNNELS.get(kind) or f"tunnel-{kind}"


def _encapsulation(value: bytes) -> str:
    return f"encapsulation:{tunnel_name(_number(value[6:]))}"


def _default_gateway(_value: bytes) -> str:
    return "default-gateway"


def _origin_validation(value: bytes) -> str | None:
    """RFC 8097 2."""
    states = ("valid", "not-found", "invalid")
    return f"origin-validation:{states[value[7]]}" if value[7] < len(states) else None


def _mac_mobility(value: bytes) -> str:
    """RFC 7432 7.7."""
    sticky = "sticky:" if value[2] & 1 else ""
    return f"mac-mobility:{sticky}{_number(value[4:])}"


def _esi_label(value: bytes) -> str:
    """RFC 7432 7.5."""
    mode = "single-active" if value[2] & 1 else "all-active"
    return f"esi-label:{mode}:{_number(value[5:]) >> 4}"


def _layer_2_attributes(value: bytes) -> str:
    """RFC 8214 3.1: control flags and MTU."""
    return f"l2-attributes:{_number(value[2:4]):#06x}:{_number(value[4:6])}"


def _df_election(value: bytes) -> str:
    """RFC 8584 2.2: algorithm, bitmap, preference (RFC 9785 3)."""
    return f"df-election:{value[2] & 0x1F}:{_number(value[3:5]):#06x}:{_number(value[6:])}"


def _traffic_action(value: bytes) -> str:
    """RFC 8955 7.3: bit 46 is Sample, bit 47 Terminal."""
    names = [name for bit, name in ((2, "sample"), (1, "terminal")) if value[7] & bit]
    return ":".join(("traffic-action", *names))


def _traffic_marking(value: bytes) -> str:
    return f"traffic-marking:{value[7] & 0x3F}"


_BY_SUB_TYPE = {  # where the type gives the form of the administrator
    0x02: "rt",  # RFC 4360 4
    0x03: "ro",  # RFC 4360 5
    0x05: "ospf-domain-id",  # RFC 4577 4.2.4
    0x07: "ospf-router-id",
    0x09: "source-as",  # RFC 6514 6
    0x0A: "l2vpn-id",  # RFC 6074 3.2.4
    0x0B: "vrf-route-import",  # RFC 6514 7
    0x13: "route-target-record",  # draft-ietf-bess-service-chaining
}
_IPV6_SUB_TYPES = {0x02: "rt", 0x03: "ro", 0x0B: "vrf-route-import", 0x0D: "redirect"}

_BY_TYPE: dict[tuple[int, int], Form] = {
    (0x00, 0x04): _rate("link-bandwidth"),  # draft-ietf-idr-link-bandwidth
    (0x40, 0x04): _rate("link-bandwidth"),
    (0x03, 0x06): _ospf_route_type,
    (0x03, 0x0B): _color,
    (0x03, 0x0C): _encapsulation,  # RFC 9012 4.1
    (0x03, 0x0D): _default_gateway,  # RFC 7432 7.8
    (0x43, 0x00): _origin_validation,
    (0x06, 0x00): _mac_mobility,
    (0x06, 0x01): _esi_label,
    (0x06, 0x02): _mac("es-import"),  # RFC 7432 7.6
    (0x06, 0x03): _mac("router-mac"),  # RFC 9135 8.1
    (0x06, 0x04): _layer_2_attributes,
    (0x06, 0x06): _df_election,
    (0x80, 0x06): _rate("traffic-rate-bytes"),
    (0x80, 0x07): _traffic_action,
    (0x80, 0x08): _redirect(0),
    (0x81, 0x08): _redirect(1),
    (0x82, 0x08): _redirect(2),
    (0x80, 0x09): _traffic_marking,  # RFC 8955 7.5
    (0x80, 0x0C): _rate("traffic-rate-packets"),
}
