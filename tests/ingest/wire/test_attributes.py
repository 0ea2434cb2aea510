"""Path attributes: octets, what they say, and what RFC 7606 makes of broken ones."""

from __future__ import annotations

import pytest

from services.ingest.wire import IPV4_UNICAST, PathAttributes, StreamDecoder
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import texts, update_of

OPTIONAL = 0x80
BOTH = 0xC0


def decoded(*extra: bytes, path: bytes = o.AS_PATH, header: bytes | None = None) -> PathAttributes:
    octets = o.update(o.ORIGIN + path + o.NEXT_HOP + b"".join(extra), o.prefixes("10.0.0.0/8"))
    update = update_of(o.route_monitoring(octets, header))
    assert update.errors == []
    assert update.attributes is not None
    return update.attributes


def test_every_attribute_of_a_rich_route_is_read() -> None:
    found = decoded(
        o.attribute(4, (7).to_bytes(4, "big"), OPTIONAL),
        o.attribute(5, (200).to_bytes(4, "big")),
        o.attribute(6, b""),
        o.attribute(7, (65020).to_bytes(4, "big") + bytes((10, 9, 9, 9)), BOTH),
        o.attribute(8, bytes.fromhex("fdfc0064ffffff01"), BOTH),
        o.attribute(9, bytes((10, 0, 0, 7)), OPTIONAL),
        o.attribute(10, bytes((10, 0, 0, 8, 10, 0, 0, 9)), OPTIONAL),
        o.attribute(16, bytes.fromhex("0002fde8000000010103c00002010007430c000000000001"), BOTH),
        o.attribute(32, bytes.fromhex("0000fdfc0000000100000002"), BOTH),
        o.attribute(99, b"\1\2\3", BOTH),
    )
    assert (found.origin_text, found.med, found.local_pref) == ("igp", 7, 200)
    assert found.atomic_aggregate
    assert found.aggregator == (65020, bytes((10, 9, 9, 9)))
    assert found.communities_text == ["65020:100", "65535:65281"]
    assert found.originator_id == bytes((10, 0, 0, 7))
    assert found.cluster_list == (bytes((10, 0, 0, 8)), bytes((10, 0, 0, 9)))
    assert found.ext_communities_text == ["rt:65000:1", "ro:192.0.2.1:7", "430c000000000001"]
    assert found.large_communities_text == ["65020:1:2"]
    assert found.unknown == ((99, BOTH, b"\1\2\3"),)


def test_a_four_octet_route_target_reads_as_one() -> None:
    found = decoded(o.attribute(16, bytes.fromhex("0202fbf0001700100602000000000000"), BOTH))
    assert found.ext_communities_text == ["rt:4226809879:16", "es-import:00:00:00:00:00:00"]


def test_an_attribute_of_more_than_255_octets_is_read() -> None:
    found = decoded(o.attribute(8, bytes.fromhex("fdfc0064") * 100, BOTH))
    assert found.communities_text == ["65020:100"] * 100


@pytest.mark.parametrize(
    ("segments", "text", "json", "origin"),
    [
        ((), "", [], None),
        (((2, (65020, 174)),), "65020 174", [65020, 174], 174),
        (
            ((2, (65020, 174)), (1, (64512, 64513))),
            "65020 174 {64512 64513}",
            [65020, 174, [64512, 64513]],
            None,
        ),
        (
            ((3, (65001, 65002)), (4, (65003,)), (2, (174, 4_200_000_000))),
            "(65001 65002) [65003] 174 4200000000",
            [{"confed_sequence": [65001, 65002]}, {"confed_set": [65003]}, 174, 4_200_000_000],
            4_200_000_000,
        ),
        (((3, (65001,)),), "(65001)", [{"confed_sequence": [65001]}], None),
    ],
)
def test_as_paths_keep_their_segments(
    segments: tuple[tuple[int, tuple[int, ...]], ...],
    text: str,
    json: list[object],
    origin: int | None,
) -> None:
    found = decoded(path=o.attribute(2, o.as_path(*segments)))
    assert found.as_path == segments
    assert found.as_path_text == text
    assert found.as_path_json == json
    assert found.origin_asn == origin


def test_the_a_flag_means_as_numbers_of_two_octets() -> None:
    found = decoded(
        o.attribute(7, b"\x5b\xa0\1\2\3\4", BOTH),
        path=o.attribute(2, o.as_path((2, (65001, 23456)), octets=2)),
        header=o.peer(flags=0x20),
    )
    assert found.as_path_text == "65001 23456"
    assert found.aggregator == (23456, b"\1\2\3\4")
    assert found.as_octets == 2


@pytest.mark.parametrize(("flags", "octets"), [(0, 2), (0, 4), (0x20, 2), (0x20, 4)])
def test_an_empty_path_does_not_show_how_its_aggregator_is_written(flags: int, octets: int) -> None:
    value = (65020).to_bytes(octets, "big") + o.BGP_ID
    path = o.attribute(2, b"")
    found = decoded(o.attribute(7, value, BOTH), path=path, header=o.peer(flags=flags))
    assert (found.aggregator, found.errors) == ((65020, o.BGP_ID), ())


def test_a_loc_rib_has_four_octet_as_numbers_whatever_its_flags() -> None:
    found = decoded(header=o.peer(kind=3, flags=0x20))
    assert found.as_path_text == "65001 174"


@pytest.mark.parametrize(("flags", "octets"), [(0, 2), (0x20, 4)])
def test_a_path_against_its_a_flag_is_read_as_it_is(flags: int, octets: int) -> None:
    """FRR 8.0 writes two octets under a header that says four."""
    decoder = StreamDecoder()
    path = o.attribute(2, o.as_path((2, (65001, 174)), octets=octets))
    for text in ("198.51.100.0/24", "203.0.113.0/24"):
        octets_ = o.update(o.ORIGIN + path + o.NEXT_HOP, o.prefixes(text))
        update = update_of(o.route_monitoring(octets_, o.peer(flags=flags)), decoder)
        assert update.errors == []
        assert update.attributes is not None
        assert update.attributes.as_path_text == "65001 174"
    assert decoder.counters.as_width_overridden == 2


def test_a_router_may_go_back_to_the_width_that_it_states() -> None:
    decoder = StreamDecoder()
    for octets in (2, 4, 4):
        path = o.attribute(2, o.as_path((2, (65001, 174)), octets=octets))
        update = update_of(o.announcement(o.ORIGIN + path + o.NEXT_HOP), decoder)
        assert update.attributes is not None
        assert update.attributes.as_path_text == "65001 174"


@pytest.mark.parametrize(
    ("short", "long", "text"),
    [
        (((2, (1, 23456, 23456)),), ((2, (70000, 80000)),), "1 70000 80000"),
        (((2, (23456,)),), ((2, (1, 70000)),), "23456"),
        (((2, (1, 2)), (1, (23456, 3))), ((2, (2,)), (1, (70000, 3))), "1 2 {70000 3}"),
        (((3, (65001,)), (2, (1, 23456))), ((2, (70000,)),), "(65001) 1 70000"),
        (((2, (1, 23456)),), ((3, (9,)), (2, (70000,))), "1 70000"),
    ],
)
def test_as4_path_puts_the_four_octet_numbers_back(
    short: tuple[tuple[int, tuple[int, ...]], ...],
    long: tuple[tuple[int, tuple[int, ...]], ...],
    text: str,
) -> None:
    """RFC 6793 4.2.3."""
    found = decoded(
        o.attribute(17, o.as_path(*long), BOTH),
        path=o.attribute(2, o.as_path(*short, octets=2)),
        header=o.peer(flags=0x20),
    )
    assert found.as_path_text == text


@pytest.mark.parametrize(
    ("asn", "path", "aggregator"), [(23456, "1 70000", 80000), (65001, "1 23456", 65001)]
)
def test_a_real_as_in_aggregator_makes_both_as4_attributes_stale(
    asn: int, path: str, aggregator: int
) -> None:
    found = decoded(
        o.attribute(7, asn.to_bytes(2, "big") + o.BGP_ID, BOTH),
        o.attribute(17, o.as_path((2, (70000,))), BOTH),
        o.attribute(18, (80000).to_bytes(4, "big") + o.BGP_ID, BOTH),
        path=o.attribute(2, o.as_path((2, (1, 23456)), octets=2)),
        header=o.peer(flags=0x20),
    )
    assert found.as_path_text == path
    assert found.aggregator == (aggregator, o.BGP_ID)


def test_as4_path_of_a_four_octet_peer_is_ignored() -> None:
    found = decoded(o.attribute(17, o.as_path((2, (70000, 80000))), BOTH))
    assert found.as_path_text == "65001 174"


@pytest.mark.parametrize("flags", [0x40, 0x10, 0x50])
def test_the_routers_own_tables_may_lack_a_next_hop(flags: int) -> None:
    """FRR 8.0 writes post-policy and Loc-RIB routes so; they are in use all the same."""
    octets = o.update(o.ORIGIN + o.AS_PATH, o.prefixes("198.51.100.0/24"))
    decoder = StreamDecoder()
    kept = update_of(o.route_monitoring(octets, o.peer(flags=flags)), decoder)
    assert texts(kept.announced) == ["198.51.100.0/24"]
    assert kept.attributes is not None
    assert kept.attributes.next_hop is None
    sent_by_the_peer = update_of(o.route_monitoring(octets), decoder)
    assert texts(sent_by_the_peer.withdrawn) == ["198.51.100.0/24"]


# ---- identity

MED = o.attribute(4, bytes((0, 0, 0, 5)), OPTIONAL)


def test_the_order_of_attributes_does_not_change_their_identity() -> None:
    first = update_of(o.announcement(o.MANDATORY + MED)).attributes
    second = update_of(o.announcement(MED + o.NEXT_HOP + o.AS_PATH + o.ORIGIN)).attributes
    assert first is not None
    assert second is not None
    assert first.identity == second.identity


def test_the_identity_is_the_same_for_a_next_hop_told_in_either_way() -> None:
    reach = o.mp_reach(IPV4_UNICAST, bytes((192, 0, 2, 9)), o.prefixes("10.0.0.0/8"))
    first = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach))).attributes
    second = update_of(o.announcement()).attributes
    assert first is not None
    assert second is not None
    assert first.identity == second.identity


@pytest.mark.parametrize(
    "other",
    [
        o.MANDATORY + MED,
        o.ORIGIN + o.AS_PATH + o.attribute(3, bytes((192, 0, 2, 8))),
        o.attribute(1, b"\1") + o.AS_PATH + o.NEXT_HOP,
        o.MANDATORY + o.attribute(99, b"x", BOTH),
        o.MANDATORY + o.attribute(99, b"x", BOTH | 0x20),
    ],
)
def test_sets_that_differ_have_different_identities(other: bytes) -> None:
    first, second = (update_of(o.announcement(a)).attributes for a in (o.MANDATORY, other))
    assert first is not None
    assert second is not None
    assert first.identity != second.identity
