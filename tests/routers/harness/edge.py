"""A monitored router between its peers, and the two questions of every test.

Has the router what its peers announced, and does bgpilot say the same as the router?
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from tests.routers.harness.table import Route, Table, check_same, table
from tests.routers.harness.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.routers.harness.station import Station

FAMILIES = ("ipv4_unicast", "ipv6_unicast")
RIBS = ("adj_in_pre", "adj_in_post")


class Router(Protocol):
    """A monitored router that can be asked for its own tables."""

    def received(self, peer: str, family: str) -> Table: ...
    def accepted(self, peer: str, family: str) -> Table: ...
    def check_established(self, peer: str) -> None: ...
    def shut(self, peer: str) -> None: ...
    def unshut(self, peer: str) -> None: ...


class Feeder(Protocol):
    """A peer of the router that announces what it is told to."""

    address: str
    asn: int

    def announce(self, routes: Iterable[Route]) -> None: ...
    def withdraw(self, routes: Iterable[Route]) -> None: ...


R_co = TypeVar("R_co", bound=Router, covariant=True)


class Edge(Generic[R_co]):
    """One router and its feeders, with one route a prefix from each feeder."""

    def __init__(self, router: R_co, feeders: Sequence[Feeder]) -> None:
        self.router = router
        self.feeders = tuple(feeders)
        self._announced: dict[str, dict[str, Route]] = {f.address: {} for f in feeders}

    def announced(self, feeder: Feeder) -> list[Route]:
        """What `feeder` announces at present, in the order in which it began to."""
        return list(self._announced[feeder.address].values())

    def announce(self, feeder: Feeder, routes: Iterable[Route]) -> None:
        new = {route.prefix: route for route in routes}
        feeder.announce(new.values())
        self._announced[feeder.address] |= new

    def withdraw(self, feeder: Feeder, routes: Iterable[Route]) -> None:
        gone = list(routes)
        feeder.withdraw(gone)
        for route in gone:
            del self._announced[feeder.address][route.prefix]

    def meet(self, station: Station) -> None:
        """Waits until the station sees every session up, so that it hears all that follows live.

        After it has sent a station a whole table, GoBGP 3.10 tells it of no withdrawal of those
        routes in the view after the policy.
        """
        for feeder in self.feeders:
            eventually(partial(station.check_peer, feeder.address, "up"))

    def settle(self, station: Station) -> None:
        """Waits until router and API both hold what the feeders announce."""
        self.settle_router()
        for feeder in self.feeders:
            station_agrees(self.router, station, feeder.address)

    def settle_router(self) -> None:
        """Waits until the router holds what the feeders announce."""
        for feeder in self.feeders:
            router_received(self.router, feeder.address, self.announced(feeder))


def router_received(router: Router, peer: str, routes: Iterable[Route]) -> None:
    """Waits until the router has exactly `routes` from `peer`, before its policy."""
    told = list(routes)
    expected = {family: table(r for r in told if r.family == family) for family in FAMILIES}

    def check() -> None:
        for family, wanted in expected.items():
            check_same(wanted, router.received(peer, family), f"{family} that {peer} sent")

    eventually(check)


def said(router: Router, peer: str, rib: str, family: str) -> Table:
    """The routes of `peer` before its policy or after it, in the router's own words."""
    return router.received(peer, family) if rib == "adj_in_pre" else router.accepted(peer, family)


def station_agrees(router: Router, station: Station, peer: str, ribs: Sequence[str] = RIBS) -> None:
    """Waits until the API has the routes of `peer` as the router has, before and after policy."""

    def check() -> None:
        for family in FAMILIES:
            for rib in ribs:
                there = station.table(peer=peer, rib=rib, family=family)
                check_same(said(router, peer, rib, family), there, f"{family} of {peer} in {rib}")

    eventually(check)


def station_has_none(station: Station, peer: str) -> None:
    """Waits until no route of `peer` is active in any view."""
    eventually(lambda: check_same(table([]), station.table(peer=peer), f"routes of {peer}"))
