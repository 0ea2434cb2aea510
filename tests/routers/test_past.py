"""The RIB as it was: of every moment of a day bgpilot says what the router said at that moment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from tests.routers.harness.day import Day, take
from tests.routers.harness.edge import Edge, Router, router_received, station_agrees
from tests.routers.harness.samples import changed, sample_routes
from tests.routers.harness.table import Route, as_path
from tests.routers.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.routers.harness.gobgp import GobgpFeeder, GobgpMonitored
    from tests.routers.harness.station import Station


@pytest.fixture(params=["frr_edge", "gobgp_edge"])
def edge(request: pytest.FixtureRequest) -> Edge[Router]:
    """A router of each kind."""
    edge: Edge[Router] = request.getfixturevalue(request.param)
    return edge


def test_the_api_says_of_ten_moments_of_a_day_what_the_router_said_then(
    edge: Edge[Router], station: Station
) -> None:
    day, (first, second) = Day(edge, station), edge.feeders
    edge.meet(station)
    day.record("before any route")
    for feeder in edge.feeders:
        edge.announce(feeder, sample_routes(feeder.asn))
    day.record("all announced")
    edge.announce(first, [changed(route) for route in edge.announced(first)[::3]])
    day.record("changed")
    gone = edge.announced(second)[::2]
    edge.withdraw(second, gone)
    day.record("withdrawn")
    edge.announce(second, gone[::2])
    day.record("announced again")

    reset_one_peer(day, edge, station)
    restart_the_station(day, edge, station)
    restart_the_router(day, edge, station)

    assert len(day.moments) == 10
    day.check()


def reset_one_peer(day: Day, edge: Edge[Router], station: Station) -> None:
    """It comes back without a quarter of its routes."""
    peer = edge.feeders[0]
    edge.router.shut(peer.address)
    eventually(partial(station.check_peer, peer.address, "down"))
    day.record("a peer is down", down=peer.address)
    edge.withdraw(peer, edge.announced(peer)[::4])
    edge.router.unshut(peer.address)
    day.record("the peer is back")


def restart_the_station(day: Day, edge: Edge[Router], station: Station) -> None:
    """Meanwhile routes go and change."""
    station.stop_ingest()
    day.record_unheard("nobody listens")
    for feeder in edge.feeders:
        edge.withdraw(feeder, edge.announced(feeder)[::5])
        edge.announce(feeder, [changed(route) for route in edge.announced(feeder)[::7]])
    edge.settle_router()
    station.start_ingest()
    day.record("the station is back")


def restart_the_router(day: Day, edge: Edge[Router], station: Station) -> None:
    """All that it had is gone, and is told anew by its peers."""
    edge.router.stop()
    for feeder in edge.feeders:
        eventually(partial(station.check_peer, feeder.address, "lost"))
    edge.router.start()
    day.record("the router is back")


def test_every_path_to_a_prefix_is_there_at_the_moments_that_had_it(
    add_path_edge: Edge[GobgpMonitored], station: Station
) -> None:
    add_path_edge.meet(station)
    feeder = cast("GobgpFeeder", add_path_edge.feeders[1])
    first = Route("198.51.100.0/24", "192.0.2.3", as_path(f"{feeder.asn} 3356 64512"), med=5)
    second = replace(first, as_path=as_path(f"{feeder.asn} 1299 174 64512"), next_hop="192.0.2.4")
    other = replace(second, med=7)

    moments = []
    for path_id, told, paths in (
        (1, first, [first]),
        (2, second, [first, second]),
        (2, other, [first, other]),
        (1, None, [other]),
    ):
        if told is None:
            feeder.withdraw([first], path_id)
        else:
            feeder.announce([told], path_id)
        router_received(add_path_edge.router, feeder.address, paths)
        # After the policy GoBGP reports no path identifiers.
        station_agrees(add_path_edge.router, station, feeder.address, ribs=["adj_in_pre"])
        moments.append(
            take(f"{len(paths)} paths", add_path_edge.router, [feeder.address], ["adj_in_pre"])
        )
    for moment in moments:
        moment.check(station)
