"""What is particular to FRR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.routers.harness.policy import REFUSED, TAG
from tests.routers.harness.samples import refused_route, sample_routes
from tests.routers.harness.table import Route, as_path, table
from tests.routers.harness.waiting import eventually

if TYPE_CHECKING:
    import pytest

    from tests.routers.harness.edge import Edge
    from tests.routers.harness.frr import FrrBgpd
    from tests.routers.harness.station import Station


def test_only_the_view_after_the_policy_shows_what_the_policy_did(
    frr_edge: Edge[FrrBgpd], request: pytest.FixtureRequest
) -> None:
    feeder = frr_edge.feeders[0]
    frr_edge.announce(feeder, [*sample_routes(feeder.asn), refused_route(feeder.asn)])
    # FRR reports a route that its policy refuses only when a station connects.
    frr_edge.settle_router()
    station: Station = request.getfixturevalue("station")
    frr_edge.settle(station)

    before = station.routes(peer=feeder.address, rib="adj_in_pre")
    after = station.routes(peer=feeder.address, rib="adj_in_post")
    assert {r["prefix"] for r in before} - {r["prefix"] for r in after} == {REFUSED}
    assert not any(TAG in route["communities"] for route in before)
    assert all(TAG in route["communities"] for route in after)


def test_the_router_goes_by_its_own_name_and_its_peers_by_what_they_opened_with(
    frr_edge: Edge[FrrBgpd], station: Station
) -> None:
    frr_edge.meet(station)
    for feeder in frr_edge.feeders:
        peer = station.check_peer(feeder.address, "up")
        assert (peer["asn"], peer["bgp_id"]) == (feeder.asn, feeder.address)
    assert [router["name"] for router in station.routers()] == [frr_edge.router.hostname]


def test_a_peer_that_never_came_up_is_not_up(frr_edge: Edge[FrrBgpd], station: Station) -> None:
    # FRR sends a Peer Down for it at each connection, with BGP identifier 0.0.0.0.
    frr_edge.meet(station)
    (ghost,) = frr_edge.router.peers.keys() - {feeder.address for feeder in frr_edge.feeders}
    up = {peer["address"] for peer in station.peers() if peer["state"] == "up"}
    assert ghost not in up


def test_the_own_as_that_frr_puts_before_a_path_is_not_part_of_it(
    frr_edge: Edge[FrrBgpd], station: Station
) -> None:
    # FRR before FRRouting/frr#21815 reports what it would announce to the peer, its own AS first.
    frr_edge.meet(station)
    feeder = frr_edge.feeders[0]
    frr_edge.router.configure(
        "address-family ipv4 unicast", f"no neighbor {feeder.address} attribute-unchanged as-path"
    )
    told = Route("198.51.100.0/24", "192.0.2.3", as_path(f"{feeder.asn} 3356 64512"))
    frr_edge.announce(feeder, [told])

    def check() -> None:
        assert station.table(peer=feeder.address, rib="adj_in_pre") == table([told])

    eventually(check)
