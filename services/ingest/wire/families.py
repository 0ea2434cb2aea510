"""Address families: an AFI and a SAFI in one integer, `afi << 8 | safi`, and their names.

Numbers: IANA "Address Family Numbers" and "SAFI Values".
"""

IPV4_UNICAST = 0x0101
IPV4_MULTICAST = 0x0102
IPV4_LABELED_UNICAST = 0x0104
IPV4_MVPN = 0x0105
IPV4_MDT = 0x0142
IPV4_SR_POLICY = 0x0149
IPV4_MUP = 0x0155
VPNV4 = 0x0180
VPNV4_MULTICAST = 0x0181
ROUTE_TARGET = 0x0184
IPV4_FLOWSPEC = 0x0185
VPNV4_FLOWSPEC = 0x0186
IPV6_UNICAST = 0x0201
IPV6_MULTICAST = 0x0202
IPV6_LABELED_UNICAST = 0x0204
IPV6_MVPN = 0x0205
IPV6_SR_POLICY = 0x0249
IPV6_MUP = 0x0255
VPNV6 = 0x0280
VPNV6_MULTICAST = 0x0281
IPV6_FLOWSPEC = 0x0285
VPNV6_FLOWSPEC = 0x0286
VPLS = 0x1941
EVPN = 0x1946
L2VPN_FLOWSPEC = 0x1986
BGP_LS = 0x400447
BGP_LS_VPN = 0x400448
BGP_LS_SPF = 0x400450

_NAMES = {
    IPV4_UNICAST: "ipv4_unicast",
    IPV4_MULTICAST: "ipv4_multicast",
    IPV4_LABELED_UNICAST: "ipv4_labeled_unicast",
    IPV4_MVPN: "ipv4_mvpn",
    IPV4_MDT: "ipv4_mdt",
    IPV4_SR_POLICY: "ipv4_sr_policy",
    IPV4_MUP: "ipv4_mup",
    VPNV4: "vpnv4",
    VPNV4_MULTICAST: "vpnv4_multicast",
    ROUTE_TARGET: "route_target",
    IPV4_FLOWSPEC: "ipv4_flowspec",
    VPNV4_FLOWSPEC: "vpnv4_flowspec",
    IPV6_UNICAST: "ipv6_unicast",
    IPV6_MULTICAST: "ipv6_multicast",
    IPV6_LABELED_UNICAST: "ipv6_labeled_unicast",
    IPV6_MVPN: "ipv6_mvpn",
    IPV6_SR_POLICY: "ipv6_sr_policy",
    IPV6_MUP: "ipv6_mup",
    VPNV6: "vpnv6",
    VPNV6_MULTICAST: "vpnv6_multicast",
    IPV6_FLOWSPEC: "ipv6_flowspec",
    VPNV6_FLOWSPEC: "vpnv6_flowspec",
    VPLS: "vpls",
    EVPN: "evpn",
    L2VPN_FLOWSPEC: "l2vpn_flowspec",
    BGP_LS: "bgp_ls",
    BGP_LS_VPN: "bgp_ls_vpn",
    BGP_LS_SPF: "bgp_ls_spf",
}


def family_name(family: int) -> str:
    """`ipv4_unicast`, `vpnv6`, `evpn`, ...; `afi_3_safi_9` for a family without a name here."""
    return _NAMES.get(family) or f"afi_{family >> 8}_safi_{family & 0xFF}"
