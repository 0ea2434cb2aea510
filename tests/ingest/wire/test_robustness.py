"""No octets whatever give anything but messages, a wait for more, or a WireError."""

from __future__ import annotations

import ipaddress
import struct
from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.describe import describe
from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    MalformedMessage,
    RouteMonitoring,
    StreamDecoder,
    WireError,
    families,
)
from services.ingest.wire.nlri import SPLIT_FAMILIES
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import message, messages, texts

RICH = (
    o.MANDATORY
    + o.attribute(4, bytes(4), 0x80)
    + o.attribute(7, bytes.fromhex("0000fde80a000001"), 0xC0)
    + o.attribute(8, bytes.fromhex("fdfc0064"), 0xC0)
    + o.attribute(9, o.BGP_ID, 0x80)
    + o.attribute(10, o.BGP_ID, 0x80)
    + o.attribute(16, bytes.fromhex("0002fde800000001"), 0xC0)
    + o.attribute(17, o.as_path((2, (70000,))), 0xC0)
    + o.attribute(32, bytes(12), 0xC0)
    + o.mp_reach(IPV6_UNICAST, bytes(32), o.prefixes("2001:db8::/32"))
    + o.mp_unreach(families.VPNV4, bytes.fromhex("780001010002fbf000130011c0000211"))
)
EVERY_TYPE = {
    "route monitoring": o.route_monitoring(
        o.update(RICH, o.prefixes("198.51.100.0/24", "10.0.0.0/8"), o.prefixes("203.0.113.0/24"))
    ),
    "statistics": o.bmp(o.STATISTICS, o.peer() + struct.pack(">I", 1) + o.tlv(7, bytes(8))),
    "peer down": o.bmp(o.PEER_DOWN, o.peer() + b"\1" + o.bgp(3, b"\6\2bye")),
    "peer up": o.peer_up(
        o.open_message(o.multiprotocol(IPV4_UNICAST), o.add_path({IPV4_UNICAST: 3})),
        tlvs=o.tlv(3, b"blue"),
    ),
    "initiation": o.bmp(o.INITIATION, o.tlv(2, b"r1")),
    "termination": o.bmp(o.TERMINATION, o.tlv(1, b"\0\1")),
    "mirroring": o.bmp(o.MIRRORING, o.peer() + o.tlv(0, o.open_message())),
}


def look_at(data: bytes, chunk: int = 0) -> None:
    """Decode and describe everything; let nothing but a WireError pass."""
    decoder = StreamDecoder()
    parts = [data[i : i + chunk] for i in range(0, len(data), chunk)] if chunk else [data]
    with suppress(WireError):
        for part in parts:
            for found in decoder.feed(part):
                assert describe(found)["offset"] == found.offset
    decoder.close()


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_the_sample_of_each_type_is_sound(kind: str) -> None:
    assert not isinstance(message(EVERY_TYPE[kind]), MalformedMessage)


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_a_message_cut_anywhere_is_waited_for(kind: str) -> None:
    frame = EVERY_TYPE[kind]
    for length in range(len(frame)):
        decoder = StreamDecoder()
        assert list(decoder.feed(frame[:length])) == []
        assert (decoder.close() is None) == (length == 0)


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_a_message_that_stops_anywhere_but_says_it_is_whole_is_judged(kind: str) -> None:
    frame = EVERY_TYPE[kind]
    for length in range(6, len(frame)):
        look_at(frame[:1] + length.to_bytes(4, "big") + frame[5:length])


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_any_octet_may_be_damaged(kind: str) -> None:
    frame = EVERY_TYPE[kind]
    for place in range(len(frame)):
        for value in {frame[place] ^ 1 << bit for bit in range(8)} | {0, 1, 0x18, 0x7F, 0x80, 0xFF}:
            look_at(frame[:place] + bytes((value,)) + frame[place + 1 :])


@given(st.binary(max_size=300), st.integers(0, 7))
def test_any_octets_under_a_sound_header_are_judged(body: bytes, kind: int) -> None:
    look_at(o.bmp(kind, body))
    look_at(o.bmp(kind, o.peer() + body))


@given(st.binary(max_size=200), st.sampled_from([0, 0x10, 0x20, 0x40]))
def test_any_octets_of_an_update_are_judged(body: bytes, flags: int) -> None:
    look_at(o.route_monitoring(o.bgp(2, body), o.peer(flags=flags)))
    look_at(o.route_monitoring(o.update(body, o.prefix("10.0.0.0/8")), o.peer(flags=flags)))


@given(
    st.sampled_from(sorted(SPLIT_FAMILIES)),
    st.binary(max_size=100),
)
def test_any_octets_of_any_family_are_judged(family: int, nlri: bytes) -> None:
    announced = o.update(o.ORIGIN + o.AS_PATH + o.mp_reach(family, b"", nlri))
    look_at(o.route_monitoring(announced, o.peer(kind=3)))  # a Loc-RIB needs no next hop
    look_at(o.route_monitoring(o.update(o.mp_unreach(family, nlri))))


@given(st.binary(max_size=400), st.integers(1, 9))
def test_any_octets_at_all_are_judged(data: bytes, chunk: int) -> None:
    look_at(data, chunk)


# ---- what a serializer writes, the decoder reads

NUMBERS = st.integers(1, 2**32 - 1)
WORDS = st.integers(0, 2**32 - 1)
SEGMENTS = st.tuples(
    st.sampled_from((1, 2, 3, 4)), st.lists(NUMBERS, min_size=1, max_size=20).map(tuple)
)
NETWORKS = st.builds(
    lambda address, length: str(ipaddress.ip_network((address, length), strict=False)),
    st.ip_addresses(v=4),
    st.integers(0, 32),
)


class Route(NamedTuple):
    """What an UPDATE says."""

    path: tuple[tuple[int, tuple[int, ...]], ...]
    origin: int
    med: int | None
    communities: tuple[int, ...]
    large: tuple[tuple[int, int, int], ...]
    announced: list[str]
    withdrawn: list[str]

    def octets(self) -> bytes:
        attributes = o.attribute(1, bytes((self.origin,))) + o.NEXT_HOP
        attributes += o.attribute(2, o.as_path(*self.path))
        if self.med is not None:
            attributes += o.attribute(4, self.med.to_bytes(4, "big"), 0x80)
        if self.communities:
            words = struct.pack(f">{len(self.communities)}I", *self.communities)
            attributes += o.attribute(8, words, 0xC0)
        if self.large:
            words = b"".join(struct.pack(">III", *value) for value in self.large)
            attributes += o.attribute(32, words, 0xC0)
        return o.update(attributes, o.prefixes(*self.announced), o.prefixes(*self.withdrawn))


ROUTES = st.builds(
    Route,
    path=st.lists(SEGMENTS, max_size=4).map(tuple),
    origin=st.integers(0, 2),
    med=st.none() | WORDS,
    communities=st.lists(WORDS, max_size=70).map(tuple),
    large=st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=30, unique=True).map(tuple),
    announced=st.lists(NETWORKS, min_size=1, max_size=20, unique=True),
    withdrawn=st.lists(NETWORKS, max_size=20, unique=True),
)


@given(ROUTES, st.integers(1, 50))
def test_a_route_comes_back_as_it_was_written(route: Route, cut: int) -> None:
    # The first UPDATE shows that the routes of this view carry no path identifiers.
    stream = o.announcement() + o.route_monitoring(route.octets())
    _, found = messages(*(stream[i : i + cut] for i in range(0, len(stream), cut)))
    assert isinstance(found, RouteMonitoring)
    read = found.update.attributes
    assert read is not None
    assert route == Route(
        read.as_path,
        read.origin or 0,
        read.med,
        read.communities,
        read.large_communities,
        texts(found.update.announced),
        texts(found.update.withdrawn),
    )
