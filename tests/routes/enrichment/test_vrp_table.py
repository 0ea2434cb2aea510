"""RFC 6811 as the RFC writes it, against the table that answers fast."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.enrichment.vrp_table import NEVER, Vrps, VrpTable

if TYPE_CHECKING:
    from collections.abc import Iterable

Network = IPv4Network | IPv6Network
NOW = 1_000_000.0


class Payload(NamedTuple):
    prefix: Network
    max_length: int
    asn: int
    expires: int = NEVER


def table(payloads: Iterable[Payload]) -> VrpTable:
    families: tuple[Vrps, Vrps] = ({}, {})
    for prefix, max_length, asn, expires in payloads:
        key = int(prefix.network_address) << 8 | prefix.prefixlen
        families[prefix.version == 6].setdefault(key, []).append((asn, max_length, expires))
    return VrpTable(*families)


def as_the_rfc_says(payloads: Iterable[Payload], route: Network, origin: int | None) -> str:
    covering = [
        one
        for one in payloads
        if one.prefix.version == route.version and one.expires > NOW and route.subnet_of(one.prefix)  # type: ignore[arg-type]  # of one version, as asked above
    ]
    matching = [
        one
        for one in covering
        if route.prefixlen <= one.max_length and one.asn == origin and one.asn != 0
    ]
    return "valid" if matching else "invalid" if covering else "not_found"


@st.composite
def networks(draw: st.DrawFn, width: int) -> Network:
    """Prefixes that hold each other often: few bits differ, at either end of the address."""
    length = draw(st.integers(0, width))
    bits = draw(st.integers(0, 7)) << width - 3 | draw(st.sampled_from([0, 0, 1, 6])) << width // 2
    bits |= draw(st.integers(0, 3))
    kind = IPv4Network if width == 32 else IPv6Network
    return kind((bits >> width - length << width - length, length))


def families(width: int) -> st.SearchStrategy[tuple[list[Payload], list[Network]]]:
    network = networks(width)
    payload = st.builds(
        lambda prefix, longer, asn, expires: Payload(
            prefix, min(width, prefix.prefixlen + longer), asn, expires
        ),
        network,
        st.sampled_from([0, 0, 1, 2, 8, 64]),
        st.integers(0, 3),
        st.sampled_from([NEVER, NEVER, int(NOW) + 1, int(NOW), 5]),
    )
    return st.tuples(st.lists(payload, max_size=12), st.lists(network, min_size=1, max_size=12))


@given(st.one_of(families(32), families(128)))
def test_every_answer_is_that_of_the_rfc(asked: tuple[list[Payload], list[Network]]) -> None:
    payloads, routes = asked
    vrps = table(payloads)
    for route in (*routes, *(one.prefix for one in payloads)):
        for origin in (None, 0, 1, 2, 3):
            wanted = as_the_rfc_says(payloads, route, origin)
            assert vrps.state(str(route), origin, NOW) == wanted, (route, origin)


def one(prefix: str, max_length: int, asn: int, expires: int = NEVER) -> Payload:
    return Payload(ip_network(prefix), max_length, asn, expires)


@pytest.mark.parametrize(
    ("route", "origin", "state"),
    [
        ("10.0.0.0/16", 64496, "valid"),
        ("10.0.1.0/24", 64496, "valid"),
        ("10.0.1.0/25", 64496, "invalid"),  # longer than maxLength
        ("10.0.0.0/16", 64497, "invalid"),
        ("10.0.0.0/15", 64496, "not_found"),  # less specific than the VRP
        ("10.1.0.0/16", 64496, "not_found"),
        ("10.0.0.0/16", None, "invalid"),  # the path ends in an AS_SET
        ("10.1.0.0/16", None, "not_found"),
        ("192.0.2.0/24", 0, "invalid"),  # RFC 7607: nobody announces as AS 0
        ("192.0.2.0/24", 64496, "invalid"),
        ("2001:db8::/32", 64498, "valid"),
        ("2001:db8::1/128", 64499, "valid"),  # a VRP that is longer than /64
        ("2001:db8::2/128", 64499, "invalid"),
        ("0.0.0.0/0", 64496, "not_found"),
        ("::/0", 64496, "not_found"),
        ("255.255.255.255/32", 64496, "not_found"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 64496, "not_found"),
    ],
)
def test_a_route_has_the_state_of_rfc_6811(route: str, origin: int | None, state: str) -> None:
    vrps = table(
        [
            one("10.0.0.0/16", 24, 64496),
            one("192.0.2.0/24", 24, 0),  # RFC 6483 4: not to be used
            one("2001:db8::/32", 32, 64498),
            one("2001:db8::1/128", 128, 64499),
        ]
    )
    assert vrps.state(route, origin, NOW) == state


def test_a_vrp_that_expires_ceases_to_count_without_a_new_file() -> None:
    vrps = table([one("10.0.0.0/16", 16, 64496, int(NOW))])
    assert vrps.state("10.0.0.0/16", 64496, NOW - 1) == "valid"
    assert vrps.state("10.0.0.0/16", 64496, NOW) == "not_found"


def test_a_vrp_for_as_0_does_not_hinder_another_for_the_same_prefix() -> None:
    vrps = table([one("10.0.0.0/16", 16, 0), one("10.0.0.0/16", 16, 64496)])
    assert vrps.state("10.0.0.0/16", 64496, NOW) == "valid"


def test_a_vrp_that_is_there_twice_counts_once() -> None:
    assert len(table([one("10.0.0.0/16", 16, 1)] * 2)) == 1


def test_a_prefix_with_thousands_of_others_around_it_takes_no_more_than_their_number() -> None:
    """Each VRP is stored once, so that nested prefixes cannot blow the table up."""
    nested = [one(f"10.0.0.0/{length}", 32, asn) for length in range(8, 33) for asn in range(1, 80)]
    vrps = table(nested)
    assert len(vrps) == len(nested)
    assert vrps.state("10.0.0.0/32", 79, NOW) == "valid"
    assert vrps.state("10.0.0.0/32", 80, NOW) == "invalid"
