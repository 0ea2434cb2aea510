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

FAMILIES = {0x0101: "ipv4_unicast", 0x0201: "ipv6_unicast"}
"""AFI * 256 + SAFI."""

ORIGINS = {0: "igp", 1: "egp", 2: "incomplete"}
"""RFC 4271 4.3."""

PEER_TYPES = {0: "global", 1: "rd_instance", 2: "local_instance", 3: "loc_rib"}
"""RFC 7854 4.2 and RFC 9069."""
