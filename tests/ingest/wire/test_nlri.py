"""NLRI: one canonical form each, whatever spare bits a router sends."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    WireError,
    describe_nlri,
    families,
    family_name,
    prefix_text,
)
from services.ingest.wire.nlri import split_add_path_nlri, split_nlri
from services.ingest.wire.text import address_text, ipv6_text
from tests.ingest.wire import octets as o

NETWORKS4 = st.builds(
    lambda address, length: ipaddress.ip_network((address, length), strict=False),
    st.ip_addresses(v=4),
    st.integers(0, 32),
)
NETWORKS6 = st.builds(
    lambda address, length: ipaddress.ip_network((address, length), strict=False),
    st.ip_addresses(v=6),
    st.integers(0, 128),
)


@given(st.lists(NETWORKS4, max_size=50))
def test_ipv4_prefixes_come_back_as_they_were_written(
    networks: list[ipaddress.IPv4Network],
) -> None:
    field = o.prefixes(*map(str, networks))
    found = split_nlri(IPV4_UNICAST, field, 0, len(field))
    assert [prefix_text(IPV4_UNICAST, nlri) for nlri in found] == [str(n) for n in networks]
    assert b"".join(found) == field


@given(st.lists(NETWORKS6, max_size=50))
def test_ipv6_prefixes_come_back_as_they_were_written(
    networks: list[ipaddress.IPv6Network],
) -> None:
    field = o.prefixes(*map(str, networks))
    found = split_nlri(IPV6_UNICAST, field, 0, len(field))
    texts = [prefix_text(IPV6_UNICAST, nlri) for nlri in found]
    assert [ipaddress.ip_network(text) for text in texts] == networks


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), NETWORKS4), max_size=50))
def test_path_identifiers_come_back_beside_their_prefixes(
    routes: list[tuple[int, ipaddress.IPv4Network]],
) -> None:
    field = b"".join(o.path_id(number, o.prefix(str(network))) for number, network in routes)
    nlri, path_ids = split_add_path_nlri(IPV4_UNICAST, field, 0, len(field))
    assert path_ids == [number for number, _ in routes]
    assert nlri == [o.prefix(str(network)) for _, network in routes]


@given(st.integers(1, 32), st.binary(min_size=4, max_size=4))
def test_spare_bits_never_reach_the_key(length: int, address: bytes) -> None:
    field = bytes((length,)) + address[: (length + 7) // 8]
    network = ipaddress.ip_network((int.from_bytes(address, "big"), length), strict=False)
    assert split_nlri(IPV4_UNICAST, field, 0, len(field)) == [o.prefix(str(network))]


def test_a_prefix_with_spare_bits_set_is_the_prefix_without_them() -> None:
    sloppy = bytes((20, 198, 51, 0xFF))
    assert split_nlri(IPV4_UNICAST, sloppy, 0, 4) == [bytes((20, 198, 51, 0xF0))]
    with_id = o.path_id(1, sloppy)
    assert split_add_path_nlri(IPV4_UNICAST, with_id, 0, 8) == ([bytes((20, 198, 51, 0xF0))], [1])


@pytest.mark.parametrize(
    ("family", "field", "place"),
    [
        (IPV4_UNICAST, bytes((8, 10, 33, 0, 0, 0, 0, 0)), 2),
        (IPV4_UNICAST, bytes((8, 10, 24, 10, 0)), 2),
        (IPV6_UNICAST, bytes((129, *range(17))), 0),
        (IPV6_UNICAST, bytes((64, 0x20, 1)), 0),
        (families.EVPN, b"\2\5abcd", 0),
        (families.EVPN, b"\2", 0),
        (families.EVPN, b"\0\1x", 0),
        (families.BGP_LS, b"\0\1\0\5abcd", 0),
        (families.BGP_LS, b"\0\1\0", 0),
        (families.VPLS, b"\0\5abcd", 0),
        (families.VPLS, b"\0", 0),
        (families.IPV4_FLOWSPEC, b"\5abcd", 0),
        (families.IPV4_FLOWSPEC, b"\xf1", 0),
        (families.ROUTE_TARGET, bytes((104, *range(13))), 0),
        (families.VPNV4, bytes((24, 0, 0, 1)), 0),
        (families.VPNV4, bytes((121, 0, 0, 0x11, *range(13))), 0),
        (families.IPV4_LABELED_UNICAST, bytes((16, 0, 0)), 0),
        (families.IPV4_LABELED_UNICAST, bytes((57, 0, 0, 0x11, *range(5))), 0),
        (families.IPV4_LABELED_UNICAST, bytes((48, 0, 0, 0x11)), 0),
        (families.IPV4_SR_POLICY, bytes((96, 1)), 0),
    ],
)
def test_an_nlri_that_does_not_fit_is_a_wire_error_at_its_place(
    family: int, field: bytes, place: int
) -> None:
    with pytest.raises(WireError) as caught:
        split_nlri(family, field, 0, len(field))
    assert caught.value.offset == place


@pytest.mark.parametrize(
    ("family", "nlri"),
    [
        (families.IPV4_MULTICAST, [o.prefix("232.0.0.0/8"), o.prefix("233.1.0.0/16")]),
        (
            families.IPV4_LABELED_UNICAST,
            [
                bytes.fromhex("3805e0315a000001"),
                bytes.fromhex("50000010000021c6336401"),
                bytes.fromhex("30800000c63364"),
                bytes.fromhex("30123450c63364"),
            ],
        ),
        (families.VPNV4, [bytes.fromhex("780001010002fbf000130011c0000211")]),
        (
            families.VPNV6,
            [bytes.fromhex("d80001010002fbf00013001120010db8000000000000000000000019")],
        ),
        (families.EVPN, [b"\3\x11" + bytes(17), b"\5\x22" + bytes(34)]),
        (families.IPV4_MVPN, [b"\1\x0c" + bytes(12)]),
        (families.ROUTE_TARGET, [b"\0", b"\x60" + bytes(12)]),
        (families.IPV4_FLOWSPEC, [b"\3\1\x08\x0a", b"\xf0\xf5" + bytes(245)]),
        (families.BGP_LS, [b"\0\1\0\2ab", b"\0\2\0\0"]),
        (families.VPLS, [b"\0\x11" + bytes(17)]),
        (families.IPV4_SR_POLICY, [b"\x60" + bytes(12)]),
    ],
)
def test_every_family_is_split_where_its_nlri_end(family: int, nlri: list[bytes]) -> None:
    field = b"".join(nlri)
    assert split_nlri(family, field, 0, len(field)) == nlri
    added = b"".join(o.path_id(number, one) for number, one in enumerate(nlri, 1))
    ids = list(range(1, len(nlri) + 1))
    assert split_add_path_nlri(family, added, 0, len(added)) == (nlri, ids)


def test_the_nlri_of_an_unknown_family_stay_together() -> None:
    assert split_nlri(0x0309, b"whatever", 0, 8) == [b"whatever"]
    assert family_name(0x0309) == "afi_3_safi_9"


def test_what_is_no_prefix_is_described_by_its_octets() -> None:
    assert describe_nlri(IPV4_UNICAST, o.prefix("10.0.0.0/8")) == {"prefix": "10.0.0.0/8"}
    assert describe_nlri(families.EVPN, b"\3\1x") == {"route_type": 3, "nlri": "030178"}
    assert describe_nlri(families.VPNV4, b"\0") == {"nlri": "00"}
    assert prefix_text(families.VPNV4, b"\1\2") == "0102"


@given(st.ip_addresses(v=6))
def test_ipv6_text_means_the_address(address: ipaddress.IPv6Address) -> None:
    assert ipaddress.ip_address(ipv6_text(address.packed)) == address


@pytest.mark.parametrize(
    "text",
    ["::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "1:0:0:2::3", "::ffff:192.0.2.1"],
)
def test_ipv6_text_is_the_canonical_one(text: str) -> None:
    """RFC 5952 4 and 5."""
    assert ipv6_text(ipaddress.ip_address(text).packed) == text


def test_octets_that_are_no_address_show_as_hexadecimal() -> None:
    assert address_text(b"\1\2\3") == "010203"
