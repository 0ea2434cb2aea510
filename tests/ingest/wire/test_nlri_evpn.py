"""EVPN: every field of route types 1 to 8, and what of them is the key."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import RouteMonitoring, WireError, describe_nlri
from services.ingest.wire.families import EVPN
from services.ingest.wire.nlri import split_nlri
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import nlri_samples as samples
from tests.ingest.wire.decoding import messages, real_capture

RD = "192.0.2.1:65000"
ESI = samples.ESI
MAC_OVER_IPV6 = (
    "0234 000101010101fde8 00000000000000000000 00000000 30aabbccddee02"
    "80 20010db80000000000000000000000aa 0003e9 0007d1"
)
MEMBERSHIP_REPORT = (
    "0726 0000fde800000001 00000000000000000000 00000007 200a000009 20ef010101 20c0000201 02"
)
LEAVE = (
    "0827 0000fde800000001 00000000000000000000 00000007 00 20ef010101 20c0000201 00000000 19 02"
)
SINGLE_HOMED = {"type": 0, "value": "00:00:00:00:00:00:00:00:00:00"}


def shown(nlri: bytes) -> dict[str, object]:
    found = split_nlri(EVPN, nlri, 0, len(nlri))
    assert found.details is not None
    return describe_nlri(EVPN, found.nlri[0], found.details[0])


@pytest.mark.parametrize(
    ("nlri", "expected"),
    [
        # GoBGP 3.10, which fills the label fields with VNIs
        (
            "0119 000101010101fde8 01aabbccddeeff006400 0000000a 0000c8",
            {
                "route_type": 1,
                "route_type_name": "Ethernet auto-discovery",
                "rd": "1.1.1.1:65000",
                "esi": {
                    "type": 1,
                    "value": "01:aa:bb:cc:dd:ee:ff:00:64:00",
                    "lacp_system_mac": "aa:bb:cc:dd:ee:ff",
                    "lacp_port_key": 100,
                },
                "ethernet_tag": 10,
                "labels": [12],
                "vnis": [200],
            },
        ),
        (
            "0221 000101010101fde8 00000000000000000000 00000000 30aabbccddee03 00 0003e9",
            {
                "route_type": 2,
                "route_type_name": "MAC/IP advertisement",
                "rd": "1.1.1.1:65000",
                "esi": SINGLE_HOMED,
                "ethernet_tag": 0,
                "mac": "aa:bb:cc:dd:ee:03",
                "labels": [62],
                "vnis": [1001],
            },
        ),
        (
            MAC_OVER_IPV6,
            {
                "route_type": 2,
                "route_type_name": "MAC/IP advertisement",
                "rd": "1.1.1.1:65000",
                "esi": SINGLE_HOMED,
                "ethernet_tag": 0,
                "mac": "aa:bb:cc:dd:ee:02",
                "ip": "2001:db8::aa",
                "labels": [62, 125],
                "vnis": [1001, 2001],
            },
        ),
        (
            "0311 000101010101fde8 0000000a 200a000001",
            {
                "route_type": 3,
                "route_type_name": "inclusive multicast Ethernet tag",
                "rd": "1.1.1.1:65000",
                "ethernet_tag": 10,
                "ip": "10.0.0.1",
            },
        ),
        (
            "0417 000101010101fde8 01aabbccddeeff006400 200a000001",
            {
                "route_type": 4,
                "route_type_name": "Ethernet segment",
                "rd": "1.1.1.1:65000",
                "esi": {
                    "type": 1,
                    "value": "01:aa:bb:cc:dd:ee:ff:00:64:00",
                    "lacp_system_mac": "aa:bb:cc:dd:ee:ff",
                    "lacp_port_key": 100,
                },
                "ip": "10.0.0.1",
            },
        ),
        (
            "0522 000101010101fde8 050000fde80000006400 0000000a 18 0a420000 ac100001 0007d0",
            {
                "route_type": 5,
                "route_type_name": "IP prefix",
                "rd": "1.1.1.1:65000",
                "esi": {
                    "type": 5,
                    "value": "05:00:00:fd:e8:00:00:00:64:00",
                    "asn": 65000,
                    "local_discriminator": 100,
                },
                "ethernet_tag": 10,
                "prefix": "10.66.0.0/24",
                "gateway": "172.16.0.1",
                "labels": [125],
                "vnis": [2000],
            },
        ),
        # written after RFC 9251 9.1 to 9.3
        (
            "0618 0000fde800000001 00000007 00 20ef010101 20c0000201 0c",
            {
                "route_type": 6,
                "route_type_name": "selective multicast Ethernet tag",
                "rd": "65000:1",
                "ethernet_tag": 7,
                "source": "*",
                "group": "239.1.1.1",
                "originator": "192.0.2.1",
                "flags": ["v3", "exclude"],
            },
        ),
        (
            MEMBERSHIP_REPORT,
            {
                "route_type": 7,
                "route_type_name": "multicast membership report synch",
                "rd": "65000:1",
                "esi": SINGLE_HOMED,
                "ethernet_tag": 7,
                "source": "10.0.0.9",
                "group": "239.1.1.1",
                "originator": "192.0.2.1",
                "flags": ["v2"],
            },
        ),
        (
            LEAVE,
            {
                "route_type": 8,
                "route_type_name": "multicast leave synch",
                "rd": "65000:1",
                "esi": SINGLE_HOMED,
                "ethernet_tag": 7,
                "source": "*",
                "group": "239.1.1.1",
                "originator": "192.0.2.1",
                "flags": ["v2"],
                "maximum_response_time": 25,
            },
        ),
        (
            "0a03 010203",
            {"route_type": 10, "route_type_name": "S-PMSI A-D", "value": "010203"},
        ),
        ("c802 0102", {"route_type": 200, "value": "0102"}),
    ],
)
def test_every_field_of_every_route_type_is_shown(nlri: str, expected: dict[str, object]) -> None:
    assert shown(bytes.fromhex(nlri)) == expected


@pytest.mark.parametrize(
    ("esi", "expected"),
    [
        ("00010203040506070809", {"type": 0}),
        ("02aabbccddeeff800000", {"root_bridge_mac": "aa:bb:cc:dd:ee:ff"}),
        ("02aabbccddeeff800000", {"root_bridge_priority": 32768}),
        ("03aabbccddeeff00000a", {"system_mac": "aa:bb:cc:dd:ee:ff", "local_discriminator": 10}),
        ("04c0000201000000ff00", {"router_id": "192.0.2.1", "local_discriminator": 255}),
        ("05fa56ea000000000a00", {"asn": 4200000000, "local_discriminator": 10}),
        ("ffffffffffffffffffff", {"type": 255, "value": "ff:ff:ff:ff:ff:ff:ff:ff:ff:ff"}),
    ],
)
def test_an_ethernet_segment_is_read_by_its_type(esi: str, expected: dict[str, object]) -> None:
    """RFC 7432 5."""
    found = shown(n.segment(RD, bytes.fromhex(esi), "192.0.2.1"))["esi"]
    assert isinstance(found, dict)
    assert found | expected == found


@pytest.mark.parametrize(
    ("nlri", "reason"),
    [
        (b"\2\5abcd", "NLRI runs past the NLRI field"),
        (b"\2", "NLRI runs past the NLRI field"),
        (b"\0\1x", "route type 0 is reserved"),
        (n.evpn(1, bytes(24)), "in Ethernet auto-discovery route: length is 24 and must be 25"),
        (n.evpn(2, bytes(10)), "in MAC/IP advertisement route: route ends before its MAC"),
        (n.evpn(2, bytes(33)), "MAC address of 0 bits"),
        (n.evpn(2, bytes(22) + b"\x30" + bytes(6)), "route ends before an address"),
        (n.evpn(2, bytes(22) + b"\x30" + bytes(6) + b"\x21"), "address of 33 bits is neither"),
        (n.evpn(2, bytes(22) + b"\x30" + bytes(6) + b"\x20\0"), "address runs past the route"),
        (n.evpn(2, bytes(22) + b"\x30" + bytes(7)), "0 octets are neither one label nor two"),
        (n.evpn(3, bytes(12) + b"\x20" + bytes(5)), "length is 18 and must be 17"),
        (n.evpn(3, bytes(13)), "address of 0 bits is neither IPv4 nor IPv6"),
        (n.evpn(4, bytes(18)), "route ends before an address"),
        (n.evpn(5, bytes(35)), "in IP prefix route: length is 35 and must be 58"),
        (n.evpn(5, bytes(22) + b"\x21" + bytes(11)), "prefix length 33 is above 32"),
        (n.evpn(6, bytes(14)), "route ends before an address"),
        (n.evpn(6, bytes(12) + b"\0\0\x20" + bytes(4)), "length is 19 and must be 20"),
        (n.multicast(8, RD, "*", "*", bytes(5), ESI), "length is 34 and must be 35"),
    ],
)
def test_a_route_that_is_not_of_its_type_is_a_wire_error(nlri: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        split_nlri(EVPN, nlri, 0, len(nlri))
    assert reason in str(caught.value)


def test_a_multicast_route_for_any_source_and_any_group_is_one() -> None:
    """RFC 9251 9: both lengths may be 0."""
    found = shown(n.multicast(6, RD, "*", "*", b"\4"))
    assert (found["source"], found["group"]) == ("*", "*")


def test_gobgp_sends_every_one_of_its_route_types() -> None:
    found = [
        describe_nlri(EVPN, *both)
        for message in messages(real_capture("lab/gobgp-3.10.0-late-join.bmp"))
        if isinstance(message, RouteMonitoring)
        for routes in message.update.announced
        if routes.family == EVPN and routes.details is not None
        for both in zip(routes.nlri, routes.details, strict=True)
    ]
    assert [route["route_type"] for route in found].count(2) == 9
    assert {route["route_type"] for route in found} == {1, 2, 3, 4, 5}
    assert len(found) == 21


BY_VERSION = {4: st.ip_addresses(v=4), 6: st.ip_addresses(v=6)}
ADDRESSES = st.one_of(*BY_VERSION.values()).map(str)
VNIS = st.integers(0, 2**24 - 1)
ESIS = st.binary(min_size=10, max_size=10)
MACS = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
TAGS = st.integers(0, 2**32 - 1)


@given(MACS, st.just("") | ADDRESSES, st.lists(VNIS, min_size=1, max_size=2), ESIS, TAGS)
def test_mac_routes_come_back_as_they_were_written(
    mac: str, host: str, vnis: list[int], esi: bytes, tag: int
) -> None:
    found = shown(n.mac_ip(RD, mac, host, b"".join(map(n.vni, vnis)), esi, tag))
    assert (found["mac"], found["vnis"], found["ethernet_tag"]) == (mac, vnis, tag)
    assert found["labels"] == [vni >> 4 for vni in vnis]
    assert found["rd"] == RD
    assert isinstance(found["esi"], dict)
    assert found["esi"]["value"] == esi.hex(":")
    assert ("ip" in found) == bool(host)
    if host:
        assert ipaddress.ip_address(str(found["ip"])) == ipaddress.ip_address(host)


@given(st.data(), VNIS, ESIS, TAGS)
def test_prefix_routes_come_back_as_they_were_written(
    data: st.DataObject, vni: int, esi: bytes, tag: int
) -> None:
    version = data.draw(st.sampled_from((4, 6)))
    address, gateway = data.draw(st.tuples(*[BY_VERSION[version]] * 2))
    bits = data.draw(st.integers(0, 32 if version == 4 else 128))
    network = ipaddress.ip_network((address, bits), strict=False)
    found = shown(n.ip_prefix(RD, str(network), str(gateway), n.vni(vni), esi, tag))
    assert ipaddress.ip_network(str(found["prefix"])) == network
    assert ipaddress.ip_address(str(found["gateway"])) == gateway
    assert (found["vnis"], found["ethernet_tag"]) == ([vni], tag)


@given(
    st.sampled_from((6, 7, 8)),
    st.just("*") | ADDRESSES,
    st.just("*") | ADDRESSES,
    st.binary(min_size=6, max_size=6),
)
def test_multicast_routes_come_back_as_they_were_written(
    kind: int, source: str, group: str, rest: bytes
) -> None:
    esi = b"" if kind == 6 else ESI
    found = shown(n.multicast(kind, RD, source, group, rest if kind == 8 else rest[:1], esi))
    for name, wanted in (("source", source), ("group", group)):
        said = str(found[name])
        assert said == wanted or ipaddress.ip_address(said) == ipaddress.ip_address(wanted)
    assert found.get("maximum_response_time") == (rest[4] if kind == 8 else None)
