"""The names that answers and parameters use for what the store keeps as numbers."""

from __future__ import annotations

RIB_VIEWS = {
    0: "adj_in_pre",
    1: "adj_in_post",
    2: "adj_out_pre",
    3: "adj_out_post",
    4: "loc_rib",
}
"""RFC 7854 4.2, RFC 8671, RFC 9069: which RIB of the router a route is seen in."""

EVPN = 0x1946

FAMILIES = {
    0x0101: "ipv4_unicast",
    0x0102: "ipv4_multicast",
    0x0104: "ipv4_labeled_unicast",
    0x0105: "ipv4_mvpn",
    0x0142: "ipv4_mdt",
    0x0149: "ipv4_sr_policy",
    0x0155: "ipv4_mup",
    0x0180: "vpnv4",
    0x0181: "vpnv4_multicast",
    0x0184: "route_target",
    0x0185: "ipv4_flowspec",
    0x0186: "vpnv4_flowspec",
    0x0201: "ipv6_unicast",
    0x0202: "ipv6_multicast",
    0x0204: "ipv6_labeled_unicast",
    0x0205: "ipv6_mvpn",
    0x0249: "ipv6_sr_policy",
    0x0255: "ipv6_mup",
    0x0280: "vpnv6",
    0x0281: "vpnv6_multicast",
    0x0285: "ipv6_flowspec",
    0x0286: "vpnv6_flowspec",
    0x1941: "vpls",
    EVPN: "evpn",
    0x1986: "l2vpn_flowspec",
    0x400447: "bgp_ls",
    0x400448: "bgp_ls_vpn",
    0x400450: "bgp_ls_spf",
}
"""AFI * 256 + SAFI."""

ORIGINS = {0: "igp", 1: "egp", 2: "incomplete"}
"""RFC 4271 4.3."""

PEER_TYPES = {0: "global", 1: "rd_instance", 2: "local_instance", 3: "loc_rib"}
"""RFC 7854 4.2 and RFC 9069."""


def family_name(family: int) -> str:
    """The name of a family; `afi_3_safi_9` of one that has none here."""
    return FAMILIES.get(family) or f"afi_{family >> 8}_safi_{family & 0xFF}"
