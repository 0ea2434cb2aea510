"""ADD-PATH: what the OPENs say, what the octets say, and who is believed."""

from __future__ import annotations

import ipaddress

import pytest

from services.ingest.wire import IPV4_UNICAST, IPV6_UNICAST, MalformedMessage, StreamDecoder
from services.ingest.wire.families import IPV4_LABELED_UNICAST
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import messages, texts, update_of

OTHER = "203.0.113.0/24"
ROUTE = "198.51.100.0/24"


def peer_up(sent: int, received: int, family: int = IPV4_UNICAST, **header: int) -> bytes:
    return o.peer_up(
        o.open_message(o.multiprotocol(family), o.add_path({family: sent}), asn=65000),
        o.open_message(o.multiprotocol(family), o.add_path({family: received})),
        header=o.peer(**header),
    )


def with_ids(*pairs: tuple[int, str], flags: int = 0) -> bytes:
    nlri = b"".join(o.path_id(number, o.prefix(text)) for number, text in pairs)
    return o.route_monitoring(o.update(o.MANDATORY, nlri), o.peer(flags=flags))


def without_ids(*routes: str, flags: int = 0) -> bytes:
    return o.route_monitoring(o.update(o.MANDATORY, o.prefixes(*routes)), o.peer(flags=flags))


def read(decoder: StreamDecoder, octets: bytes) -> tuple[list[str], list[int] | None]:
    update = update_of(octets, decoder)
    (routes,) = update.announced
    return texts([routes]), routes.path_ids


@pytest.mark.parametrize(
    ("sent", "received", "flags", "added"),
    [
        (1, 2, 0x00, True),
        (3, 3, 0x40, True),
        (2, 1, 0x00, False),
        (1, 1, 0x00, False),
        (2, 1, 0x10, True),
        (1, 2, 0x50, False),
    ],
)
def test_path_ids_are_expected_by_direction(
    sent: int, received: int, flags: int, added: bool
) -> None:
    """RFC 7911 4: one side can send and the other can receive."""
    decoder = StreamDecoder()
    messages(peer_up(sent, received), decoder=decoder)
    # Both readings fit these octets, so the OPENs decide.
    ambiguous = o.path_id(0x08_0A_08_0B, o.prefix("12.0.0.0/8"))
    octets = o.route_monitoring(o.update(o.MANDATORY, ambiguous), o.peer(flags=flags))
    found = read(decoder, octets)
    assert found[0] == (["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"] if not added else found[0])
    assert (found[1] is None) or added


def test_path_ids_are_read_where_the_opens_agree() -> None:
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, with_ids((1, ROUTE), (2, ROUTE))) == ([ROUTE, ROUTE], [1, 2])
    assert decoder.counters.add_path_overridden == 0


def test_a_view_may_have_path_ids_that_another_has_not() -> None:
    """GoBGP 3.10: pre-policy carries them, post-policy and Loc-RIB of the same peer do not."""
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, with_ids((1, ROUTE))) == ([ROUTE], [1])
    assert read(decoder, without_ids(ROUTE, flags=0x40)) == ([ROUTE], None)
    assert read(decoder, with_ids((2, OTHER))) == ([OTHER], [2])
    assert decoder.counters.add_path_overridden == 1


def test_two_plain_prefixes_are_not_one_with_a_path_id() -> None:
    """They fit as path identifier 415642468 before 203.0.113.0/24, which no router means."""
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, without_ids(ROUTE, OTHER)) == ([ROUTE, OTHER], None)


def test_path_ids_that_no_open_offers_are_no_phantom_default_route() -> None:
    """GoBGP 4.7 has it this way round."""
    decoder = StreamDecoder()
    messages(o.peer_up(), decoder=decoder)
    assert read(decoder, with_ids((1, "10.101.0.0/24"))) == (["10.101.0.0/24"], [1])
    assert read(decoder, with_ids((1, "0.0.0.0/0"))) == (["0.0.0.0/0"], [1])
    assert decoder.counters.add_path_overridden == 2


def test_a_path_id_of_zero_before_a_default_route_is_no_list_of_default_routes() -> None:
    assert read(StreamDecoder(), with_ids((0, "0.0.0.0/0"))) == (["0.0.0.0/0"], [0])


def test_a_plain_default_route_stays_one() -> None:
    assert read(StreamDecoder(), without_ids("0.0.0.0/0")) == (["0.0.0.0/0"], None)


def test_what_a_view_has_shown_decides_where_both_readings_fit() -> None:
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, without_ids(ROUTE))[1] is None
    assert read(decoder, without_ids("8.0.0.0/8", "0.0.0.0/0", ROUTE))[1] is None


@pytest.mark.parametrize("late", [((1, "0.0.0.0/0"),), ((1, ROUTE),), ((1, ROUTE), (2, ROUTE))])
def test_a_dump_without_path_ids_may_be_followed_by_changes_with_them(
    late: tuple[tuple[int, str], ...],
) -> None:
    """GoBGP 3.10, where the station joins late."""
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, without_ids(ROUTE)) == ([ROUTE], None)
    found = read(decoder, with_ids(*late))
    assert found == ([text for _, text in late], [number for number, _ in late])


def test_a_view_with_path_ids_may_turn_to_plain_prefixes() -> None:
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, with_ids((1, ROUTE))) == ([ROUTE], [1])
    assert read(decoder, without_ids(ROUTE, OTHER)) == ([ROUTE, OTHER], None)


@pytest.mark.parametrize("offered", [2, 1])
def test_path_ids_may_fill_four_octets(offered: int) -> None:
    """OpenBGPD takes random numbers, of which one in a hundred reads like a prefix."""
    decoder = StreamDecoder()
    messages(peer_up(1, offered), decoder=decoder)
    like_a_prefix = 0x18_C6_33_64
    for number in (0x9B_00_00_01, like_a_prefix, 0xFFFF_FFFF, 0, like_a_prefix, 7):
        assert read(decoder, with_ids((number, OTHER))) == ([OTHER], [number])
    pairs = ((like_a_prefix, ROUTE), (0x14_00_00_00, OTHER))
    assert read(decoder, with_ids(*pairs)) == ([ROUTE, OTHER], [number for number, _ in pairs])


def test_a_view_is_read_right_again_after_a_first_path_id_like_a_prefix() -> None:
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, with_ids((0x18_C6_33_64, OTHER)))[1] is None
    assert read(decoder, with_ids((0x9B_00_00_01, OTHER))) == ([OTHER], [0x9B_00_00_01])
    assert read(decoder, with_ids((0x18_C6_33_64, OTHER))) == ([OTHER], [0x18_C6_33_64])


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1"])
def test_path_ids_may_be_addresses(address: str) -> None:
    """ExaBGP writes them so, and they are configured so."""
    number = int(ipaddress.ip_address(address))
    assert read(StreamDecoder(), with_ids((number, ROUTE))) == ([ROUTE], [number])


def test_a_plain_view_that_has_shown_itself_takes_no_large_path_ids() -> None:
    """198.51.100.0/24, 203.0.113.0/24 and a length of 40: wrong, and no two large identifiers."""
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, without_ids(ROUTE)) == ([ROUTE], None)
    garbled = o.prefixes(ROUTE, OTHER) + b"\x28\1\2\3" + o.prefix(ROUTE)
    (found,) = messages(o.route_monitoring(o.update(o.MANDATORY, garbled)), decoder=decoder)
    assert isinstance(found, MalformedMessage)
    assert read(decoder, without_ids(ROUTE, OTHER)) == ([ROUTE, OTHER], None)


def test_withdrawals_are_read_as_the_announcements_are() -> None:
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, with_ids((7, ROUTE)))[1] == [7]
    withdrawal = o.update(withdrawn=o.path_id(7, o.prefix(ROUTE)))
    update = update_of(o.route_monitoring(withdrawal), decoder)
    assert texts(update.withdrawn) == [ROUTE]
    assert update.withdrawn[0].path_ids == [7]


def test_a_garbled_field_does_not_change_how_a_view_is_read() -> None:
    decoder = StreamDecoder()
    assert read(decoder, without_ids(ROUTE)) == ([ROUTE], None)
    broken = o.update(o.MANDATORY, o.prefix(ROUTE) + bytes((99, 203, 0, 113)))
    messages(o.route_monitoring(broken), decoder=decoder)
    assert read(decoder, without_ids(OTHER)) == ([OTHER], None)
    assert decoder.counters.add_path_overridden == 0


def test_a_new_peer_up_starts_the_experience_again() -> None:
    decoder = StreamDecoder()
    messages(peer_up(1, 2), decoder=decoder)
    assert read(decoder, without_ids(ROUTE))[1] is None
    messages(o.bmp(o.PEER_DOWN, o.peer() + b"\4"), peer_up(1, 2), decoder=decoder)
    assert read(decoder, with_ids((1, ROUTE)))[1] == [1]


def test_one_peer_up_for_each_family_of_a_loc_rib_adds_up() -> None:
    """Huawei VRP sends them so, all under the same peer."""
    decoder = StreamDecoder()
    loc_rib = {"kind": 3, "flags": 0x80}
    for family in (IPV4_UNICAST, IPV6_UNICAST):
        messages(
            o.peer_up(
                o.open_message(o.multiprotocol(family), o.add_path({family: 3})),
                o.open_message(o.multiprotocol(family), o.add_path({family: 3})),
                header=o.peer(**loc_rib),
            ),
            decoder=decoder,
        )
    for family, text in ((IPV4_UNICAST, ROUTE), (IPV6_UNICAST, "2001:db8::/32")):
        reach = o.mp_reach(family, bytes(16), o.path_id(0, o.prefix(text)))
        octets = o.update(o.ORIGIN + o.AS_PATH + reach)
        found = read(decoder, o.route_monitoring(octets, o.peer(**loc_rib)))
        assert found == ([text], [0])
    assert decoder.counters.add_path_overridden == 0


def test_labeled_routes_with_unannounced_path_ids_are_one_route_each() -> None:
    """Huawei VRP again; read without the identifier its four zero octets are no labels."""
    nlri = o.path_id(1, bytes.fromhex("3805e0315a000001"))
    reach = o.mp_reach(IPV4_LABELED_UNICAST, bytes((192, 0, 2, 9)), nlri)
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)))
    (routes,) = update.announced
    assert (routes.nlri, routes.path_ids) == ([bytes.fromhex("205a000001")], [1])
    assert routes.details == [bytes.fromhex("05e031")]
