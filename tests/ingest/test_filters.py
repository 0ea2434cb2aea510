"""Filters of `bgpilot decode`: every one must be met, by any of its values."""

from __future__ import annotations

import ipaddress

import pytest

from services.ingest.filters import Filter, Peer
from services.ingest.wire import IPV6_UNICAST, families
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import message, messages

OTHER = o.peer(address="192.0.2.77", asn=65077)
V6 = o.mp_reach(IPV6_UNICAST, bytes(16), o.prefixes("2001:db8:1::/48"))
VPN = o.mp_unreach(families.VPNV4, bytes.fromhex("708000000000fde80000000a0a0a00"))
BROKEN_OPEN = o.peer_up(o.bgp(1, b"\4"))


def mirrored(octets: bytes, *tlvs: bytes) -> bytes:
    header = o.peer(address="192.0.2.78", asn=65078)
    return o.bmp(o.MIRRORING, header + o.tlv(0, octets) + b"".join(tlvs))


STREAM = (
    o.bmp(o.INITIATION, o.tlv(2, b"edge1")),
    o.peer_up(),
    o.announcement(o.MANDATORY, "198.51.100.0/24", "10.1.0.0/16"),
    o.route_monitoring(o.update(withdrawn=o.prefixes("10.1.2.0/24", "0.0.0.0/0")), OTHER),
    o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + V6), OTHER),
    o.route_monitoring(o.update(VPN)),
    o.route_monitoring(o.bgp(2, b"\0\x09\0\0")),
    o.announcement(o.ORIGIN + o.AS_PATH, "203.0.113.0/24"),  # no next hop: withdrawn
    BROKEN_OPEN,
    o.bmp(o.STATISTICS, o.peer() + bytes(4)),
    o.bmp(100, b"\xab"),
    o.bmp(o.TERMINATION, o.tlv(1, b"\0\0")),
    mirrored(o.update(o.ORIGIN + o.AS_PATH, o.prefix("192.0.2.128/25"))),  # the same, as it came
    mirrored(o.bgp(2, b"\0\x09\0\0")),
    mirrored(o.update(o.MANDATORY, o.prefix("10.1.3.0/24"))),
    mirrored(b"\xab", o.tlv(1, b"\0\0")),  # which the router calls errored
)
FOUND = messages(*STREAM)


def wanted(filter_: Filter) -> list[int]:
    return [number for number, found in enumerate(FOUND) if filter_.wants(found)]


def peers(*names: str | int) -> Filter:
    return Filter(
        peers=tuple(
            Peer(None, name)
            if isinstance(name, int)
            else Peer(ipaddress.ip_address(name).packed, None)
            for name in names
        )
    )


def prefixes(*names: str) -> Filter:
    return Filter(prefixes=tuple(map(ipaddress.ip_network, names)))


def test_no_filter_wants_everything() -> None:
    assert wanted(Filter()) == list(range(len(STREAM)))


def test_a_peer_is_named_by_address_or_as() -> None:
    assert wanted(peers("192.0.2.77")) == wanted(peers(65077)) == [3, 4]
    assert wanted(peers("192.0.2.77", 65001)) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert wanted(peers("192.0.2.79", 1)) == []
    assert wanted(peers("192.0.2.78")) == [12, 13, 14, 15]


@pytest.mark.parametrize(
    ("prefix", "numbers"),
    [
        ("10.0.0.0/8", [2, 3, 5, 14]),
        ("10.1.0.0/16", [2, 3, 14]),
        ("10.1.2.0/24", [3]),
        ("10.1.2.0/25", []),
        ("10.10.0.0/16", [5]),
        ("0.0.0.0/0", [2, 3, 5, 7, 12, 14]),
        ("::/0", [4]),
        ("2001:db8::/32", [4]),
        ("2001:db8:1::/48", [4]),
        ("2001:db8:2::/48", []),
        ("198.51.100.0", []),
    ],
)
def test_a_prefix_is_met_by_itself_and_by_its_parts(prefix: str, numbers: list[int]) -> None:
    assert wanted(prefixes(prefix)) == numbers


def test_any_of_several_prefixes_will_do() -> None:
    assert wanted(prefixes("2001:db8::/32", "203.0.113.0/24")) == [4, 7]


def test_types_are_the_words_that_are_printed() -> None:
    assert wanted(Filter(types=("route monitoring",))) == [2, 3, 4, 5, 6, 7]
    assert wanted(Filter(types=("peer up", "type 100", "initiation"))) == [0, 1, 8, 10]


def test_errors_are_of_messages_attributes_opens_and_whatever_is_mirrored() -> None:
    assert wanted(Filter(errors=True)) == [6, 7, 8, 12, 13, 15]


def test_every_filter_must_be_met() -> None:
    assert wanted(Filter(types=("route monitoring",), errors=True)) == [6, 7]
    assert wanted(prefixes("0.0.0.0/0")._replace(peers=peers(65077).peers)) == [3]


def test_the_sample_is_what_the_numbers_say() -> None:
    assert len(FOUND) == len(STREAM)
    assert message(BROKEN_OPEN).error is not None
