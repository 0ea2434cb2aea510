"""What the serializer of the tests writes, the decoder reads: attributes, OPENs, BMP messages."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import Notification, PeerDown
from services.ingest.wire.as_path import AS_TRANS, AsPath
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import message, update_of

OPT = 0x80
BOTH = 0xC0

WORDS = st.integers(0, 2**32 - 1)
NUMBERS = st.integers(1, 2**32 - 1)
ADDRESSES = st.binary(min_size=4, max_size=4)
SEQUENCES = st.lists(NUMBERS, min_size=1, max_size=12).map(lambda asns: (2, tuple(asns)))
CONFEDERATIONS = st.lists(st.integers(1, 65535), min_size=1, max_size=4).map(
    lambda asns: (3, tuple(asns))
)
SETS = st.lists(NUMBERS, min_size=1, max_size=5).map(lambda asns: (1, tuple(asns)))

FIELDS: dict[str, tuple[int, int, st.SearchStrategy[Any], Any]] = {
    # name: type, flags, values, how a value is written
    "origin": (1, 0x40, st.integers(0, 2), lambda v: bytes((v,))),
    "med": (4, OPT, WORDS, lambda v: v.to_bytes(4, "big")),
    "local_pref": (5, 0x40, WORDS, lambda v: v.to_bytes(4, "big")),
    "aggregator": (
        7,
        BOTH,
        st.tuples(NUMBERS, ADDRESSES),
        lambda v: v[0].to_bytes(4, "big") + v[1],
    ),
    "communities": (
        8,
        BOTH,
        st.lists(WORDS, min_size=1, max_size=80).map(tuple),
        lambda v: struct.pack(f">{len(v)}I", *v),
    ),
    "originator_id": (9, OPT, ADDRESSES, bytes),
    "cluster_list": (
        10,
        OPT,
        st.lists(ADDRESSES, min_size=1, max_size=9).map(tuple),
        b"".join,
    ),
    "ext_communities": (
        16,
        BOTH,
        st.lists(st.binary(min_size=8, max_size=8), min_size=1, max_size=40).map(tuple),
        b"".join,
    ),
    "ipv6_ext_communities": (
        25,
        BOTH,
        st.lists(st.binary(min_size=20, max_size=20), min_size=1, max_size=14).map(tuple),
        b"".join,
    ),
    "aigp": (26, OPT, st.integers(0, 2**64 - 1), lambda v: b"\1\0\x0b" + v.to_bytes(8, "big")),
    "large_communities": (
        32,
        BOTH,
        st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=30, unique=True).map(tuple),
        lambda v: b"".join(struct.pack(">III", *one) for one in v),
    ),
    "only_to_customer": (35, BOTH, WORDS, lambda v: v.to_bytes(4, "big")),
}


@given(
    st.fixed_dictionaries({}, optional={name: row[2] for name, row in FIELDS.items()}),
    st.randoms(use_true_random=False),
)
def test_attributes_come_back_in_whatever_order_they_were_written(
    values: dict[str, Any], order: Any
) -> None:
    written = {"origin": 0, **values}
    parts = [o.AS_PATH, o.NEXT_HOP]
    for name, value in written.items():
        kind, flags, _, octets = FIELDS[name]
        parts.append(o.attribute(kind, octets(value), flags))
    order.shuffle(parts)
    update = update_of(o.announcement(b"".join(parts)))
    assert update.errors == []
    assert update.attributes is not None
    assert {name: getattr(update.attributes, name) for name in written} == written
    absent = (getattr(update.attributes, name) for name in FIELDS if name not in written)
    assert not any(value for value in absent)


@given(
    st.lists(CONFEDERATIONS, max_size=1),
    st.lists(SEQUENCES, max_size=1),
    st.lists(SETS, max_size=1),
)
def test_a_path_that_went_through_an_old_speaker_is_put_together_again(
    confederation: list[Any], sequence: list[Any], last: list[Any]
) -> None:
    """RFC 6793 4.2.2 takes apart what 4.2.3 puts together."""
    path: AsPath = tuple(confederation + sequence + last)
    short = tuple(
        (kind, tuple(asn if asn < 65536 else AS_TRANS for asn in asns)) for kind, asns in path
    )
    long = tuple(segment for segment in path if segment[0] < 3)
    attributes = o.ORIGIN + o.NEXT_HOP + o.attribute(2, o.as_path(*short, octets=2))
    if long:
        attributes += o.attribute(17, o.as_path(*long), BOTH)
    octets = o.route_monitoring(o.update(attributes, o.prefix("10.0.0.0/8")), o.peer(flags=0x20))
    found = update_of(octets)
    assert found.errors == []
    assert found.attributes is not None
    assert found.attributes.as_path == path


@given(
    st.lists(st.integers(1, 65535), min_size=1, max_size=6),
    st.lists(NUMBERS, min_size=1, max_size=6),
)
def test_what_an_old_speaker_put_before_the_path_stays_before_it(
    added: list[int], told: list[int]
) -> None:
    short = [*added, *(asn if asn < 65536 else AS_TRANS for asn in told)]
    path = o.attribute(2, o.as_path((2, tuple(short)), octets=2))
    as4 = o.attribute(17, o.as_path((2, tuple(told))), BOTH)
    octets = o.update(o.ORIGIN + path + o.NEXT_HOP + as4, o.prefix("10.0.0.0/8"))
    found = update_of(o.route_monitoring(octets, o.peer(flags=0x20))).attributes
    assert found is not None
    assert found.as_path == ((2, (*added, *told)),)


@given(
    st.integers(1, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=100)), max_size=12),
)
def test_an_open_comes_back_with_short_and_with_long_parameters(
    asn: int, capabilities: list[tuple[int, bytes]]
) -> None:
    every = [(65, asn.to_bytes(4, "big")), *(one for one in capabilities if one[0] != 65)]
    octets = b"".join(o.capability(code, value) for code, value in every)
    long = b"\2" + struct.pack(">H", len(octets)) + octets
    head = struct.pack(">BHH4s", 4, 23456, 90, o.BGP_ID)
    forms = [head + b"\xff\xff" + struct.pack(">H", len(long)) + long]
    if len(octets) < 253:
        forms.append(head + bytes((len(octets) + 2, 2, len(octets))) + octets)
    for form in forms:
        found = message(o.peer_up(received=o.bgp(1, form)))
        assert found.error is None
        assert found.received_open.asn == asn
        assert [(one.code, one.value) for one in found.received_open.capabilities] == every


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=300))
def test_a_notification_comes_back_and_has_a_text(code: int, subcode: int, data: bytes) -> None:
    body = b"\3" + o.bgp(3, bytes((code, subcode)) + data)
    found = message(o.bmp(o.PEER_DOWN, o.peer() + body))
    assert isinstance(found, PeerDown)
    assert found.notification == Notification(code, subcode, data)
    assert found.reason_text.startswith("remote system closed, NOTIFICATION received: ")


@given(
    st.lists(st.tuples(st.integers(0, 65535), WORDS | st.integers(2**32, 2**64 - 1)), max_size=9)
)
def test_statistics_come_back_by_number(stats: list[tuple[int, int]]) -> None:
    tlvs = [o.tlv(kind, value.to_bytes(4 if value < 2**32 else 8, "big")) for kind, value in stats]
    body = struct.pack(">I", len(stats)) + b"".join(tlvs)
    assert message(o.bmp(o.STATISTICS, o.peer() + body)).stats == stats
