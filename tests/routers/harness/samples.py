"""Routes that exercise what a route can carry."""

from __future__ import annotations

from dataclasses import replace

from tests.routers.harness.policy import REFUSED
from tests.routers.harness.table import Route, as_path

_BULK = 120


def sample_routes(asn: int) -> list[Route]:
    """About 130 routes of a peer in `asn`, all of which the policy accepts."""
    return [*_remarkable(asn), *(_plain(asn, number) for number in range(_BULK))]


def refused_route(asn: int) -> Route:
    """A route that the policy does not let in."""
    return Route(REFUSED, "192.0.2.5", (asn,))


def changed(route: Route) -> Route:
    """The same prefix over another path, with other attributes."""
    return replace(
        route,
        as_path=(route.as_path[0], 1299, *route.as_path[1:]),
        med=1234 if route.med is None else None,
        communities=("64510:999",),
        large_communities=("4200000001:9:9",),
    )


def _remarkable(asn: int) -> list[Route]:
    return [
        Route(
            prefix="198.51.100.0/24",
            next_hop="192.0.2.3",
            as_path=as_path(f"{asn} 3356 13335"),
            med=50,
            communities=("64510:100", "65535:65281"),
            large_communities=("4200000001:1:2", "64510:3:4"),
        ),
        Route("203.0.113.0/24", "192.0.2.3", as_path(f"{asn} 174 {{64512,64513}}"), "incomplete"),
        Route("203.0.113.128/25", "192.0.2.4", as_path(f"{asn} {asn} {asn} 4200000000"), "egp"),
        Route("10.77.0.0/16", "192.0.2.4", as_path(f"{asn} 4294967294"), med=0),
        Route("0.0.0.0/0", "192.0.2.4", as_path(f"{asn}"), med=4294967295),
        Route("192.0.2.77/32", "192.0.2.3", as_path(f"{asn} 23456"), communities=("0:0",)),
        Route(
            prefix="2001:db8:77::/48",
            next_hop="2001:db8::3",
            as_path=as_path(f"{asn} 6939 {{64512,4200000000}}"),
            communities=("64510:600",),
            large_communities=("4294967295:4294967295:4294967295",),
        ),
        Route("2001:db8:78::/47", "2001:db8::3", as_path(f"{asn} 6939 174"), "egp", 7),
        Route("2001:db8:79::1/128", "2001:db8::4", as_path(f"{asn} 6939"), "incomplete"),
        Route("::/0", "2001:db8::4", as_path(f"{asn}")),
    ]


def _plain(asn: int, number: int) -> Route:
    return Route(
        prefix=f"100.64.{number}.0/24",
        next_hop="192.0.2.5",
        as_path=(asn, 64600 + number % 7, 65100 + number % 29),
        communities=(f"64510:{number % 13}",),
    )
