"""RFC 7606 clause by clause, and the RFCs that say how errors in later attributes are handled.

A row is a clause, octets that break it, and what comes of them:
    reset      the BGP session would be reset: the message is malformed, the connection goes on
    withdraw   every announced route of the UPDATE is withdrawn
    discard    the attribute is left out, the routes are announced
    unused     a sound attribute that the peer should not have sent is left out
    keep       nothing is wrong
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from services.ingest.wire import IPV6_UNICAST
from services.ingest.wire.attribute_codes import OPTIONAL as OPT
from services.ingest.wire.attribute_codes import OPTIONAL_TRANSITIVE as BOTH
from services.ingest.wire.families import EVPN, IPV4_FLOWSPEC, VPNV4, VPNV6
from tests.ingest.wire import octets as o

RESET, WITHDRAW, DISCARD, UNUSED, KEEP = "reset", "withdraw", "discard", "unused", "keep"
ROUTE = "198.51.100.0/24"
ROUTE6 = "2001:db8::/32"
NLRI = o.prefix(ROUTE)
HOP6 = bytes(15) + b"\1"
REACH = o.mp_reach(IPV6_UNICAST, HOP6, o.prefix(ROUTE6))
UNREACH = o.mp_unreach(IPV6_UNICAST, o.prefix(ROUTE6))
LOCAL_PREF = o.attribute(5, bytes((0, 0, 0, 100)))
CLUSTERS = o.attribute(10, bytes((10, 0, 0, 8)), OPT)
ORIGINATOR = o.attribute(9, bytes((10, 0, 0, 7)), OPT)
SHIFTED = b"\x40\1\0\0" + o.AS_PATH + o.NEXT_HOP  # ORIGIN's value is the flags of what follows
UNKNOWN = o.attribute(99, b"x")
OWN = o.ORIGIN + o.attribute(2, b"") + o.NEXT_HOP
AGGREGATOR_OF_6 = o.attribute(7, bytes((0xFD, 0xE9, 10, 0, 0, 1)), BOTH)
CONFEDERATION = o.attribute(2, o.as_path((3, (65001,)), (2, (174,))))

INTERNAL = o.peer_up(o.open_message(asn=65001), o.open_message(asn=65001))
EXTERNAL = o.peer_up(o.open_message(asn=65000), o.open_message(asn=65001))


def announce(attributes: bytes) -> bytes:
    return o.update(attributes, NLRI)


def beside(*extra: bytes) -> bytes:
    """The mandatory attributes and more, announcing a route."""
    return announce(o.MANDATORY + b"".join(extra))


def aigp(*tlvs: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack(">BH", kind, 3 + len(value)) + value for kind, value in tlvs)


def small(kind: int, value: bytes) -> bytes:
    """A TLV of one octet of type and two of length."""
    return struct.pack(">BH", kind, len(value)) + value


def sid(*parts: bytes) -> bytes:
    return small(1, bytes(21) + b"".join(parts))


def service(*sub_tlvs: bytes, kind: int = 5) -> bytes:
    return small(kind, b"\0" + b"".join(sub_tlvs))


def reaching(family: int, octets: int) -> bytes:
    """An announcement without NLRI, under a next hop of so many octets."""
    return o.update(o.ORIGIN + o.AS_PATH + o.mp_reach(family, bytes(octets), b""))


class Row(NamedTuple):
    clause: str
    """RFC and section; the one that an error of the row must cite is `cites`, or this."""
    what: str
    message: bytes
    outcome: str
    attribute: int | None = None
    cites: str = ""
    peer_up: bytes = b""
    flags: int = 0

    def __str__(self) -> str:
        return f"{self.clause}: {self.what}"


def mandatory(kind: int, value: bytes, flags: int = 0x40) -> bytes:
    """The mandatory attributes with one of them replaced."""
    parts = {1: o.ORIGIN, 2: o.AS_PATH, 3: o.NEXT_HOP, kind: o.attribute(kind, value, flags)}
    return announce(b"".join(parts.values()))


ROWS = [
    # ---- 3: the UPDATE as a whole
    Row("3 b", "withdrawn routes too long", o.bgp(2, b"\0\5\0\0"), RESET, cites="RFC 4271 6.3"),
    Row("3 b", "attributes too long", o.bgp(2, b"\0\0\0\1"), RESET, cites="RFC 4271 6.3"),
    Row("3 b", "no room for the lengths", o.bgp(2, b"\0\0\0"), RESET, cites="RFC 4271 6.3"),
    Row("3 c", "ORIGIN as optional", mandatory(1, b"\0", BOTH), WITHDRAW, 1),
    Row("3 c", "AS_PATH not transitive", mandatory(2, o.as_path((2, (65001,))), 0), WITHDRAW, 2),
    Row("3 c", "NEXT_HOP as optional", mandatory(3, bytes(4), BOTH), WITHDRAW, 3),
    Row("3 c", "MED as well-known", beside(o.attribute(4, bytes(4))), WITHDRAW, 4),
    Row("3 c", "LOCAL_PREF as optional", beside(o.attribute(5, bytes(4), BOTH)), WITHDRAW, 5),
    Row("3 c", "ATOMIC_AGGREGATE as optional", beside(o.attribute(6, b"", BOTH)), WITHDRAW, 6),
    Row("3 c", "AGGREGATOR not transitive", beside(o.attribute(7, bytes(8), OPT)), WITHDRAW, 7),
    Row("3 c", "COMMUNITIES not transitive", beside(o.attribute(8, bytes(4), OPT)), WITHDRAW, 8),
    Row("3 c", "ORIGINATOR_ID transitive", beside(o.attribute(9, bytes(4), BOTH)), WITHDRAW, 9),
    Row("3 c", "CLUSTER_LIST transitive", beside(o.attribute(10, bytes(4), BOTH)), WITHDRAW, 10),
    Row("3 c", "large ones well-known", beside(o.attribute(32, bytes(12))), WITHDRAW, 32),
    Row("3 c", "ATTR_SET not transitive", beside(o.attribute(128, bytes(4), OPT)), WITHDRAW, 128),
    Row("3 c", "the Partial bit", beside(o.attribute(8, bytes(4), BOTH | 0x20)), KEEP),
    Row("3 c", "Extended Length for a short one", beside(b"\xd0\x08\0\4" + bytes(4)), KEEP),
    Row("3 c", "unused low bits", beside(o.attribute(8, bytes(4), BOTH | 0x0F)), KEEP),
    Row("3 d", "no ORIGIN", announce(o.AS_PATH + o.NEXT_HOP), WITHDRAW, 1),
    Row("3 d", "no AS_PATH", announce(o.ORIGIN + o.NEXT_HOP), WITHDRAW, 2),
    Row("3 d", "no NEXT_HOP", announce(o.ORIGIN + o.AS_PATH), WITHDRAW, 3),
    Row("3 d", "no attributes at all", announce(b""), WITHDRAW, 1),
    Row("3 d", "MP_REACH_NLRI alone", o.update(REACH), WITHDRAW, 1),
    Row("3 d", "no NEXT_HOP beside MP_REACH_NLRI", o.update(o.ORIGIN + o.AS_PATH + REACH), KEEP),
    Row("RFC 4271 6.3", "unknown and well-known", beside(o.attribute(99, b"x")), RESET, 99),
    Row("RFC 4271 6.3", "not transitive either", beside(o.attribute(99, b"x", 0)), RESET, 99),
    Row("RFC 4271 6.3", "beside what is withdrawn", o.update(UNREACH + UNKNOWN), RESET, 99),
    Row("RFC 4271 6.3", "in the own table", beside(UNKNOWN), KEEP, flags=0x40),
    Row("RFC 4271 6.3", "in an ATTR_SET", beside(o.attribute(128, bytes(4) + UNKNOWN, BOTH)), KEEP),
    Row("RFC 4271 6.3", "behind a length that is wrong", announce(SHIFTED), WITHDRAW, 1, "7.1"),
    Row("3 g", "MP_REACH_NLRI twice", o.update(o.ORIGIN + o.AS_PATH + REACH * 2), RESET, 14),
    Row("3 g", "MP_UNREACH_NLRI twice", o.update(UNREACH * 2), RESET, 15),
    Row("3 g", "and a cut-off attribute", o.update(UNREACH * 2 + b"\x40\5"), RESET, 15),
    Row("3 g", "a known one twice", beside(LOCAL_PREF, o.attribute(5, bytes(4))), DISCARD, 5),
    Row("3 g", "an unknown one twice", beside(o.attribute(99, b"", BOTH) * 2), DISCARD, 99),
    Row("3 g", "ORIGIN thrice", announce(o.ORIGIN * 2 + o.MANDATORY), DISCARD, 1),
    Row("3 g", "only the second is sound", announce(o.attribute(1, b"") + o.MANDATORY), WITHDRAW),
    Row(
        "3 h",
        "discard and withdraw: withdraw",
        beside(o.attribute(6, b"\0"), o.attribute(8, bytes(5), BOTH)),
        WITHDRAW,
        cites="RFC 7606 7.8",
    ),
    Row(
        "3 h",
        "withdraw and reset: reset",
        o.update(o.attribute(1, b"") + o.AS_PATH + REACH * 2, NLRI),
        RESET,
        cites="RFC 7606 3 g",
    ),
    Row("3 i", "withdrawn prefix of 33 bits", o.update(withdrawn=b"\x21" + bytes(5)), RESET),
    Row("3 i", "withdrawn prefix cut off", o.update(withdrawn=b"\x18\xc6\x33"), RESET),
    Row("3 j", "NLRI beside a broken attribute", o.update(o.attribute(1, b""), b"\x63"), RESET),
    # ---- 4: attribute length fields
    Row("4", "longer than the rest", beside(b"\x40\5\x08\0"), WITHDRAW),
    Row("4", "two octets are left", beside(b"\x40\5"), WITHDRAW),
    Row("4", "one octet is left", beside(b"\x40"), WITHDRAW),
    Row("4", "three are left of an extended one", beside(b"\x50\5\0"), WITHDRAW),
    Row("4", "ORIGIN of no octets", mandatory(1, b""), WITHDRAW, 1, "RFC 7606 7.1"),
    Row("4", "an empty AS_PATH", mandatory(2, b""), KEEP),
    Row("4", "NEXT_HOP of no octets", mandatory(3, b""), WITHDRAW, 3, "RFC 7606 7.3"),
    Row("4", "an empty unknown attribute", beside(o.attribute(99, b"", BOTH)), KEEP),
    # ---- 5: parsing of NLRI
    Row("5.1", "MP_REACH_NLRI last", o.update(o.ORIGIN + o.AS_PATH + REACH), KEEP),
    Row("5.1", "every field at once", o.update(o.MANDATORY + REACH, NLRI, NLRI), KEEP),
    Row("5.2", "broken, and no routes", o.update(o.attribute(1, b"") + o.AS_PATH), RESET, 1),
    Row("5.2", "broken, and only withdrawn ones", o.update(o.ORIGIN[:-1], b"", NLRI), RESET),
    Row("5.2", "broken, with MP_UNREACH_NLRI", o.update(UNREACH + o.attribute(4, b"")), RESET, 4),
    Row(
        "5.2",
        "broken, and MP_REACH_NLRI without routes",
        o.update(o.attribute(1, b"\7") + o.AS_PATH + o.mp_reach(IPV6_UNICAST, HOP6, b"")),
        RESET,
        1,
    ),
    Row("5.2", "cut off, and no routes", o.update(o.ORIGIN + b"\x40\5\x09"), RESET),
    Row("5.2", "discards only", o.update(UNREACH + o.attribute(6, b"\1")), DISCARD, 6, "7.6"),
    Row("5.2", "withdrawn with attributes", o.update(o.MANDATORY + UNREACH), KEEP),
    Row("5.3", "a prefix of 33 bits", o.update(o.MANDATORY, b"\x21" + bytes(5)), RESET),
    Row("5.3", "a prefix of 99 bits", o.update(o.MANDATORY, bytes((99, 198, 51, 100))), RESET),
    Row("5.3", "a prefix cut off", o.update(o.MANDATORY, b"\x18\xc6\x33"), RESET),
    Row(
        "5.3",
        "an IPv6 prefix of 129 bits",
        o.update(o.ORIGIN + o.AS_PATH + o.mp_reach(IPV6_UNICAST, HOP6, b"\x81" + bytes(17))),
        RESET,
    ),
    Row("5.3", "one of them withdrawn", o.update(o.mp_unreach(IPV6_UNICAST, b"\x81")), RESET),
    Row("5.3", "and cut off", o.update(o.mp_unreach(IPV6_UNICAST, b"\x40\x20\1")), RESET),
    Row("5.3", "MP_REACH_NLRI transitive", o.update(b"\xc0" + REACH[1:]), RESET, 14),
    Row("5.3", "MP_UNREACH_NLRI well-known", o.update(b"\x40" + UNREACH[1:]), RESET, 15),
    Row("5.3", "MP_UNREACH_NLRI of 2", o.update(o.attribute(15, b"\0\2", OPT)), RESET, 15),
    Row("5.3", "MP_REACH_NLRI of 4", o.update(o.attribute(14, b"\0\2\1\0", OPT)), RESET, 14),
    # ---- 7: attribute by attribute
    Row("7.1", "ORIGIN of two octets", mandatory(1, b"\0\0"), WITHDRAW, 1),
    Row("7.1", "ORIGIN 3", mandatory(1, b"\3"), WITHDRAW, 1),
    Row("7.1", "ORIGIN 2", mandatory(1, b"\2"), KEEP),
    Row("7.2", "unknown segment type", mandatory(2, b"\5\1" + bytes(4)), WITHDRAW, 2),
    Row("7.2", "segment too long", mandatory(2, b"\2\2\0\0\0\1"), WITHDRAW, 2),
    Row("7.2", "segment without numbers", mandatory(2, b"\2\0"), WITHDRAW, 2),
    Row("7.2", "one octet is left", mandatory(2, o.as_path((2, (1,))) + b"\2"), WITHDRAW, 2),
    Row("7.2", "sets and confederations", announce(o.ORIGIN + CONFEDERATION + o.NEXT_HOP), KEEP),
    Row("7.3", "NEXT_HOP of three octets", mandatory(3, bytes(3)), WITHDRAW, 3),
    Row("7.3", "NEXT_HOP of 16 octets", mandatory(3, bytes(16)), WITHDRAW, 3),
    Row(
        "7.3",
        "a broken NEXT_HOP beside MP_REACH_NLRI",
        o.update(o.ORIGIN + o.AS_PATH + o.attribute(3, b"") + REACH),
        KEEP,
    ),
    Row("7.4", "MED of three octets", beside(o.attribute(4, bytes(3), OPT)), WITHDRAW, 4),
    Row("7.5", "LOCAL_PREF of five", beside(o.attribute(5, bytes(5))), WITHDRAW, 5, "", INTERNAL),
    Row("7.5", "LOCAL_PREF of an unknown peer", beside(LOCAL_PREF), KEEP),
    Row("7.5", "LOCAL_PREF of an internal peer", beside(LOCAL_PREF), KEEP, peer_up=INTERNAL),
    Row("7.5", "of an external peer", beside(LOCAL_PREF), UNUSED, 5, "", EXTERNAL),
    Row("7.5", "and broken", beside(o.attribute(5, b"", BOTH)), UNUSED, 5, "", EXTERNAL),
    Row("7.5", "of the own policy", beside(LOCAL_PREF), KEEP, peer_up=EXTERNAL, flags=0x40),
    Row("7.5", "of the own table", beside(LOCAL_PREF), KEEP, peer_up=EXTERNAL, flags=0x10),
    Row(
        "7.5",
        "of a member of the confederation",
        announce(o.ORIGIN + CONFEDERATION + o.NEXT_HOP + LOCAL_PREF),
        KEEP,
        peer_up=EXTERNAL,
    ),
    Row("7.6", "ATOMIC_AGGREGATE of one octet", beside(o.attribute(6, b"\0")), DISCARD, 6),
    Row("7.7", "AGGREGATOR of six octets", beside(o.attribute(7, bytes(6), BOTH)), DISCARD, 7),
    Row("7.7", "that of an empty path", announce(OWN + AGGREGATOR_OF_6), KEEP),
    Row("7.8", "COMMUNITIES of five", beside(o.attribute(8, bytes(5), BOTH)), WITHDRAW, 8),
    Row("7.8", "COMMUNITIES of none", beside(o.attribute(8, b"", BOTH)), WITHDRAW, 8),
    Row("7.9", "ORIGINATOR_ID of five", beside(o.attribute(9, bytes(5), OPT)), WITHDRAW, 9),
    Row("7.9", "of an external peer", beside(ORIGINATOR), UNUSED, 9, "", EXTERNAL),
    Row("7.9", "of an internal peer", beside(ORIGINATOR), KEEP, peer_up=INTERNAL),
    Row("7.10", "CLUSTER_LIST of none", beside(o.attribute(10, b"", OPT)), WITHDRAW, 10),
    Row("7.10", "CLUSTER_LIST of six", beside(o.attribute(10, bytes(6), OPT)), WITHDRAW, 10),
    Row("7.10", "of an external peer", beside(CLUSTERS), UNUSED, 10, "", EXTERNAL),
    Row("7.10", "of an internal peer", beside(CLUSTERS), KEEP, peer_up=INTERNAL),
    Row("7.11", "past its end", o.update(o.attribute(14, b"\0\2\1\x10\0", OPT)), RESET, 14),
    Row("7.11", "of 7 octets", o.update(o.mp_reach(IPV6_UNICAST, bytes(7), b"")), RESET, 14),
    Row("7.11", "IPv4 for IPv6", o.update(o.mp_reach(IPV6_UNICAST, bytes(4), b"")), RESET, 14),
    Row("7.11", "plain IPv4 for VPN", o.update(o.mp_reach(VPNV4, bytes(4), b"")), RESET, 14),
    Row("7.11", "VPN-IPv4 for VPN-IPv6", o.update(o.mp_reach(VPNV6, bytes(12), b"")), RESET, 14),
    Row("7.11", "VPN for EVPN", o.update(o.mp_reach(EVPN, bytes(12), b"")), RESET, 14),
    Row("7.11", "none from a peer", o.update(o.mp_reach(IPV6_UNICAST, b"", b"")), RESET, 14),
    Row("7.11", "of 7 in the own table", reaching(VPNV4, 7), KEEP, flags=0x40),
    Row("7.11", "IPv4 for VPN in the own table", reaching(VPNV6, 4), KEEP, flags=0x10),
    Row("7.11", "none for FlowSpec", o.update(o.mp_reach(IPV4_FLOWSPEC, b"", b"")), KEEP),
    Row("7.13", "of 35 octets", beside(o.attribute(24, bytes(35), OPT)), WITHDRAW, 24),
    Row("7.13", "of 36 octets", beside(o.attribute(24, bytes(36), OPT)), KEEP),
    Row("7.14", "nine octets", beside(o.attribute(16, bytes(9), BOTH)), WITHDRAW, 16),
    Row("7.14", "none", beside(o.attribute(16, b"", BOTH)), WITHDRAW, 16),
    Row("7.14", "unknown type", beside(o.attribute(16, b"\x99" * 8, BOTH)), KEEP),
    Row("7.15", "21 octets", beside(o.attribute(25, bytes(21), BOTH)), WITHDRAW, 25),
    Row("7.15", "none", beside(o.attribute(25, b"", BOTH)), WITHDRAW, 25),
    Row("7.15", "unknown type", beside(o.attribute(25, b"\x99" * 20, BOTH)), KEEP),
    Row("7.16", "three octets", beside(o.attribute(128, bytes(3), BOTH)), WITHDRAW, 128),
    Row(
        "7.16",
        "a broken attribute inside",
        beside(o.attribute(128, bytes(4) + o.attribute(1, b""), BOTH)),
        WITHDRAW,
        1,
        "RFC 7606 7.1",
    ),
    Row(
        "7.16",
        "an attribute cut off inside",
        beside(o.attribute(128, bytes(4) + b"\x40\1\x09", BOTH)),
        WITHDRAW,
        128,
        "RFC 7606 4",
    ),
    Row(
        "7.16",
        "MP_REACH_NLRI inside",
        beside(o.attribute(128, bytes(4) + REACH, BOTH)),
        WITHDRAW,
        128,
        "RFC 6368 4",
    ),
    Row(
        "7.16",
        "an attribute to discard inside",
        beside(o.attribute(128, bytes(4) + o.attribute(6, b"\1"), BOTH)),
        DISCARD,
        6,
        "RFC 7606 7.6",
    ),
    Row(
        "7.16",
        "LOCAL_PREF of the customer inside",
        beside(o.attribute(128, bytes(4) + LOCAL_PREF, BOTH)),
        KEEP,
        peer_up=EXTERNAL,
    ),
    # ---- 8: the RFCs of later attributes
    Row("RFC 6793 6", "AS4_PATH of 4-octet peers", beside(o.attribute(17, b"x", BOTH)), UNUSED, 17),
    Row("RFC 6793 6", "so AS4_AGGREGATOR", beside(o.attribute(18, bytes(8), BOTH)), UNUSED, 18),
    Row("RFC 7311 3", "transitive", beside(o.attribute(26, aigp((1, bytes(8))), BOTH)), DISCARD,
        26, "RFC 7606 3 c"),
    Row("RFC 7311 3", "TLV of 10", beside(o.attribute(26, aigp((1, bytes(7))), OPT)), DISCARD, 26),
    Row("RFC 7311 3", "TLV of 2", beside(o.attribute(26, b"\1\0\2", OPT)), DISCARD, 26),
    Row("RFC 7311 3", "cut off", beside(o.attribute(26, b"\1\0\x0b\0", OPT)), DISCARD, 26),
    Row("RFC 7311 3", "another TLV", beside(o.attribute(26, aigp((2, b"x")), OPT)), KEEP),
    Row("RFC 7607 2", "AS 0 in AS_PATH", mandatory(2, o.as_path((2, (1, 0)))), WITHDRAW, 2),
    Row("RFC 7607 2", "in AGGREGATOR", beside(o.attribute(7, bytes(8), BOTH)), DISCARD, 7),
    Row("RFC 8092 6", "13 octets", beside(o.attribute(32, bytes(13), BOTH)), WITHDRAW, 32),
    Row("RFC 8092 6", "none", beside(o.attribute(32, b"", BOTH)), WITHDRAW, 32),
    Row("RFC 9234 5", "OTC of three", beside(o.attribute(35, bytes(3), BOTH)), WITHDRAW, 35),
    Row("RFC 6514 5", "four octets", beside(o.attribute(22, bytes(4), BOTH)), WITHDRAW, 22),
    Row(
        "RFC 6514 5",
        "ingress replication to 5 octets",
        beside(o.attribute(22, b"\0\6" + bytes(8), BOTH)),
        WITHDRAW,
        22,
    ),
    Row("RFC 6514 5", "another tunnel type", beside(o.attribute(22, b"\0\x63" + bytes(9), BOTH)),
        KEEP),
    Row("RFC 8669 6", "no TLV", beside(o.attribute(40, b"", BOTH)), DISCARD, 40),
    Row("RFC 8669 6", "TLV cut off", beside(o.attribute(40, b"\1\0\7\0", BOTH)), DISCARD, 40),
    Row("RFC 8669 3.1", "label index of 6", beside(o.attribute(40, small(1, bytes(6)), BOTH)),
        DISCARD, 40),
    Row("RFC 8669 3.2", "of 7", beside(o.attribute(40, small(3, bytes(7)), BOTH)), DISCARD, 40),
    Row("RFC 8669 6", "another TLV", beside(o.attribute(40, small(9, b"x"), BOTH)), KEEP),
    Row("RFC 9252 7", "no octet", beside(o.attribute(40, small(5, b""), BOTH)), WITHDRAW, 40),
    Row("RFC 9252 7", "sub-TLV cut off", beside(o.attribute(40, service(b"\1\0\x1e"), BOTH)),
        WITHDRAW, 40),
    Row("RFC 9252 7", "SID of 20", beside(o.attribute(40, service(small(1, bytes(20))), BOTH)),
        WITHDRAW, 40),
    Row(
        "RFC 9252 7",
        "structure of 5",
        beside(o.attribute(40, service(sid(small(1, bytes(5)))), BOTH)),
        WITHDRAW,
        40,
    ),
    Row("RFC 9252 7", "another sub-TLV", beside(o.attribute(40, service(small(7, b"")), BOTH)),
        KEEP),
    Row("RFC 9012 13", "tunnel cut off", beside(o.attribute(23, b"\0\x0f\0\4\0", BOTH)), WITHDRAW,
        23),
    Row("RFC 9012 13", "sub-TLV cut off", beside(o.attribute(23, b"\0\x0f\0\2\6\1", BOTH)),
        WITHDRAW, 23),
    Row("RFC 9012 13", "another tunnel", beside(o.attribute(23, b"\x99\x99\0\0", BOTH)), KEEP),
]  # fmt: skip


def two_octets(row_attributes: bytes) -> bytes:
    path = o.attribute(2, o.as_path((2, (65001, 23456)), octets=2))
    return announce(o.ORIGIN + path + o.NEXT_HOP + row_attributes)


ROWS += [
    Row(clause, what, two_octets(octets), outcome, kind, flags=0x20)
    for clause, what, octets, outcome, kind in (
        ("RFC 6793 6", "no number", o.attribute(17, b"", BOTH), DISCARD, 17),
        ("RFC 7606 7.2", "segment too long", o.attribute(17, b"\2\2\0", BOTH), DISCARD, 17),
        ("RFC 6793 6", "six octets", o.attribute(18, bytes(6), BOTH), DISCARD, 18),
        ("RFC 7607 2", "AS4_AGGREGATOR of AS 0", o.attribute(18, bytes(8), BOTH), DISCARD, 18),
        ("RFC 7607 2", "AS4_PATH: 0", o.attribute(17, o.as_path((2, (0,))), BOTH), DISCARD, 17),
        ("RFC 6793 6", "confederation", o.attribute(17, o.as_path((3, (9,))), BOTH), KEEP, None),
        ("RFC 7606 7.7", "eight octets", o.attribute(7, bytes(8), BOTH), DISCARD, 7),
    )
]  # fmt: skip
