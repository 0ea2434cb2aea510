"""A few NLRI of each family that is split, for tests of what holds for all of them."""

from __future__ import annotations

from services.ingest.wire import families as f
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import octets as o

ESI = bytes.fromhex("01aabbccddeeff006400")
FRAGMENT = ("dont-fragment", "is-fragment", "first-fragment", "last-fragment")
LS_NODE = bytes.fromhex(
    "02 0000000000000001 0100001a 0200000400000001 0201000400000000 020300060a0000010001"
)

EVPN = {
    1: n.auto_discovery("192.0.2.1:65000", ESI, 10, n.labels(200)),
    2: n.mac_ip("65000:1", "00:00:5e:00:53:01", "2001:db8::aa", n.vni(1001) + n.vni(2001), ESI),
    3: n.inclusive_multicast("65000:1", 10, "10.0.0.1"),
    4: n.segment("65000:1", ESI, "2001:db8::1"),
    5: n.ip_prefix("65000:1", "10.66.0.0/23", "172.16.0.1", n.vni(2000), ESI, 10),
    6: n.multicast(6, "65000:1", "10.0.0.9", "239.1.1.1", b"\x0c"),
    7: n.multicast(7, "65000:1", "*", "ff0e::1", b"\x02", ESI),
    8: n.multicast(8, "65000:1", "10.0.0.9", "239.1.1.1", b"\0\0\0\0\x19\x02", ESI),
    9: n.evpn(9, n.rd("65000:1") + bytes(12)),
}
FLOW4 = n.flowspec(
    n.flow_prefix(1, "10.0.0.0/23"),
    n.operators(3, (1, 6)),
    n.operators(5, (3, 1024), (0x45, 2048), (1, 443)),
    n.operators(9, (1, 0x12), (2, 1)),
)
FLOW6 = n.flowspec(
    n.flow_prefix(1, "2001:db8:50::/63", 32),
    n.flow_prefix(2, "2001:db8::/33"),
    n.operators(12, (0, 2)),
    n.operators(13, (1, 0xABCDE)),
)
LONG_FLOW = n.flowspec(n.operators(4, *((1, port) for port in range(1000, 1100))))

SAMPLES: dict[int, list[bytes]] = {
    f.IPV4_UNICAST: [o.prefix("198.51.100.0/24"), o.prefix("10.32.0.0/11")],
    f.IPV4_MULTICAST: [o.prefix("198.51.100.0/24"), o.prefix("192.0.2.1/32")],
    f.IPV6_UNICAST: [o.prefix("2001:db8::/33"), o.prefix("2001:db8::1/128")],
    f.IPV6_MULTICAST: [o.prefix("2001:db8::/33"), o.prefix("2001:db8::1/128")],
    f.IPV4_LABELED_UNICAST: [
        n.labeled("198.51.100.0/23", n.labels(100, 200, 300)),
        n.labeled("192.0.2.0/24", n.WITHDRAWN),
    ],
    f.IPV6_LABELED_UNICAST: [
        n.labeled("2001:db8::/33", n.labels(16)),
        n.labeled("2001:db8::1/128", n.labels(17)),
    ],
    f.VPNV4: [
        n.vpn("65000:1", "10.30.2.0/23", n.labels(100)),
        n.vpn("192.0.2.1:7", "10.30.2.1/32", n.labels(1000, 16)),
    ],
    f.VPNV6: [
        n.vpn("4200000000:1", "2001:db8:30::/47", n.labels(11)),
        n.vpn("65000:1", "2001:db8:31::/48", n.WITHDRAWN),
    ],
    f.VPNV4_MULTICAST: [
        n.vpn("65000:1", "10.30.2.0/23", b""),
        n.vpn("65000:1", "10.30.4.0/24", b""),
    ],
    f.VPNV6_MULTICAST: [
        n.vpn("65000:1", "2001:db8:30::/47", b""),
        n.vpn("65000:1", "2001:db8:31::/48", b""),
    ],
    f.EVPN: list(EVPN.values()),
    f.IPV4_FLOWSPEC: [FLOW4, LONG_FLOW],
    f.IPV6_FLOWSPEC: [FLOW6],
    f.VPNV4_FLOWSPEC: [
        n.flowspec(n.flow_prefix(2, "10.0.0.0/8"), distinguisher=n.rd("65000:1")),
        n.flowspec(n.operators(11, (1, 46)), distinguisher=n.rd("65000:2")),
    ],
    f.VPNV6_FLOWSPEC: [
        n.flowspec(n.flow_prefix(1, "2001:db8:50::/63", 32), distinguisher=n.rd("65000:1")),
    ],
    f.ROUTE_TARGET: [
        n.route_target(96, 65000, bytes.fromhex("0002fde800000064")),
        n.route_target(34, 65000, b"\x40"),
    ],
    f.IPV4_SR_POLICY: [n.sr_policy(1, 100, "192.0.2.1"), n.sr_policy(2, 100, "192.0.2.1")],
    f.IPV6_SR_POLICY: [n.sr_policy(1, 100, "2001:db8::1")],
    f.IPV4_MVPN: [
        n.evpn(1, n.rd("65000:1") + n.ip("192.0.2.1")),
        n.evpn(7, n.rd("65000:1") + n.tag(65000) + n.sized("10.0.0.1") + n.sized("239.1.1.1")),
    ],
    f.IPV6_MVPN: [n.evpn(1, n.rd("65000:1") + n.ip("2001:db8::1")), n.evpn(99, b"abc")],
    f.VPLS: [
        n.vpls(n.rd("65000:1") + bytes.fromhex("000300010008") + n.labels(100)),
        n.vpls(n.rd("65000:1") + n.ip("192.0.2.1")),
    ],
    f.BGP_LS: [n.bgp_ls(1, LS_NODE), n.bgp_ls(900, b"anything")],
    f.BGP_LS_VPN: [n.bgp_ls(1, n.rd("65000:1") + LS_NODE)],
}
