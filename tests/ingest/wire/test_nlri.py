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
    found = split_nlri(IPV4_UNICAST, field, 0, len(field)).nlri
    assert [prefix_text(IPV4_UNICAST, nlri) for nlri in found] == [str(n) for n in networks]
    assert b"".join(found) == field


@given(st.lists(NETWORKS6, max_size=50))
def test_ipv6_prefixes_come_back_as_they_were_written(
    networks: list[ipaddress.IPv6Network],
) -> None:
    field = o.prefixes(*map(str, networks))
    found = split_nlri(IPV6_UNICAST, field, 0, len(field)).nlri
    texts = [prefix_text(IPV6_UNICAST, nlri) for nlri in found]
    assert [ipaddress.ip_network(text) for text in texts] == networks


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), NETWORKS4), max_size=50))
def test_path_identifiers_come_back_beside_their_prefixes(
    routes: list[tuple[int, ipaddress.IPv4Network]],
) -> None:
    field = b"".join(o.path_id(number, o.prefix(str(network))) for number, network in routes)
    found = split_add_path_nlri(IPV4_UNICAST, field, 0, len(field))
    assert found.path_ids == [number for number, _ in routes]
    assert found.nlri == [o.prefix(str(network)) for _, network in routes]


@given(st.integers(1, 32), st.binary(min_size=4, max_size=4))
def test_spare_bits_never_reach_the_key(length: int, address: bytes) -> None:
    field = bytes((length,)) + address[: (length + 7) // 8]
    network = ipaddress.ip_network((int.from_bytes(address, "big"), length), strict=False)
    assert split_nlri(IPV4_UNICAST, field, 0, len(field)).nlri == [o.prefix(str(network))]


def test_a_prefix_with_spare_bits_set_is_the_prefix_without_them() -> None:
    sloppy = bytes((20, 198, 51, 0xFF))
    found = split_nlri(IPV4_UNICAST, sloppy, 0, 4)
    assert (found.nlri, found.tidy) == ([bytes((20, 198, 51, 0xF0))], False)
    found = split_add_path_nlri(IPV4_UNICAST, o.path_id(1, sloppy), 0, 8)
    assert (found.nlri, found.path_ids, found.tidy) == ([bytes((20, 198, 51, 0xF0))], [1], False)


@pytest.mark.parametrize(
    ("family", "field", "place"),
    [
        (IPV4_UNICAST, bytes((8, 10, 33, 0, 0, 0, 0, 0)), 2),
        (IPV4_UNICAST, bytes((8, 10, 24, 10, 0)), 2),
        (IPV6_UNICAST, bytes((129, *range(17))), 0),
        (IPV6_UNICAST, bytes((64, 0x20, 1)), 0),
    ],
)
def test_a_prefix_that_does_not_fit_is_a_wire_error_at_its_place(
    family: int, field: bytes, place: int
) -> None:
    with pytest.raises(WireError) as caught:
        split_nlri(family, field, 0, len(field))
    assert caught.value.offset == place


def test_the_nlri_of_an_unknown_family_stay_together() -> None:
    assert split_nlri(0x0309, b"whatever", 0, 8).nlri == [b"whatever"]
    assert split_nlri(0x0309, b"", 0, 0).nlri == []
    assert describe_nlri(0x0309, b"whatever") == {"nlri": b"whatever".hex()}
    assert family_name(0x0309) == "afi_3_safi_9"


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
