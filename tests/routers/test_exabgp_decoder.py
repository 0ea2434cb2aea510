"""Families that no router here can be made to send: ExaBGP's decoder reads them as we do."""

from __future__ import annotations

from typing import Any

import pytest

from services.ingest.wire import describe_nlri
from services.ingest.wire import families as f
from services.ingest.wire.nlri import split_nlri
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import octets as o
from tests.ingest.wire.nlri_samples import ESI, EVPN, LS_NODE
from tests.routers.harness.exabgp_decoder import decoded

RD = "4200000000:7"
NLRI = [
    *((f.IPV4_MULTICAST, o.prefix(f"10.{bits}.0.0/{bits}")) for bits in range(16, 33)),
    *((f.IPV6_MULTICAST, o.prefix(f"2001:db8::/{bits}")) for bits in range(32, 129, 7)),
    *((f.IPV4_LABELED_UNICAST, n.labeled("10.0.0.0/9", n.labels(*range(16, k)))) for k in (17, 20)),
    *((f.IPV6_LABELED_UNICAST, n.labeled("2001:db8::/33", n.labels(k))) for k in (3, 1048575)),
    *((f.VPNV4, n.vpn(rd, "10.0.0.0/8", n.labels(77))) for rd in (RD, "192.0.2.1:9", "1:99999")),
    *((f.VPNV6, n.vpn(RD, f"2001:db8::/{bits}", n.labels(9, 8))) for bits in (32, 47, 128)),
    *((f.EVPN, EVPN[kind]) for kind in (1, 3, 4, 5)),
    # It shows the first label of a MAC route only.
    (f.EVPN, n.mac_ip(RD, "00:00:5e:00:53:01", "2001:db8::aa", n.vni(1000), ESI, 7)),
    *((f.VPLS, n.vpls(n.rd(RD) + bytes((0, k, 0, 1, 0, 8)) + n.labels(k))) for k in (5, 250)),
    *((f.BGP_LS, n.bgp_ls(kind, LS_NODE)) for kind in (1,)),
    *((f.BGP_LS_VPN, n.bgp_ls(kind, n.rd(RD) + LS_NODE)) for kind in (1,)),
]
_LABELED = (f.IPV4_LABELED_UNICAST, f.IPV6_LABELED_UNICAST, f.VPNV4, f.VPNV6)


@pytest.mark.usefixtures("real_routers")
def test_exabgp_and_we_read_the_same_in_every_field() -> None:
    for (family, nlri), theirs in zip(NLRI, decoded(NLRI), strict=True):
        ours = in_its_words(family, nlri)
        assert {name: theirs.get(name) for name in ours} == ours


def in_its_words(family: int, nlri: bytes) -> dict[str, Any]:
    """Our description, with the names that ExaBGP has."""
    found = split_nlri(family, nlri, 0, len(nlri))
    said: dict[str, Any] = describe_nlri(family, found.nlri[0], (found.details or [b""])[0])
    if family == f.EVPN:
        return _evpn(said)
    if family == f.VPLS:
        names = {"ve_id": "endpoint", "ve_block_offset": "offset", "ve_block_size": "size"}
        names |= {"label_base": "base", "rd": "rd"}
    elif family in (f.BGP_LS, f.BGP_LS_VPN):
        said["nlri_type_name"] = f"bgpls-{said['nlri_type_name']}"
        names = {"nlri_type_name": "ls-nlri-type", "protocol_id": "protocol-id", "rd": "rd"}
        names |= {"identifier": "l3-routing-topology"}
    else:
        names = {"prefix": "nlri", "rd": "rd", "labels": "label"}
        said |= {"labels": [[label] for label in said["labels"]]} if family in _LABELED else {}
    return {theirs: said[ours] for ours, theirs in names.items() if ours in said}


def _evpn(said: dict[str, Any]) -> dict[str, Any]:
    wanted = {"code": said["route_type"], "rd": said["rd"]}
    if "esi" in said:
        wanted["esi"] = said["esi"]["value"]
    if "labels" in said:
        wanted["label"] = [list(both) for both in zip(said["labels"], said["vnis"], strict=True)]
    if "mac" in said:
        wanted["mac"] = said["mac"].upper()
    if "prefix" in said:
        address, _, bits = said["prefix"].partition("/")
        wanted |= {"ip": address, "iplen": int(bits), "gateway": said["gateway"]}
    names = {"ethernet_tag": "ethernet-tag", "ip": "ip"}
    return wanted | {theirs: said[ours] for ours, theirs in names.items() if ours in said}
