"""Communities: octets and the text that they are shown as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import RouteMonitoring
from services.ingest.wire.communities import (
    community_text,
    ext_community_text,
    ipv6_ext_community_text,
    well_known_name,
)
from tests.ingest.wire.decoding import messages, real_capture

EXTENDED = {
    "0002fde800000001": "rt:65000:1",
    "0102c00002010007": "rt:192.0.2.1:7",
    "0202fbf000170010": "rt:4226809879:16",
    "4002fde800000001": "rt:65000:1",
    "0003fde800000001": "ro:65000:1",
    "4004fde849742400": "link-bandwidth:65000:1e+06",
    "0005fde800000001": "ospf-domain-id:65000:1",
    "0105c00002010000": "ospf-domain-id:192.0.2.1:0",
    "0306000000000501": "ospf-route-type:0.0.0.0:5:1",
    "0107c00002010000": "ospf-router-id:192.0.2.1:0",
    "0009fde800000000": "source-as:65000:0",
    "000afde800000001": "l2vpn-id:65000:1",
    "010bc00002010005": "vrf-route-import:192.0.2.1:5",
    "030b000000000064": "color:100",
    "030b400000000064": "color:01:100",
    "030c000000000008": "encapsulation:vxlan",
    "030c000000000063": "encapsulation:tunnel-99",
    "030d000000000000": "default-gateway",
    "4300000000000000": "origin-validation:valid",
    "4300000000000001": "origin-validation:not-found",
    "4300000000000002": "origin-validation:invalid",
    "0600000000000003": "mac-mobility:3",
    "0600010000000003": "mac-mobility:sticky:3",
    "0601000000000641": "esi-label:all-active:100",
    "0601010000000641": "esi-label:single-active:100",
    "0602aabbccddeeff": "es-import:aa:bb:cc:dd:ee:ff",
    "0603aabbccddeeff": "router-mac:aa:bb:cc:dd:ee:ff",
    "0604000205dc0000": "l2-attributes:0x0002:1500",
    "0606020400007fff": "df-election:2:0x0400:32767",
    "8006000049742400": "traffic-rate-bytes:0:1e+06",
    "8006000000000000": "traffic-rate-bytes:0:0",
    "8007000000000003": "traffic-action:sample:terminal",
    "8007000000000001": "traffic-action:terminal",
    "8008fde800000001": "redirect:65000:1",
    "8108c00002010007": "redirect:192.0.2.1:7",
    "8208fbf000170010": "redirect:4226809879:16",
    "800900000000002e": "traffic-marking:46",
    "800c000042c80000": "traffic-rate-packets:0:100",
}
UNREADABLE = [
    "4300000000000003",  # an origin validation state that RFC 8097 does not have
    "0043fde800000001",
    "8800000000000001",
    "0302000000000001",
    "9902fde800000001",
    "ffffffffffffffff",
]


@pytest.mark.parametrize(("octets", "text"), EXTENDED.items())
def test_an_extended_community_is_shown_as_its_rfc_has_it(octets: str, text: str) -> None:
    assert ext_community_text(bytes.fromhex(octets)) == text


@pytest.mark.parametrize("octets", UNREADABLE)
def test_any_other_is_shown_as_16_digits(octets: str) -> None:
    assert ext_community_text(bytes.fromhex(octets)) == octets


@given(st.binary(min_size=8, max_size=8))
def test_any_extended_community_has_a_text_of_its_own(octets: bytes) -> None:
    text = ext_community_text(octets)
    assert text
    assert " " not in text
    assert "," not in text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("000220010db80000000000000000000000010007", "rt:[2001:db8::1]:7"),
        ("400320010db80000000000000000000000010007", "ro:[2001:db8::1]:7"),
        ("000b20010db80000000000000000000000010007", "vrf-route-import:[2001:db8::1]:7"),
        ("000d20010db80000000000000000000000010007", "redirect:[2001:db8::1]:7"),
        ("990220010db80000000000000000000000010007", "990220010db80000000000000000000000010007"),
        ("009920010db80000000000000000000000010007", "009920010db80000000000000000000000010007"),
    ],
)
def test_an_ipv6_extended_community_is_shown_with_its_address(octets: str, text: str) -> None:
    """RFC 5701 2."""
    assert ipv6_ext_community_text(bytes.fromhex(octets)) == text


@pytest.mark.parametrize(
    ("community", "name"),
    [
        (0xFFFFFF01, "NO_EXPORT"),
        (0xFFFFFF02, "NO_ADVERTISE"),
        (0xFFFFFF03, "NO_EXPORT_SUBCONFED"),
        (0xFFFFFF04, "NOPEER"),
        (0xFFFF0000, "GRACEFUL_SHUTDOWN"),
        (0xFFFF0006, "LLGR_STALE"),
        (0xFFFF0007, "NO_LLGR"),
        (0xFFFF029A, "BLACKHOLE"),
        (0xFDFC0064, None),
    ],
)
def test_well_known_communities_have_names(community: int, name: str | None) -> None:
    assert well_known_name(community) == name


@given(st.integers(0, 2**32 - 1))
def test_a_community_is_always_shown_as_two_numbers(community: int) -> None:
    high, low = community_text(community).split(":")
    assert int(high) << 16 | int(low) == community


def test_the_communities_of_an_evpn_and_flowspec_lab_are_readable() -> None:
    found = {
        text.split(":")[0]
        for one in messages(real_capture("lab/gobgp-3.10.0-all-afi.bmp"))
        if isinstance(one, RouteMonitoring) and one.update.attributes is not None
        for text in one.update.attributes.ext_communities_text
    }
    assert found == {"rt", "encapsulation", "router-mac", "es-import", "traffic-rate-bytes"}
