"""What must hold of every kind of router: bgpilot says of its tables what it says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.routers.harness.edge import Edge, Router, station_agrees, station_has_none
from tests.routers.harness.samples import changed, sample_routes
from tests.routers.harness.waiting import eventually

if TYPE_CHECKING:
    from tests.routers.harness.station import Station


@pytest.fixture(params=["frr_edge", "gobgp_edge"])
def edge(request: pytest.FixtureRequest) -> Edge[Router]:
    """A router of each kind."""
    edge: Edge[Router] = request.getfixturevalue(request.param)
    return edge


def test_announcements_changes_and_withdrawals_leave_the_api_equal_to_the_router(
    edge: Edge[Router], station: Station
) -> None:
    edge.meet(station)
    announce_samples(edge)
    edge.settle(station)

    for feeder in edge.feeders:
        edge.announce(feeder, [changed(route) for route in edge.announced(feeder)[::3]])
    edge.settle(station)

    for feeder in edge.feeders:
        edge.withdraw(feeder, edge.announced(feeder)[::2])
    edge.settle(station)


def test_routes_of_a_lost_peer_are_not_active_until_it_is_back(
    edge: Edge[Router], station: Station
) -> None:
    edge.meet(station)
    announce_samples(edge)
    edge.settle(station)
    lost, other = edge.feeders

    edge.router.shut(lost.address)
    eventually(lambda: station.check_peer(lost.address, "down"))
    station_has_none(station, lost.address)
    station_agrees(edge.router, station, other.address)

    edge.withdraw(lost, edge.announced(lost)[::4])
    edge.router.unshut(lost.address)
    edge.settle(station)
    station.check_peer(lost.address, "up")


def test_a_station_that_starts_late_learns_the_whole_table(
    edge: Edge[Router], request: pytest.FixtureRequest
) -> None:
    announce_samples(edge)
    edge.settle_router()
    edge.settle(request.getfixturevalue("station"))


def test_a_station_that_was_away_learns_what_changed_meanwhile(
    edge: Edge[Router], station: Station
) -> None:
    edge.meet(station)
    announce_samples(edge)
    edge.settle(station)

    station.stop_ingest()
    for feeder in edge.feeders:
        edge.withdraw(feeder, edge.announced(feeder)[::5])
        edge.announce(feeder, [changed(route) for route in edge.announced(feeder)[::3]])
    edge.settle_router()
    station.start_ingest()
    edge.settle(station)


def announce_samples(edge: Edge[Router]) -> None:
    for feeder in edge.feeders:
        edge.announce(feeder, sample_routes(feeder.asn))
