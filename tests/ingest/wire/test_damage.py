"""Every attribute and every message, cut at each length and with each octet set to each value.

The samples hold every attribute that has a reader and every TLV. What comes out is a message or
a MalformedMessage that can be described, never another exception.
"""

from __future__ import annotations

import struct

import pytest

from services.ingest.describe import describe
from services.ingest.wire import IPV4_UNICAST, IPV6_UNICAST, MalformedMessage, StreamDecoder
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import message

OPT = 0x80
BOTH = 0xC0
SRV6 = bytes.fromhex("0500220001001e0020010db800900000000000000000000000003f00010006201010001030")
TUNNEL = struct.pack(">HH", 8, 16) + bytes.fromhex("060a000000000001c0000201 080212b5")
INNER = o.ORIGIN + o.AS_PATH + o.attribute(5, bytes(4))

ATTRIBUTES = {
    "origin": o.ORIGIN,
    "as path": o.attribute(2, o.as_path((3, (9,)), (2, (65001, 70000)), (1, (1, 2)))),
    "next hop": o.NEXT_HOP,
    "med": o.attribute(4, bytes(4), OPT),
    "local pref": o.attribute(5, bytes(4)),
    "atomic aggregate": o.attribute(6, b""),
    "aggregator": o.attribute(7, bytes.fromhex("0000fde80a000001"), BOTH),
    "communities": o.attribute(8, bytes.fromhex("fdfc0064ffffff01"), BOTH),
    "originator": o.attribute(9, o.BGP_ID, OPT),
    "clusters": o.attribute(10, o.BGP_ID * 2, OPT),
    "extended ones": o.attribute(16, bytes.fromhex("0002fde8000000010603aabbccddeeff"), BOTH),
    "as4 path": o.attribute(17, o.as_path((2, (70000,))), BOTH),
    "as4 aggregator": o.attribute(18, bytes.fromhex("000111700a000001"), BOTH),
    "pmsi tunnel": o.attribute(22, bytes.fromhex("000600006401010101"), BOTH),
    "tunnel encapsulation": o.attribute(23, TUNNEL, BOTH),
    "traffic engineering": o.attribute(24, bytes(36), OPT),
    "ipv6 communities": o.attribute(25, b"\0\2" + bytes(18), BOTH),
    "aigp": o.attribute(26, bytes.fromhex("01000b0000000000000539"), OPT),
    "large communities": o.attribute(32, bytes(24), BOTH),
    "only to customer": o.attribute(35, bytes.fromhex("00001a79"), BOTH),
    "prefix sid": o.attribute(40, SRV6 + bytes.fromhex("01000700000000000035"), BOTH),
    "attr set": o.attribute(128, bytes(4) + INNER, BOTH),
    "unknown": o.attribute(99, b"abc", BOTH),
    "mp reach": o.mp_reach(IPV6_UNICAST, bytes(16), o.prefixes("2001:db8::/32", "::/0")),
    "mp unreach": o.mp_unreach(IPV6_UNICAST, o.prefix("2001:db8::/32")),
}
OPEN = o.open_message(
    o.multiprotocol(IPV4_UNICAST),
    o.add_path({IPV4_UNICAST: 3}),
    o.capability(64, bytes.fromhex("c07800010180")),
    o.capability(73, b"\5edge1\0"),
)
MESSAGES = {
    "initiation": o.bmp(o.INITIATION, o.tlv(2, b"r1") + o.tlv(0, b"x") + o.tlv(9, b"")),
    "termination": o.bmp(o.TERMINATION, o.tlv(1, b"\0\1") + o.tlv(0, b"bye")),
    "peer up": o.peer_up(OPEN, tlvs=o.tlv(3, b"blue") + o.tlv(4, b"edge")),
    "peer down": o.bmp(o.PEER_DOWN, o.peer() + b"\3" + o.bgp(3, b"\6\2\3bye")),
    "statistics": o.bmp(
        o.STATISTICS,
        o.peer() + struct.pack(">I", 2) + o.tlv(7, bytes(8)) + o.tlv(9, b"\0\1\1" + bytes(8)),
    ),
    "mirroring": o.bmp(
        o.MIRRORING,
        o.peer() + o.tlv(1, b"\0\1") + o.tlv(0, o.update(o.MANDATORY, o.prefix("10.0.0.0/8"))),
    ),
    "route monitoring": o.announcement(o.MANDATORY, "198.51.100.0/24", "10.0.0.0/8"),
}


def look_at(octets: bytes) -> None:
    """A new decoder each time, so that no damage is remembered."""
    found = message(octets, StreamDecoder())
    assert describe(found)["length"] == len(octets)


def carried(attribute: bytes, flags: int) -> bytes:
    update = o.update(o.MANDATORY + attribute, o.prefix("10.0.0.0/8"))
    return o.route_monitoring(update, o.peer(flags=flags))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_sample_of_each_attribute_is_sound(name: str) -> None:
    # An attribute that the mandatory ones hold already comes twice, which is told and no more.
    found = message(carried(ATTRIBUTES[name], 0))
    assert not isinstance(found, MalformedMessage)
    assert {error.section for error in found.update.errors} <= {"RFC 7606 3 g"}


@pytest.mark.parametrize("flags", [0, 0x20, 0x40])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_may_stop_anywhere(name: str, flags: int) -> None:
    attribute = ATTRIBUTES[name]
    for length in range(len(attribute)):
        look_at(carried(attribute[:length], flags))
        if length > 3:  # as long as it says, and yet not whole
            shorter = attribute[:2] + bytes((length - 3,)) + attribute[3:length]
            look_at(carried(shorter, flags))


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_any_octet_of_an_attribute_may_have_any_value(name: str) -> None:
    attribute = ATTRIBUTES[name]
    for place in range(len(attribute)):
        for value in range(256):
            damaged = attribute[:place] + bytes((value,)) + attribute[place + 1 :]
            look_at(carried(damaged, 0))


@pytest.mark.parametrize("name", MESSAGES)
def test_any_octet_of_a_message_may_have_any_value(name: str) -> None:
    octets = MESSAGES[name]
    for place in range(5, len(octets)):  # version and length are those of the stream
        for value in range(256):
            look_at(octets[:place] + bytes((value,)) + octets[place + 1 :])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_may_stop_anywhere(name: str) -> None:
    octets = MESSAGES[name]
    for length in range(6, len(octets)):
        look_at(octets[:1] + length.to_bytes(4, "big") + octets[5:length])
