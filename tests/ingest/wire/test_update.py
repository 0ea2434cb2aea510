"""UPDATEs: what is announced, what is withdrawn, what ends a RIB."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    MalformedMessage,
    RouteMonitoring,
    StreamDecoder,
    families,
)
from services.ingest.wire.families import EVPN, VPNV4
from services.ingest.wire.registry import MAX_PEERS
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import error_of, message, messages, texts, update_of

FAMILIES = sorted(
    {value for value in vars(families).values() if isinstance(value, int)} | {0x630163}
)
NEXT_HOP6 = ipaddress.ip_address("2001:db8::9").packed
LINK_LOCAL = ipaddress.ip_address("fe80::9").packed


def test_ipv4_prefixes_are_announced_with_their_attributes() -> None:
    update = update_of(
        o.announcement(o.MANDATORY, "198.51.100.0/24", "0.0.0.0/0", "203.0.113.7/32")
    )
    assert texts(update.announced) == ["198.51.100.0/24", "0.0.0.0/0", "203.0.113.7/32"]
    assert update.withdrawn == []
    assert update.end_of_rib is None
    (routes,) = update.announced
    assert routes.family == IPV4_UNICAST
    assert routes.path_ids is None
    assert routes.attributes is update.attributes
    assert update.attributes is not None
    assert update.attributes.next_hop == bytes((192, 0, 2, 9))


def test_withdrawals_and_announcements_may_share_an_update() -> None:
    octets = o.update(o.MANDATORY, o.prefixes("198.51.100.0/24"), o.prefixes("203.0.113.0/24"))
    update = update_of(o.route_monitoring(octets))
    assert (texts(update.withdrawn), texts(update.announced)) == (
        ["203.0.113.0/24"],
        ["198.51.100.0/24"],
    )


def test_a_withdrawal_needs_no_attributes_and_no_announcement_before() -> None:
    update = update_of(o.route_monitoring(o.update(withdrawn=o.prefixes("203.0.113.0/24"))))
    assert texts(update.withdrawn) == ["203.0.113.0/24"]
    assert update.attributes is None
    assert update.errors == []


@pytest.mark.parametrize(
    ("next_hop", "link_local"), [(NEXT_HOP6, None), (NEXT_HOP6 + LINK_LOCAL, LINK_LOCAL)]
)
def test_ipv6_prefixes_come_in_mp_reach(next_hop: bytes, link_local: bytes | None) -> None:
    reach = o.mp_reach(IPV6_UNICAST, next_hop, o.prefixes("2001:db8::/32", "::/0"))
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    assert texts(update.announced) == ["2001:db8::/32", "::/0"]
    assert update.attributes is not None
    assert update.attributes.next_hop == NEXT_HOP6
    assert update.attributes.next_hop_link_local == link_local
    assert update.errors == []


def test_ipv4_prefixes_in_mp_reach_may_have_an_ipv6_next_hop() -> None:
    """RFC 8950."""
    reach = o.mp_reach(IPV4_UNICAST, NEXT_HOP6, o.prefixes("198.51.100.0/24"))
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    assert texts(update.announced) == ["198.51.100.0/24"]
    assert update.attributes is not None
    assert update.attributes.next_hop == NEXT_HOP6


def test_a_vpn_next_hop_is_told_without_its_distinguisher() -> None:
    nlri = bytes((24 + 64 + 24, 0, 0x10, 0x11)) + bytes(8) + bytes((198, 51, 100))
    reach = o.mp_reach(VPNV4, bytes(8) + bytes((192, 0, 2, 9)), nlri)
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    assert update.attributes is not None
    assert update.attributes.next_hop == bytes((192, 0, 2, 9))
    assert update.announced[0].nlri == [bytes(8) + bytes((24, 198, 51, 100))]


def test_a_next_hop_of_no_octets_is_no_next_hop() -> None:
    """IOS XR in Loc-RIB."""
    reach = o.mp_reach(IPV6_UNICAST, b"", o.prefixes("2001:db8::/32"))
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach), o.peer(kind=3)))
    assert texts(update.announced) == ["2001:db8::/32"]
    assert update.attributes is not None
    assert update.attributes.next_hop is None


def test_an_update_may_announce_under_two_next_hops() -> None:
    reach = o.mp_reach(IPV6_UNICAST, NEXT_HOP6, o.prefixes("2001:db8::/32"))
    update = update_of(o.announcement(o.MANDATORY + reach, "198.51.100.0/24"))
    hops = {
        routes.family: routes.attributes.next_hop
        for routes in update.announced
        if routes.attributes is not None
    }
    assert hops == {IPV6_UNICAST: NEXT_HOP6, IPV4_UNICAST: bytes((192, 0, 2, 9))}


def test_ipv6_prefixes_are_withdrawn_in_mp_unreach() -> None:
    unreach = o.mp_unreach(IPV6_UNICAST, o.prefixes("2001:db8::/32"))
    update = update_of(o.route_monitoring(o.update(unreach)))
    assert texts(update.withdrawn) == ["2001:db8::/32"]
    assert update.end_of_rib is None


def test_an_extended_message_holds_thousands_of_withdrawals() -> None:
    """RFC 8654 lifts the limit of 4,096 octets."""
    every = [f"2001:db8:{number:x}::/48" for number in range(1, 4097)]
    unreach = o.mp_unreach(IPV6_UNICAST, o.prefixes(*every))
    assert texts(update_of(o.route_monitoring(o.update(unreach))).withdrawn) == every


@pytest.mark.parametrize(
    ("attributes", "family"),
    [
        (b"", IPV4_UNICAST),
        (o.mp_unreach(IPV4_UNICAST, b""), IPV4_UNICAST),
        (o.mp_unreach(IPV6_UNICAST, b""), IPV6_UNICAST),
        (o.mp_unreach(EVPN, b""), EVPN),
    ],
)
def test_end_of_rib_has_two_forms(attributes: bytes, family: int) -> None:
    update = update_of(o.route_monitoring(o.update(attributes)))
    assert update.end_of_rib == family
    assert update.announced == update.withdrawn == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_an_end_of_rib(family: int) -> None:
    """RFC 4724 2; a family that no one knows here too."""
    for header in (o.peer(), o.peer(flags=0x50), o.peer(kind=3)):
        update = update_of(o.route_monitoring(o.update(o.mp_unreach(family, b"")), header))
        assert update.end_of_rib == family
        assert update.errors == []


def test_a_flapping_route_comes_out_in_the_order_it_went_in() -> None:
    up, down = o.announcement(), o.route_monitoring(o.update(withdrawn=o.prefix("198.51.100.0/24")))
    found = [
        bool(one.update.announced)
        for one in messages((up + down) * 500)
        if isinstance(one, RouteMonitoring)
    ]
    assert found == [True, False] * 500


def test_routes_may_come_without_a_peer_up() -> None:
    decoder = StreamDecoder()
    octets = o.route_monitoring(o.update(o.MANDATORY, o.prefix("10.0.0.0/8")), o.peer(kind=3))
    assert texts(update_of(octets, decoder).announced) == ["10.0.0.0/8"]
    assert not decoder.peers


def test_peers_that_a_router_invents_are_forgotten_again() -> None:
    decoder = StreamDecoder()
    messages(o.peer_up(), decoder=decoder)
    for number in range(MAX_PEERS):
        messages(
            o.peer_up(header=o.peer(distinguisher=struct.pack(">Q", number + 1))), decoder=decoder
        )
    assert len(decoder.peers) == MAX_PEERS
    assert texts(update_of(o.announcement(), decoder).announced) == ["198.51.100.0/24"]


def test_an_end_of_rib_may_come_before_any_route_and_any_peer_up() -> None:
    found = messages(o.route_monitoring(o.update()), o.announcement())
    assert all(isinstance(one, RouteMonitoring) for one in found)


def test_what_follows_the_update_is_kept_as_trailing_octets() -> None:
    """Huawei VRP puts TLVs there in its Loc-RIB."""
    tlvs = o.tlv(1, b"\0\1")
    found = message(o.route_monitoring(o.update(), trailing=tlvs))
    assert isinstance(found, RouteMonitoring)
    assert found.trailing == tlvs


def test_a_second_update_in_one_message_is_told_and_not_passed_over_in_silence() -> None:
    """RFC 7854 4.6 has one."""
    first = o.update(o.MANDATORY, o.prefix("10.0.0.0/8"))
    found = messages(o.route_monitoring(first, trailing=first), o.announcement())[0]
    assert isinstance(found, RouteMonitoring)
    assert texts(found.update.announced) == ["10.0.0.0/8"]
    (error,) = found.update.errors
    assert "another BGP message follows" in error.reason
    assert error.offset == found.length - len(first)


def test_a_set_of_attributes_is_decoded_once() -> None:
    first, second = messages(
        o.announcement(o.MANDATORY, "198.51.100.0/24"),
        o.announcement(o.MANDATORY, "203.0.113.0/24"),
    )
    assert isinstance(first, RouteMonitoring)
    assert isinstance(second, RouteMonitoring)
    assert first.update.attributes is second.update.attributes


def test_a_set_is_decoded_once_for_each_next_hop_of_mp_reach() -> None:
    def octets(next_hop: bytes, text: str) -> bytes:
        reach = o.mp_reach(IPV6_UNICAST, next_hop, o.prefixes(text))
        return o.route_monitoring(o.update(o.ORIGIN + reach + o.AS_PATH))

    found = [
        update_of(one, decoder).attributes
        for decoder in [StreamDecoder()]
        for one in (
            octets(NEXT_HOP6, "2001:db8:1::/48"),
            octets(NEXT_HOP6, "2001:db8:2::/48"),
            octets(LINK_LOCAL, "2001:db8:2::/48"),
        )
    ]
    assert found[0] is found[1]
    assert found[2] is not found[0]
    assert found[2] is not None
    assert found[2].next_hop == LINK_LOCAL


def test_the_cache_of_sets_stays_within_its_limit() -> None:
    decoder = StreamDecoder(attribute_cache=8)
    for number in range(100):
        med = o.attribute(4, number.to_bytes(4, "big"), 0x80)
        update = update_of(o.announcement(o.MANDATORY + med), decoder)
        assert update.attributes is not None
        assert update.attributes.med == number
    assert decoder.cached_attributes <= 8


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (o.bgp(2, b"\0\0\0"), "UPDATE is shorter than 23 octets"),
        (o.bgp(2, b"\0\5\0\0"), "withdrawn routes run past the UPDATE"),
        (o.bgp(2, b"\0\0\0\1"), "path attributes run past the UPDATE"),
        (o.update(o.MANDATORY, bytes((99, 198, 51, 100))), "prefix length 99 is above 32"),
        (o.update(o.MANDATORY, bytes((24, 198, 51))), "prefix of 24 bits runs past"),
        (o.update(withdrawn=bytes((33, 0, 0, 0, 0, 0))), "prefix length 33 is above 32"),
        (o.update(o.mp_unreach(IPV6_UNICAST, bytes((129, *range(17))))), "length 129 is above 128"),
        (o.update(o.attribute(15, b"\0\2", 0x80)), "in mp-unreach-nlri: length 2 holds no family"),
        (o.update(o.attribute(14, b"\0\2\1\0", 0x80)), "in mp-reach-nlri: length 4 holds no next"),
        (o.update(o.attribute(14, b"\0\2\1\x10\0", 0x80)), "in mp-reach-nlri: next hop runs past"),
        (
            o.update(o.mp_reach(IPV6_UNICAST, bytes(7), b"")),
            "next hop of 7 octets does not fit ipv6_unicast",
        ),
        (o.update(o.mp_unreach(IPV6_UNICAST, b"") * 2), "attribute 15 comes twice"),
        (o.bgp(4, b""), "BGP type 4 is no UPDATE"),
        (b"\0" * 23, "BGP marker is not all ones"),
        (o.MARKER + b"\0\x12\2\0\0\0\0", "BGP length 18 is below 19"),
        (o.MARKER + b"\1\0\2\0\0\0\0", "BGP length 256 runs past the BMP message"),
        (b"\xff" * 18, "BGP header runs past the BMP message"),
    ],
)
def test_what_resets_a_bgp_session_makes_the_message_malformed(octets: bytes, reason: str) -> None:
    """RFC 7606 3 j, 5.3, 7.11 and 7.12; RFC 4271 6.1 and 6.3."""
    assert reason in error_of(o.route_monitoring(octets))


def test_the_connection_goes_on_after_what_would_reset_a_bgp_session() -> None:
    bad, good = messages(o.route_monitoring(o.bgp(2, b"\0\5\0\0")) + o.announcement())
    assert isinstance(bad, MalformedMessage)
    assert isinstance(good, RouteMonitoring)
    assert texts(good.update.announced) == ["198.51.100.0/24"]
