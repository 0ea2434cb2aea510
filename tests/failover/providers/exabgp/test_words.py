"""What ExaBGP answers, however odd: what is not understood is not there."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import example, given
from hypothesis import strategies as st

from services.failover.providers.exabgp.words import (
    Announcement,
    Standing,
    established,
    holding,
    is_summary,
)

PREFIX = ip_network("203.0.113.0/24")
HEADER = "Peer            AS        up/down state       |     #sent     #recvd"
WORDS = st.sampled_from(
    ["neighbor", "192.0.2.1", "ipv4", "unicast", "203.0.113.0/24", "established", "Peer", "AS", "/"]
)
LINES = st.lists(st.lists(WORDS | st.text(max_size=5), max_size=7).map(" ".join), max_size=5)


@given(LINES)
@example([])
@example([""])
@example(["neighbor 192.0.2.1 ipv4 unicast 203.0.113.0/99"])
def test_no_line_is_an_error(lines: list[str]) -> None:
    is_summary(lines)
    assert all(isinstance(peer, str) for peer in (*established(lines), *holding(lines, PREFIX)))


def test_only_sessions_that_are_established_count() -> None:
    lines = [
        HEADER,
        "192.0.2.1       65001     0:00:04 established           1          0",
        "2001:db8:0:1::1234 65001     0:00:04 established           1          0",
        "192.0.2.3       65001        down idle                  0          0",
    ]
    assert is_summary(lines)
    assert established(lines) == ("192.0.2.1", "2001:db8:0:1::1234")


def test_a_prefix_is_that_prefix_and_no_other() -> None:
    lines = [
        "neighbor 192.0.2.1 ipv4 unicast 203.0.113.0/24 next-hop self",
        "neighbor 192.0.2.2 ipv4 unicast 203.0.113.0/25 next-hop self",
        "neighbor 192.0.2.3 ipv4 flow 203.0.113.0/24",
        "neighbor 192.0.2.4 ipv4 unicast 203.0.113.0/24 path-information 0.0.0.1 next-hop self",
    ]
    assert holding(lines, PREFIX) == ("192.0.2.1", "192.0.2.4")
    v6 = ["neighbor 192.0.2.1 ipv6 unicast 2001:db8:1::/48 next-hop 2001:db8::2"]
    assert holding(v6, ip_network("2001:0db8:0001::/48")) == ("192.0.2.1",)


def test_it_is_announced_to_whom_it_is_sent_over_a_session_that_is_up() -> None:
    standing = Standing(established=("a", "b"), holding=("b", "c"))
    assert standing.announced_to == ("b",)


def test_a_route_without_communities_names_none() -> None:
    route = Announcement(PREFIX, "192.0.2.9")
    assert route.announce() == "announce route 203.0.113.0/24 next-hop 192.0.2.9"
    assert route.withdraw() == "withdraw route 203.0.113.0/24 next-hop 192.0.2.9"
