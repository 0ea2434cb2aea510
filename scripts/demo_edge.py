"""The router of the demo between its neighbours, and what happens there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from scripts.demo_tables import (
    CUSTOMER,
    PEER,
    ROUTER_ADDRESS,
    ROUTER_ASN,
    TRANSIT,
    Neighbour,
    Tables,
)
from services.ingest.wire import RibView
from tests.routers.harness.edge import FAMILIES, Edge, Feeder
from tests.routers.harness.exabgp import ExabgpFeeder
from tests.routers.harness.frr import FrrBgpd, FrrPeer
from tests.routers.harness.gobgp import GobgpFeeder
from tests.routers.harness.gobgp_config import GobgpPeer
from tests.routers.harness.policy import REFUSED
from tests.routers.harness.table import check_same, table
from tests.routers.harness.waiting import NotYetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.routers.harness.heard import Heard
    from tests.routers.harness.lab import Lab

ADDRESSES = (
    *(f"{address}/32" for address in (ROUTER_ADDRESS, TRANSIT.address)),
    *(f"{address}/32" for address in (PEER.address, CUSTOMER.address)),
)
"""What the loopback interface must have."""

_BGP_PORT = 179
_GOBGP_API_PORT = 50051
_VIEWS = (RibView.ADJ_RIB_IN_PRE, RibView.ADJ_RIB_IN_POST)


class DemoEdge(Edge[FrrBgpd]):
    """FRR and its neighbours, in the order transit, peer, customer."""

    def __init__(self, lab: Lab, station: tuple[str, int], tables: Tables) -> None:
        listen = (ROUTER_ADDRESS, _BGP_PORT)
        router = FrrBgpd(
            lab.directory("frr"),
            listen=listen,
            asn=ROUTER_ASN,
            peers=[
                FrrPeer(TRANSIT.address, TRANSIT.asn),
                FrrPeer(PEER.address, PEER.asn),
                FrrPeer(CUSTOMER.address, CUSTOMER.asn, port=_BGP_PORT, policy=True),
            ],
            station=station,
            hostname="edge1.example.net",
        )
        customer = GobgpFeeder(
            lab.directory(CUSTOMER.name),
            listen=(CUSTOMER.address, _BGP_PORT),
            api_port=_GOBGP_API_PORT,
            asn=CUSTOMER.asn,
            router=GobgpPeer(ROUTER_ADDRESS, ROUTER_ASN),
        )
        lab.run(router)
        exabgp = [_exabgp(lab, neighbour) for neighbour in (TRANSIT, PEER)]
        super().__init__(router, [*(lab.run(one) for one in exabgp), lab.run(customer)])
        self.transit, self.peer, self.customer = self.feeders
        self.tables = tables
        self._down: set[str] = set()

    def load(self) -> None:
        """Every neighbour announces its whole table; returns when the router has it."""
        self.announce(self.transit, self.tables.transit)
        self.announce(self.peer, self.tables.peer)
        self.announce(self.customer, self.tables.customer)
        self.settle_router()

    def lose(self, feeder: Feeder) -> None:
        self.router.shut(feeder.address)
        self._down.add(feeder.address)

    def regain(self, feeder: Feeder) -> None:
        self.router.unshut(feeder.address)
        self._down.discard(feeder.address)

    def check_heard(self, heard: Heard) -> None:
        """Raises NotYetError until the BMP stream has brought all that the neighbours announce."""
        for feeder in self.feeders:
            is_up = feeder.address not in self._down
            if (feeder.address in heard.up) != is_up:
                raise NotYetError(f"the session of {feeder.address} has not changed yet")
            self._check_tables(heard, feeder, is_up=is_up)

    def check_router_agrees(self, heard: Heard) -> None:
        """Raises NotYetError unless the BMP stream says what the router itself says."""
        for feeder in self.feeders:
            for family in FAMILIES:
                asks = (self.router.received, self.router.accepted)
                for view, ask in zip(_VIEWS, asks, strict=True):
                    there = heard.table(feeder.address, view, family)
                    check_same(ask(feeder.address, family), there, f"{feeder.address} {view.name}")

    def _check_tables(self, heard: Heard, feeder: Feeder, *, is_up: bool) -> None:
        announced = self.announced(feeder) if is_up else []
        for family in FAMILIES:
            routes = [route for route in announced if route.family == family]
            before, after = (heard.table(feeder.address, view, family) for view in _VIEWS)
            check_same(table(routes), before, f"{feeder.address} {family}")
            accepted = {route.prefix for route in routes} - {REFUSED}
            if accepted != {route.prefix for route in after}:
                raise NotYetError(f"{feeder.address} {family}: the view after the policy lags")


Scene: TypeAlias = "Callable[[DemoEdge], None]"


def a_carrier_fails(edge: DemoEdge) -> None:
    """The transit sends 400 of its routes over other carriers, and takes back 150."""
    routes = edge.announced(edge.transit)
    edge.announce(edge.transit, edge.tables.over_other_carriers(routes, 400))
    edge.withdraw(edge.transit, edge.tables.sample(routes, 150))


def a_network_leaves(edge: DemoEdge) -> None:
    """Peer and customer take back some of their routes."""
    for feeder, count in ((edge.peer, 60), (edge.customer, 25)):
        edge.withdraw(feeder, edge.tables.sample(edge.announced(feeder), count))


def a_more_specific_appears(edge: DemoEdge) -> None:
    """Somebody announces half of 203.0.113.0/24 through the peer."""
    edge.announce(edge.peer, [edge.tables.more_specific()])


def the_peer_resets(edge: DemoEdge) -> None:
    edge.lose(edge.peer)


def the_peer_returns(edge: DemoEdge) -> None:
    edge.regain(edge.peer)


def the_customer_goes_down(edge: DemoEdge) -> None:
    """And stays down."""
    edge.lose(edge.customer)


SCENES: tuple[Scene, ...] = (
    a_carrier_fails,
    a_network_leaves,
    a_more_specific_appears,
    the_peer_resets,
    the_peer_returns,
    the_customer_goes_down,
)


def _exabgp(lab: Lab, neighbour: Neighbour) -> ExabgpFeeder:
    return ExabgpFeeder(
        lab.directory(neighbour.name),
        address=neighbour.address,
        asn=neighbour.asn,
        router=(ROUTER_ADDRESS, _BGP_PORT),
        peer_asn=ROUTER_ASN,
    )
