"""Route Mirroring: BGP messages as a router saw them, sound or not."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    MalformedMessage,
    Notification,
    Open,
    RouteMirroring,
    StreamDecoder,
    Update,
)
from services.ingest.wire.errors import Approach
from services.ingest.wire.messages import Mirrored, RefreshRequest
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import described, message, messages, real_capture, texts

UPDATE = o.update(o.MANDATORY, o.prefix("198.51.100.0/24"))
ERRORED = o.tlv(1, b"\0\0")


def mirror(*tlvs: bytes) -> bytes:
    return o.bmp(o.MIRRORING, o.peer() + b"".join(tlvs))


def mirrored(octets: bytes, decoder: StreamDecoder | None = None) -> Mirrored:
    found = message(mirror(o.tlv(0, octets)), decoder)
    assert isinstance(found, RouteMirroring)
    (one,) = found.mirrored
    assert one.octets == octets
    return one


def test_an_update_is_read_as_the_peer_sent_it() -> None:
    one = mirrored(UPDATE)
    assert isinstance(one.message, Update)
    assert texts(one.message.announced) == ["198.51.100.0/24"]
    assert one.message.attributes is not None
    assert one.message.attributes.as_path_text == "65001 174"
    assert (one.type, one.error) == (2, None)


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (o.open_message(), Open),
        (o.bgp(3, b"\6\2"), Notification),
        (o.bgp(4, b""), type(None)),
        (o.bgp(5, b"\0\2\1\1"), RefreshRequest),
    ],
)
def test_every_bgp_message_can_be_mirrored(octets: bytes, kind: type) -> None:
    one = mirrored(octets)
    assert isinstance(one.message, kind)
    assert one.error is None


def test_a_route_refresh_tells_its_family_and_subtype() -> None:
    """RFC 7313 3.2: 1 is the beginning of a refresh."""
    assert mirrored(o.bgp(5, b"\0\2\1\1")).message == RefreshRequest(IPV6_UNICAST, 1)
    (shown,) = described(mirror(*(o.tlv(0, o.bgp(5, bytes((0, 2, s, 1)))) for s in (1, 9))))
    head = {"type": "route-refresh", "family": "ipv6_unicast"}
    assert shown["messages"] == [
        {**head, "subtype": 1, "subtype_name": "beginning of route refresh"},
        {**head, "subtype": 9},
    ]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "in bgp message: BGP header runs past"),
        (b"\0" * 23, "in bgp message: BGP marker is not all ones"),
        (o.bgp(1, b"\4"), "in open: OPEN is shorter than 29 octets"),
        (o.bgp(2, b"\0\5\0\0"), "in update: withdrawn routes run past the UPDATE"),
        (o.bgp(3, b"\6"), "in notification: NOTIFICATION is shorter"),
        (o.bgp(5, b"\0"), "in route-refresh: ROUTE-REFRESH is shorter"),
        (o.bgp(9, b"\0"), "in bgp message: BGP type 9 is unknown"),
    ],
)
def test_what_cannot_be_read_stays_octets_and_says_why(octets: bytes, reason: str) -> None:
    one = mirrored(octets)
    assert one.message is None
    assert f"in route mirroring: {reason}" in str(one.error)
    (shown,) = described(mirror(o.tlv(0, octets)))
    assert octets.hex() in str(shown["messages"])


def test_an_update_that_would_reset_the_session_says_so() -> None:
    error = mirrored(o.bgp(2, b"\0\5\0\0")).error
    assert error is not None
    assert error.approach is Approach.SESSION_RESET
    assert error.context == ("route mirroring", "update")


def test_a_pdu_that_the_router_calls_errored_is_not_read() -> None:
    """RFC 7854 4.7; wherever in the message the code stands."""
    for tlvs in ((ERRORED, o.tlv(0, UPDATE)), (o.tlv(0, UPDATE), ERRORED)):
        found = message(mirror(*tlvs))
        assert found.information == (0,)
        (one,) = found.mirrored
        assert (one.octets, one.type, one.message, one.error) == (UPDATE, None, None, None)


def test_lost_messages_are_told_and_the_others_read() -> None:
    (shown,) = described(mirror(o.tlv(1, b"\0\1"), o.tlv(0, UPDATE), o.tlv(0, o.bgp(4, b""))))
    assert shown["information"] == ["messages lost"]
    assert [one["type"] for one in shown["messages"]] == ["update", "keepalive"]  # type: ignore[attr-defined]


def test_private_tlvs_and_codes_are_kept() -> None:
    (shown,) = described(mirror(o.tlv(1, b"\xff\xfb"), o.tlv(7, b"x"), o.tlv(1, b"\0")))
    assert shown["information"] == ["experimental 65531"]
    assert shown["tlvs"] == [
        {"type": 7, "name": "type 7", "value": "78"},
        {"type": 1, "name": "information", "value": "00"},  # of one octet: no code
    ]


def test_mirrored_updates_have_the_path_identifiers_of_the_opens() -> None:
    decoder = StreamDecoder()
    families = o.multiprotocol(IPV4_UNICAST)
    opens = (
        o.open_message(families, o.add_path({IPV4_UNICAST: 1}), asn=65000),
        o.open_message(families, o.add_path({IPV4_UNICAST: 2})),
    )
    messages(o.peer_up(*opens), decoder=decoder)
    one = mirrored(o.update(o.MANDATORY, o.path_id(7, o.prefix("10.0.0.0/8"))), decoder)
    assert isinstance(one.message, Update)
    assert one.message.announced[0].path_ids == [7]


def test_tlvs_that_do_not_fit_make_the_message_malformed() -> None:
    assert isinstance(message(mirror(b"\0\0\0\x09abc")), MalformedMessage)
    assert isinstance(message(mirror(b"\0\0\0")), MalformedMessage)


def test_the_offset_of_an_error_counts_from_the_bmp_message() -> None:
    broken = o.update(o.attribute(1, b"") + o.AS_PATH + o.NEXT_HOP, o.prefix("10.0.0.0/8"))
    first, second = messages(mirror(o.tlv(0, broken)) * 2)
    assert isinstance(first, RouteMirroring)
    assert isinstance(second, RouteMirroring)
    places = []
    for found in (first, second):
        inner = found.mirrored[0].message
        assert isinstance(inner, Update)
        (error,) = inner.errors
        assert error.context == ("route mirroring", "update", "origin")
        places.append(error.offset)
    assert places == [6 + 42 + 4 + 19 + 4 + 3] * 2


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=80)), max_size=5))
def test_nothing_mirrored_ever_raises(tlvs: list[tuple[int, bytes]]) -> None:
    found = message(mirror(*(o.tlv(kind, value) for kind, value in tlvs)))
    assert isinstance(found, RouteMirroring)
    assert [(kind, value) for kind, value in found.tlvs] == tlvs


@given(st.integers(0, 6), st.binary(max_size=120))
def test_no_bgp_message_whatever_raises(kind: int, body: bytes) -> None:
    one = mirrored(o.bgp(kind, body))
    assert (one.error is None) or (one.message is None)


def test_frr_mirrors_the_open_of_a_peer_before_its_peer_up() -> None:
    """Sender behaviour 7."""
    kinds = [line["type"] for line in described(real_capture("lab/frr-8.4.4-adjin-v4v6.bmp"))]
    assert kinds.index("route mirroring") < kinds.index("peer up")
    found = messages(real_capture("lab/frr-8.4.4-adjin-v4v6.bmp"))
    every = [one for m in found if isinstance(m, RouteMirroring) for one in m.mirrored]
    assert isinstance(every[0].message, Open)
    assert not [str(one.error) for one in every if one.error]
    assert {struct.unpack_from("B", one.octets, 18)[0] for one in every} == {1, 2}
