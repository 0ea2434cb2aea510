"""What the three neighbours of the demo's router announce, and what they change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from scripts.demo_internet import CARRIERS, WELL_KNOWN, Origin, origins, pick, some_asn
from tests.routers.harness.policy import REFUSED
from tests.routers.harness.table import Route

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.routers.harness.table import AsPath

ROUTER_ASN = 64500
ROUTER_ADDRESS = "192.0.2.1"

# How many of a hundred routes.
_ORIGIN = {0: 92, 1: 1, 2: 7}
_ORIGIN_NAMES = ("igp", "egp", "incomplete")
_CARRIERS_CROSSED = {0: 18, 1: 56, 2: 26}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A BGP peer of the router; the AS numbers are documentation ones (RFC 5398)."""

    name: str
    address: str
    asn: int
    ipv6_next_hop: str


TRANSIT = Neighbour("transit", "192.0.2.9", 64496, "2001:db8:ffff::9")
PEER = Neighbour("peer", "192.0.2.17", 65550, "2001:db8:ffff::17")
CUSTOMER = Neighbour("customer", "192.0.2.33", 64510, "2001:db8:ffff::33")


class Tables:
    """The tables of the neighbours; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - to be the same again, not to be secret
        everything = origins(self._random, ipv4=6400, ipv6=1900)
        self.transit = [self._from_transit(origin) for origin in everything]
        self.peer = [self._from_peer(o) for o in self._share(everything, ipv4=2900, ipv6=850)]
        self.customer = [
            *(self._from_customer(o) for o in self._share(everything, ipv4=700, ipv6=250)),
            Route(REFUSED, CUSTOMER.address, (CUSTOMER.asn,)),  # a leak, for the policy to refuse
        ]

    def over_other_carriers(self, routes: Iterable[Route], count: int) -> list[Route]:
        """Some of the transit's routes, now over another carrier."""
        return [
            replace(
                route,
                as_path=(
                    TRANSIT.asn,
                    self._carrier_but(route.as_path[1]),
                    *(asn for asn in route.as_path[1:] if asn not in CARRIERS),
                ),
            )
            for route in self.sample(routes, count)
        ]

    def sample(self, routes: Iterable[Route], count: int) -> list[Route]:
        return self._random.sample(list(routes), count)

    def more_specific(self) -> Route:
        """A part of well-known space, from an origin that has nothing to do with the rest."""
        return Route(
            prefix="203.0.113.128/25",
            next_hop=PEER.address,
            as_path=(PEER.asn, some_asn(self._random), some_asn(self._random)),
        )

    def _share(self, everything: list[Origin], ipv4: int, ipv6: int) -> list[Origin]:
        """Some prefixes of each family, and the well-known ones."""
        known = [origin for origin in everything if str(origin.prefix) in WELL_KNOWN]
        rest = [origin for origin in everything if str(origin.prefix) not in WELL_KNOWN]
        by_version = {v: [o for o in rest if o.prefix.version == v] for v in (4, 6)}
        return [
            *self._random.sample(by_version[4], ipv4),
            *self._random.sample(by_version[6], ipv6),
            *known,
        ]

    def _from_transit(self, origin: Origin) -> Route:
        above: AsPath = {
            0: (),
            1: (origin.carrier,),
            2: (self._carrier_but(origin.carrier), origin.carrier),
        }[pick(self._random, _CARRIERS_CROSSED)]
        region = self._random.randrange(1, 9)
        route = self._route(TRANSIT, origin, above)
        return replace(
            route,
            communities=tuple(
                sorted((f"{TRANSIT.asn}:{2000 + region}", *self._carrier_communities(origin)))
            ),
        )

    def _from_peer(self, origin: Origin) -> Route:
        route = self._route(PEER, origin, ())
        site = self._random.randrange(1, 5)
        return replace(
            route,
            med=10 * self._random.randrange(0, 20),
            large_communities=(f"{PEER.asn}:1:{site}", f"{PEER.asn}:2:{some_asn(self._random)}"),
        )

    def _from_customer(self, origin: Origin) -> Route:
        end = origin.path[-1:] if self._random.random() < 0.7 else ()
        route = replace(self._route(CUSTOMER, origin, ()), as_path=(CUSTOMER.asn, *end))
        backup = self._random.random() < 0.2
        return replace(
            route,
            communities=(f"{ROUTER_ASN}:80",) if backup else (),
            med=100 if backup else None,
        )

    def _route(self, neighbour: Neighbour, origin: Origin, above: AsPath) -> Route:
        is_ipv6 = origin.prefix.version == 6
        return Route(
            prefix=str(origin.prefix),
            next_hop=neighbour.ipv6_next_hop if is_ipv6 else neighbour.address,
            as_path=(neighbour.asn, *above, *origin.path),
            origin=_ORIGIN_NAMES[pick(self._random, _ORIGIN)],
        )

    def _carrier_but(self, other: int | frozenset[int]) -> int:
        return self._random.choice([asn for asn in CARRIERS if asn != other])

    def _carrier_communities(self, origin: Origin) -> list[str]:
        if self._random.random() < 0.5:
            return []
        return [f"{origin.carrier}:{self._random.choice((3, 100, 123, 2001, 30000))}"]
