"""Attributes of later RFCs: what they say, with octets of RFCs and of routers."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import IPV4_UNICAST, IPV6_UNICAST, PathAttributes
from services.ingest.wire import families as f
from services.ingest.wire.pmsi import PmsiTunnel
from services.ingest.wire.readable import describe_attributes
from services.ingest.wire.tunnel_encapsulation import SubTlv, Tunnel
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import texts, update_of

OPT = 0x80
BOTH = 0xC0


def read(*extra: bytes) -> PathAttributes:
    update = update_of(o.announcement(o.MANDATORY + b"".join(extra)))
    assert update.errors == []
    assert update.attributes is not None
    return update.attributes


def shown(*extra: bytes) -> dict[str, Any]:
    return describe_attributes(read(*extra))


def test_aigp_is_a_metric() -> None:
    """RFC 7311 3; IOS XR sends it as here."""
    assert read(o.attribute(26, bytes.fromhex("01000b0000000000000539"), OPT)).aigp == 1337


def test_the_first_aigp_tlv_counts_and_others_are_passed_over() -> None:
    tlvs = bytes.fromhex("020005abcd 01000b0000000000000007 01000b0000000000000009")
    assert read(o.attribute(26, tlvs, OPT)).aigp == 7


def test_only_to_customer_is_an_as_number() -> None:
    """RFC 9234 5; RouteViews, February 2026."""
    found = read(o.attribute(35, bytes.fromhex("00001a79"), BOTH | 0x20))
    assert found.only_to_customer == 6777


def test_a_pmsi_tunnel_of_gobgp_is_ingress_replication() -> None:
    attribute = o.attribute(22, bytes.fromhex("000600006401010101"), BOTH)
    assert read(attribute).pmsi_tunnel == PmsiTunnel(0, 6, 100, bytes((1, 1, 1, 1)))
    assert shown(attribute)["pmsi_tunnel"] == {
        "tunnel_type": "ingress replication",
        "leaf_information_required": False,
        "label": 6,
        "vni": 100,
        "endpoint": "1.1.1.1",
    }


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("0103000640 0a000001 e8010101", {"source": "10.0.0.1", "group": "232.1.1.1"}),
        ("0102000640 0601", {"tunnel_type": "mLDP P2MP LSP", "identifier": "0601"}),
        ("0063000640", {"tunnel_type": 99}),
    ],
)
def test_the_identifier_of_a_pmsi_tunnel_is_read_by_its_type(
    value: str, part: dict[str, object]
) -> None:
    found = shown(o.attribute(22, bytes.fromhex(value), BOTH))["pmsi_tunnel"]
    assert part.items() <= found.items()


SRV6 = bytes.fromhex("0500220001001e0020010db800900000000000000000000000003f00010006201010001030")


def test_srv6_services_of_ios_xr_tell_sid_and_structure() -> None:
    """RFC 9252 2 and 3."""
    assert shown(o.attribute(40, SRV6, BOTH))["prefix_sid"] == {
        "srv6_l3_service": [
            {
                "sid": "2001:db8:90::",
                "flags": 0,
                "endpoint_behavior": 63,
                "structure": {
                    "locator_block_length": 32,
                    "locator_node_length": 16,
                    "function_length": 16,
                    "argument_length": 0,
                    "transposition_length": 16,
                    "transposition_offset": 48,
                },
            }
        ]
    }


def test_a_label_index_and_its_block_are_told() -> None:
    """RFC 8669 3; the first is IOS XR's."""
    srgb = bytes.fromhex("030008 0000 003e80 001f40")
    tlvs = bytes.fromhex("01000700000000000035") + srgb + b"\x09\0\1x"
    assert shown(o.attribute(40, tlvs, BOTH))["prefix_sid"] == {
        "label_index": 53,
        "originator_srgb": [{"base": 16000, "range": 8000}],
        "unknown": [{"type": 9, "value": "78"}],
    }


def test_of_a_tlv_that_comes_twice_the_first_counts() -> None:
    """RFC 8669 6."""
    twice = bytes.fromhex("01000700000000000035 01000700000000000036")
    assert shown(o.attribute(40, twice, BOTH))["prefix_sid"] == {"label_index": 53}


def test_an_sr_policy_keeps_its_sub_tlvs_by_type() -> None:
    """RFC 9012 2, RFC 9830 2.4."""
    segments = bytes.fromhex("80 0009 00 0106 0000 00640000")
    name = bytes.fromhex("82 0004 00") + b"abc"
    sub_tlvs = bytes.fromhex("0c06 0000 00000064") + segments + name
    value = struct.pack(">HH", 15, len(sub_tlvs)) + sub_tlvs
    attribute = o.attribute(23, value, BOTH)
    (tunnel,) = read(attribute).tunnels
    assert isinstance(tunnel, Tunnel)
    assert [one.kind for one in tunnel.sub_tlvs] == [12, 128, 130]
    assert tunnel.sub_tlvs[1] == SubTlv(128, bytes.fromhex("000106000000640000"))
    assert shown(attribute)["tunnel_encapsulation"] == [
        {
            "tunnel_type": "sr-policy",
            "sub_tlvs": [
                {"type": 12, "name": "preference", "value": 100},
                {"type": 128, "name": "segment_list", "value": "000106000000640000"},
                {"type": 130, "name": "policy_name", "value": "abc"},
            ],
        }
    ]


def test_a_vxlan_tunnel_tells_its_endpoint_and_port() -> None:
    sub_tlvs = bytes.fromhex("060a 00000000 0001 c0000201 0802 12b5 0408 030b000000000064 6301aa")
    value = struct.pack(">HH", 8, len(sub_tlvs)) + sub_tlvs
    (tunnel,) = shown(o.attribute(23, value, BOTH))["tunnel_encapsulation"]
    assert tunnel == {
        "tunnel_type": "vxlan",
        "sub_tlvs": [
            {"type": 6, "name": "tunnel_egress_endpoint", "value": "192.0.2.1"},
            {"type": 8, "name": "udp_destination_port", "value": 4789},
            {"type": 4, "name": "color", "value": 100},
            {"type": 99, "value": "aa"},
        ],
    }  # fmt: skip


def test_an_attr_set_holds_the_attributes_of_the_customer() -> None:
    """RFC 6368 4; its AS numbers have four octets whatever the peer's have."""
    inner = o.ORIGIN + o.AS_PATH + o.attribute(5, bytes((0, 0, 0, 100)))
    value = (65500).to_bytes(4, "big") + inner
    path = o.attribute(2, o.as_path((2, (65001,)), octets=2))
    octets = o.update(
        o.ORIGIN + path + o.NEXT_HOP + o.attribute(128, value, BOTH), o.prefix("10.0.0.0/8")
    )
    found = update_of(o.route_monitoring(octets, o.peer(flags=0x20))).attributes
    assert found is not None
    assert found.attr_set is not None
    asn, attributes = found.attr_set
    assert (asn, attributes.as_path_text, attributes.local_pref) == (65500, "65001 174", 100)
    assert describe_attributes(found)["attr_set"] == {
        "origin_as": 65500,
        "origin": "igp",
        "as_path": [65001, 174],
        "local_pref": 100,
    }


def test_large_communities_come_once_each() -> None:
    """RFC 8092 3."""
    one, two = struct.pack(">III", 65020, 1, 2), struct.pack(">III", 65020, 3, 4)
    found = read(o.attribute(32, one + two + one, BOTH))
    assert found.large_communities_text == ["65020:1:2", "65020:3:4"]


def test_unknown_attributes_are_kept_by_type_flags_and_octets() -> None:
    extra = o.attribute(99, b"\xab", BOTH | 0x20), o.attribute(33, b"\1", OPT)
    assert read(*extra).unknown == ((33, OPT, b"\1"), (99, BOTH | 0x20, b"\xab"))
    assert shown(*extra)["unknown"] == [
        {"type": 33, "name": "bgpsec-path", "flags": ["optional"], "value": "01"},
        {"type": 99, "flags": ["optional", "transitive", "partial"], "value": "ab"},
    ]


IP4, IP6 = bytes((192, 0, 2, 9)), bytes.fromhex("20010db8000000000000000000000009")
LINK_LOCAL = bytes.fromhex("fe80") + bytes(13) + b"\x09"
RD = bytes(8)


@pytest.mark.parametrize(
    ("family", "octets", "address", "link_local"),
    [
        (IPV4_UNICAST, IP4, IP4, None),
        (IPV4_UNICAST, IP6, IP6, None),
        (IPV4_UNICAST, IP6 + LINK_LOCAL, IP6, LINK_LOCAL),
        (IPV6_UNICAST, IP6, IP6, None),
        (IPV6_UNICAST, IP6 + LINK_LOCAL, IP6, LINK_LOCAL),
        (f.VPNV4, RD + IP4, IP4, None),
        (f.VPNV4, RD + IP6, IP6, None),
        (f.VPNV4, RD + IP6 + RD + LINK_LOCAL, IP6, LINK_LOCAL),
        (f.VPNV4, IP6, IP6, None),
        (f.VPNV6, RD + IP6, IP6, None),
        (f.VPNV6, RD + IP6 + RD + LINK_LOCAL, IP6, LINK_LOCAL),
        (f.EVPN, IP4, IP4, None),
        (f.EVPN, IP6, IP6, None),
        (f.BGP_LS, IP4, IP4, None),
        (f.BGP_LS_VPN, RD + IP4, IP4, None),
        (f.IPV4_FLOWSPEC, b"", None, None),
        (f.ROUTE_TARGET, IP4, IP4, None),
        (0x630163, b"\1\2\3\4\5", None, None),
    ],
)
def test_the_next_hop_of_every_family_is_found(
    family: int, octets: bytes, address: bytes | None, link_local: bytes | None
) -> None:
    """RFC 2545 3, 4364 4.3.2, 4659 3.2.1, 8950 3, 8955 4; IOS XR has 16 octets for VPN-IPv4."""
    nlri = {f.VPNV4: bytes((88, 0, 0, 1)) + RD, f.VPNV6: bytes((88, 0, 0, 1)) + RD}
    plain = nlri.get(family, b"\0")
    reach = o.mp_reach(family, octets, plain if family >> 16 == 0 else b"\0\1\0\0")
    if family not in (IPV4_UNICAST, IPV6_UNICAST, f.VPNV4, f.VPNV6):
        reach = o.mp_reach(family, octets, _SAMPLES.get(family, b"\0"))
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    assert update.announced[0].family == family
    found = update.announced[0].attributes
    assert found is not None
    assert (found.next_hop, found.next_hop_link_local) == (address, link_local)


_SAMPLES = {
    f.EVPN: bytes.fromhex("0311 0000fde800000001 00000000 20 c0000201"),
    f.BGP_LS: bytes.fromhex("0001 0009 0300000000 00000000"),
    f.BGP_LS_VPN: bytes.fromhex("0001 0011 0000fde800000001 0300000000 00000000"),
    f.IPV4_FLOWSPEC: bytes.fromhex("05 0118 0a0000"),
    f.ROUTE_TARGET: b"\0",
}


def test_snpas_before_the_nlri_are_passed_over() -> None:
    """RFC 2858 2 had them where RFC 4760 3 has a reserved octet."""
    head = struct.pack(">HBB", 2, 1, 16) + IP6
    snpas = b"\2" + b"\x05abc" + b"\x02d"
    nlri = o.prefixes("2001:db8::/32", "2001:db8:1::/48")
    reach = o.attribute(14, head + snpas + nlri, OPT)
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    assert texts(update.announced) == ["2001:db8::/32", "2001:db8:1::/48"]


def test_the_reserved_octet_is_ignored_otherwise() -> None:
    head = struct.pack(">HBB", 2, 1, 16) + IP6
    reach = o.attribute(14, head + b"\x07" + o.prefix("2001:db8::/32"), OPT)
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    assert texts(update.announced) == ["2001:db8::/32"]


@given(st.sampled_from([16, 22, 23, 25, 26, 32, 35, 40, 128]), st.binary(max_size=120))
def test_any_octets_of_an_attribute_can_be_shown(kind: int, value: bytes) -> None:
    flags = OPT if kind == 26 else BOTH
    update = update_of(o.announcement(o.MANDATORY + o.attribute(kind, value, flags)))
    for routes in update.announced:
        assert routes.attributes is not None
        assert describe_attributes(routes.attributes)["origin"] == "igp"


def test_a_customer_s_attributes_that_left_their_vpn_are_read() -> None:
    """As an M320 sent it in 2018, with the Partial bit of routers that did not know it."""
    found = read(bytes.fromhex("e080120000ffdc400101004002004005040000 0064"))
    assert found.attr_set is not None
    asn, inner = found.attr_set
    assert (asn, inner.origin_text, inner.as_path, inner.local_pref) == (65500, "igp", (), 100)
