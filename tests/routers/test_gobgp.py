"""What is particular to GoBGP: ADD-PATH in one view only, and a Loc-RIB that nobody announced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from tests.routers.harness.edge import FAMILIES, router_received
from tests.routers.harness.policy import REFUSED, TAG
from tests.routers.harness.samples import refused_route, sample_routes
from tests.routers.harness.table import Route, as_path, check_same
from tests.routers.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.routers.harness.edge import Edge
    from tests.routers.harness.gobgp import GobgpFeeder, GobgpMonitored
    from tests.routers.harness.station import Station


def test_every_path_to_a_prefix_is_kept_where_the_peer_sends_several(
    add_path_edge: Edge[GobgpMonitored], station: Station
) -> None:
    add_path_edge.meet(station)
    feeder = cast("GobgpFeeder", add_path_edge.feeders[1])
    first = Route("198.51.100.0/24", "192.0.2.3", as_path(f"{feeder.asn} 3356 64512"), med=5)
    second = replace(first, as_path=as_path(f"{feeder.asn} 1299 174 64512"), next_hop="192.0.2.4")
    feeder.announce([first], path_id=1)
    feeder.announce([second], path_id=2)
    before_policy_agrees(add_path_edge, station, [first, second])
    paths = station.routes(peer=feeder.address, rib="adj_in_pre")
    assert len({path["path_id"] for path in paths}) == 2

    feeder.withdraw([first], path_id=1)
    before_policy_agrees(add_path_edge, station, [second])


def before_policy_agrees(edge: Edge[GobgpMonitored], station: Station, told: list[Route]) -> None:
    """Waits until router and API have `told`. After the policy GoBGP reports no path ids."""
    peer = edge.feeders[1].address
    router_received(edge.router, peer, told)

    def check() -> None:
        there = station.table(peer=peer, rib="adj_in_pre")
        check_same(edge.router.received(peer, "ipv4_unicast"), there, f"routes of {peer}")

    eventually(check)


def test_only_the_view_after_the_policy_shows_what_the_policy_did(
    gobgp_edge: Edge[GobgpMonitored], station: Station
) -> None:
    gobgp_edge.meet(station)
    feeder = gobgp_edge.feeders[0]
    gobgp_edge.announce(feeder, [*sample_routes(feeder.asn), refused_route(feeder.asn)])
    gobgp_edge.settle(station)

    before = station.routes(peer=feeder.address, rib="adj_in_pre")
    after = station.routes(peer=feeder.address, rib="adj_in_post")
    assert {r["prefix"] for r in before} - {r["prefix"] for r in after} == {REFUSED}
    assert not any(TAG in route["communities"] for route in before)
    assert all(TAG in route["communities"] for route in after)


def test_the_loc_rib_holds_the_best_route_to_each_prefix(
    gobgp_edge: Edge[GobgpMonitored], station: Station
) -> None:
    gobgp_edge.meet(station)
    for feeder in gobgp_edge.feeders:
        gobgp_edge.announce(feeder, sample_routes(feeder.asn))
    gobgp_edge.settle_router()

    def check() -> None:
        for family in FAMILIES:
            there = station.table(rib="loc_rib", family=family)
            check_same(gobgp_edge.router.best(family), there, f"{family} of the Loc-RIB")

    eventually(check)
