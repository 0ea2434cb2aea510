"""Each BMP message type: octets and what they say."""

from __future__ import annotations

import struct

import pytest

from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    Initiation,
    MalformedMessage,
    Notification,
    PeerDown,
    PeerUp,
    RibView,
    RouteMirroring,
    StatisticsReport,
    StreamDecoder,
    Termination,
)
from services.ingest.wire.peer import decode_peer_header
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import message, messages


@pytest.mark.parametrize(
    ("kind", "flags", "view"),
    [
        (0, 0x00, RibView.ADJ_RIB_IN_PRE),
        (0, 0x40, RibView.ADJ_RIB_IN_POST),
        (0, 0x10, RibView.ADJ_RIB_OUT_PRE),
        (0, 0x50, RibView.ADJ_RIB_OUT_POST),
        (1, 0x60, RibView.ADJ_RIB_IN_POST),
        (2, 0xB0, RibView.ADJ_RIB_OUT_PRE),
        (3, 0x00, RibView.LOC_RIB),
        (3, 0xF0, RibView.LOC_RIB),
    ],
)
def test_the_view_comes_from_the_type_and_the_l_and_o_flags(
    kind: int, flags: int, view: RibView
) -> None:
    header = decode_peer_header(o.peer(kind=kind, flags=flags), 0)
    assert header.view is view


def test_the_key_of_a_peer_holds_no_flag() -> None:
    """GoBGP changes the A flag on one peer; Huawei sends routes with O for a Peer Up without."""
    keys = {decode_peer_header(o.peer(flags=flags), 0).key for flags in (0, 0x10, 0x20, 0x40, 0x70)}
    assert keys == {(0, bytes(8), bytes((192, 0, 2, 1)))}


def test_an_ipv6_peer_has_sixteen_octets_of_address() -> None:
    header = decode_peer_header(o.peer(flags=0x80, address="2001:db8::1"), 0)
    assert header.address_text == "2001:db8::1"
    assert len(header.address) == 16


@pytest.mark.parametrize("flags", [0, 0x80])
def test_a_loc_rib_peer_has_no_address_whatever_its_f_flag(flags: int) -> None:
    header = decode_peer_header(o.peer(kind=3, flags=flags, address="::"), 0)
    assert header.address == bytes(4)


def test_the_timestamp_is_kept_in_microseconds_and_zero_stays_zero() -> None:
    assert decode_peer_header(o.peer(seconds=5, micros=7), 0).timestamp_us == 5_000_007
    assert decode_peer_header(o.peer(), 0).timestamp_us == 0


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("0000fde800000001", "65000:1"),
        ("0001c00002010007", "192.0.2.1:7"),
        ("0002fbf000170010", "4226809879:16"),
        ("0009000000000000", "0009000000000000"),
    ],
)
def test_a_distinguisher_reads_as_its_type_says(octets: str, text: str) -> None:
    header = decode_peer_header(o.peer(kind=1, distinguisher=bytes.fromhex(octets)), 0)
    assert header.distinguisher_text == text


def test_messages_of_one_peer_keep_their_own_timestamps() -> None:
    first, second = messages(
        o.bmp(o.MIRRORING, o.peer(seconds=1)), o.bmp(o.MIRRORING, o.peer(seconds=2))
    )
    assert isinstance(first, RouteMirroring)
    assert isinstance(second, RouteMirroring)
    assert (first.peer.timestamp_us, second.peer.timestamp_us) == (1_000_000, 2_000_000)


def test_an_initiation_names_the_router_and_keeps_every_tlv() -> None:
    found = message(o.bmp(o.INITIATION, o.tlv(1, b" 7.10.2") + o.tlv(2, b"r1") + o.tlv(9, b"x")))
    assert isinstance(found, Initiation)
    assert (found.sys_name, found.sys_descr) == ("r1", " 7.10.2")
    assert found.tlvs == ((1, b" 7.10.2"), (2, b"r1"), (9, b"x"))


def test_an_initiation_may_name_nothing_and_hold_no_utf8() -> None:
    assert message(o.bmp(o.INITIATION, b"")).sys_name is None
    assert message(o.bmp(o.INITIATION, o.tlv(2, b"\xff"))).sys_name == "\N{REPLACEMENT CHARACTER}"


def test_a_termination_tells_its_reason() -> None:
    found = message(o.bmp(o.TERMINATION, o.tlv(0, b"bye") + o.tlv(1, b"\0\2")))
    assert isinstance(found, Termination)
    assert (found.reason, found.reason_text) == (2, "out of resources: bye")


def test_a_termination_without_a_reason_is_one() -> None:
    assert message(o.bmp(o.TERMINATION, b"")).reason is None


def test_a_peer_up_tells_addresses_opens_and_the_table() -> None:
    sent = o.open_message(o.multiprotocol(IPV4_UNICAST), o.add_path({IPV4_UNICAST: 1}), asn=65000)
    received = o.open_message(o.multiprotocol(IPV6_UNICAST), asn=4_200_000_000)
    decoder = StreamDecoder()
    found = message(o.peer_up(sent, received, o.tlv(3, b"blue")), decoder)
    assert isinstance(found, PeerUp)
    assert (found.local_address, found.local_port, found.remote_port) == (
        bytes((192, 0, 2, 254)),
        179,
        40000,
    )
    assert found.sent_open is not None
    assert found.sent_open.families == (IPV4_UNICAST,)
    assert found.sent_open.add_path == {IPV4_UNICAST: 1}
    assert found.received_open is not None
    assert (found.received_open.asn, found.received_open.hold_time) == (4_200_000_000, 90)
    assert found.table_name == "blue"
    assert found.error is None
    assert decoder.peers == {found.peer.key}


def test_an_open_may_have_long_parameters() -> None:
    """RFC 9072: 255 as length and first type, then two octets of length everywhere."""
    value = o.capability(65, struct.pack(">I", 70000))
    parameter = b"\2" + struct.pack(">H", len(value)) + value
    head = struct.pack(">BHH4sB", 4, 23456, 90, o.BGP_ID, 255)
    long_open = o.bgp(1, head + b"\xff" + struct.pack(">H", len(parameter)) + parameter)
    found = message(o.peer_up(received=long_open))
    assert found.error is None
    assert found.received_open.asn == 70000


def test_a_peer_with_an_unreadable_open_is_up_all_the_same() -> None:
    broken = bytearray(o.open_message(asn=65000))
    broken[28] = 200
    decoder = StreamDecoder()
    found = message(o.peer_up(bytes(broken)), decoder)
    assert isinstance(found, PeerUp)
    assert found.sent_open is None
    assert found.received_open is not None
    assert "in peer up: in sent open: optional parameters run past" in str(found.error)
    assert found.peer.key in decoder.peers


def test_a_truncated_peer_up_is_malformed() -> None:
    assert isinstance(message(o.bmp(o.PEER_UP, o.peer() + bytes(19))), MalformedMessage)


@pytest.mark.parametrize(
    ("body", "notification", "event"),
    [
        (b"\1" + o.bgp(3, b"\6\2bye"), Notification(6, 2, b"bye"), None),
        (b"\2\0\x18", None, 24),
        (b"\3" + o.bgp(3, b"\4\0"), Notification(4, 0, b""), None),
        (b"\4", None, None),
        (b"\5", None, None),
        (b"\6" + o.tlv(3, b"blue"), None, None),
        (b"\xc8", None, None),
    ],
)
def test_a_peer_down_tells_its_reason(
    body: bytes, notification: Notification | None, event: int | None
) -> None:
    found = message(o.bmp(o.PEER_DOWN, o.peer() + body))
    assert isinstance(found, PeerDown)
    assert found.reason == body[0]
    assert found.reason_text
    assert (found.notification, found.fsm_event) == (notification, event)
    assert found.error is None


@pytest.mark.parametrize("body", [b"\1", b"\1\xff", b"\2\0", b"\3" + o.bgp(4, b""), b"\6\0\3"])
def test_a_peer_is_down_even_where_the_details_are_unreadable(body: bytes) -> None:
    decoder = StreamDecoder()
    messages(o.peer_up(), decoder=decoder)
    found = message(o.bmp(o.PEER_DOWN, o.peer() + body), decoder)
    assert isinstance(found, PeerDown)
    assert str(found.error).startswith("in peer down: ")
    assert not decoder.peers


def test_a_peer_down_for_a_peer_never_up_is_a_peer_down() -> None:
    """FRR sends one for each configured peer at every connect."""
    assert isinstance(message(o.bmp(o.PEER_DOWN, o.peer() + b"\4")), PeerDown)


def test_a_statistics_report_reads_every_type_by_its_length() -> None:
    stats = (
        o.tlv(0, struct.pack(">I", 5))
        + o.tlv(7, struct.pack(">Q", 2**40))
        + o.tlv(9, struct.pack(">HBQ", 2, 1, 12))
        + o.tlv(65531, struct.pack(">Q", 1))
        + o.tlv(77, b"abc")
    )
    found = message(o.bmp(o.STATISTICS, o.peer() + struct.pack(">I", 5) + stats))
    assert isinstance(found, StatisticsReport)
    assert found.stats == [(0, 5), (7, 2**40), (9, (IPV6_UNICAST, 12)), (65531, 1), (77, b"abc")]


def test_a_statistics_report_with_fewer_stats_than_it_counts_keeps_those_there_are() -> None:
    body = o.peer() + struct.pack(">I", 0xFFFFFFFF) + o.tlv(0, bytes(4))
    found = message(o.bmp(o.STATISTICS, body))
    assert isinstance(found, StatisticsReport)
    assert found.stats == [(0, 0)]
    assert str(found.error) == (
        "in statistics report: stats count is 4294967295 and 1 follow, at byte 48 (RFC 7854 4.8)"
    )


def test_a_mirrored_message_may_come_before_its_peer_up() -> None:
    mirrored = o.tlv(1, b"\0\1") + o.tlv(0, o.open_message())
    found = message(o.bmp(o.MIRRORING, o.peer() + mirrored))
    assert isinstance(found, RouteMirroring)
    assert found.tlvs == ((1, b"\0\1"), (0, o.open_message()))
