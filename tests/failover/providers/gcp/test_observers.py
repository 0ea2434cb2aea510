"""GCP as an observer, against a fake that has two sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.failover.policy.model import Health, Reading, Role, Site
from services.failover.providers.gcp.compute import RouterName
from services.failover.providers.gcp.observers import BackendsObserver, BgpObserver
from services.failover.providers.gcp.readings import BgpRule, Rule
from tests.fakes.gcp import LOCAL, PROJECT, group
from tests.fakes.gcp_state import Session, peer
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from tests.failover.providers.gcp.harness import World

GROUP = group(PROJECT, "us-east1")


def backends(world: World, **more: object) -> BackendsObserver:
    return BackendsObserver(
        world.gcp.compute,
        site=Site.LOCAL,
        project=PROJECT,
        region="us-east1",
        now=world.clock.now,
        **more,  # type: ignore[arg-type]  # what a test changes
    )


def bgp(world: World, rule: BgpRule | None = None) -> BgpObserver:
    router = RouterName(*LOCAL)
    return BgpObserver(
        world.gcp.compute, site=Site.LOCAL, router=router, now=world.clock.now, rule=rule
    )


async def test_healthy_backends_are_a_healthy_site(world: World) -> None:
    assert await backends(world).read() == Reading(
        "gcp_backends",
        Site.LOCAL,
        Role.SERVICE,
        Health.HEALTHY,
        world.clock.now(),
        "web: 2 of 2 healthy",
    )


@pytest.mark.parametrize(
    ("states", "health"),
    [
        (["HEALTHY", "UNHEALTHY"], Health.HEALTHY),
        (["UNHEALTHY", "UNHEALTHY"], Health.UNHEALTHY),
        ([], Health.UNKNOWN),
    ],
)
async def test_a_site_is_as_well_as_its_endpoints(
    world: World, states: list[str], health: Health
) -> None:
    world.fake.state.set_health(GROUP, states)
    assert (await backends(world).read()).health is health


async def test_the_rule_is_a_setting(world: World) -> None:
    world.fake.state.set_health(GROUP, ["HEALTHY", "UNHEALTHY"])
    reading = await backends(world, rule=Rule(min_fraction=1.0)).read()
    assert reading.health is Health.UNHEALTHY


async def test_each_service_of_the_region_has_to_be_well(world: World) -> None:
    other = group(PROJECT, "us-east1", "api-ig")
    world.fake.state.add_service(PROJECT, "us-east1", "api", {other: ["UNHEALTHY"]})
    reading = await backends(world).read()
    assert reading.health is Health.UNHEALTHY
    assert reading.detail == "web: 2 of 2 healthy; api: 0 of 1 healthy"


async def test_only_named_services_count(world: World) -> None:
    other = group(PROJECT, "us-east1", "api-ig")
    world.fake.state.add_service(PROJECT, "us-east1", "api", {other: ["UNHEALTHY"]})
    reading = await backends(world, services=frozenset({"web"})).read()
    assert reading.health is Health.HEALTHY


async def test_a_named_service_that_is_not_there_is_unknown(world: World) -> None:
    reading = await backends(world, services=frozenset({"web", "gone"})).read()
    assert (reading.health, reading.detail) == (Health.UNKNOWN, "no group of gone is in us-east1")


async def test_a_global_service_counts_with_its_groups_in_the_region(world: World) -> None:
    here, there = group(PROJECT, "us-east1", "g1"), group(PROJECT, "us-west1", "g2")
    world.fake.state.add_service(
        PROJECT, "global", "web", {here: ["HEALTHY"], there: ["UNHEALTHY"]}
    )
    reading = await backends(world).read()
    assert reading.detail == "web: 2 of 2 healthy; web (global): 1 of 1 healthy"


async def test_services_on_later_pages_count(world: World) -> None:
    world.fake.page_size = 1
    other = group(PROJECT, "us-east1", "api-ig")
    world.fake.state.add_service(PROJECT, "us-east1", "api", {other: ["UNHEALTHY"]})
    assert (await backends(world).read()).health is Health.UNHEALTHY


async def test_a_partial_list_is_unknown(world: World) -> None:
    world.fake.unreachable = True
    reading = await backends(world).read()
    assert (reading.health, reading.detail) == (
        Health.UNKNOWN,
        "GCP's list of backend services is partial: UNREACHABLE",
    )


async def test_a_group_that_cannot_be_asked_makes_its_service_unknown(world: World) -> None:
    more = group(PROJECT, "us-east1", "more")
    services = world.fake.state.services[PROJECT, "us-east1"]
    services[0]["backends"].append({"group": more})
    world.fake.state.set_health(GROUP, ["UNHEALTHY"])
    world.fake.troubles += [Trouble("getHealth", times=1), Trouble("getHealth", None, status=503)]
    reading = await backends(world).read()
    assert reading.health is Health.UNKNOWN
    assert "getHealth of web failed with status 503" in reading.detail


async def test_a_drained_group_is_left_out_and_told(world: World) -> None:
    standby = group(PROJECT, "us-east1", "standby")
    services = world.fake.state.services[PROJECT, "us-east1"]
    services[0]["backends"].append({"group": standby, "failover": True})
    reading = await backends(world).read()
    assert reading.detail == "web: 2 of 2 healthy, standby is a failover group"
    services[0]["backends"][0]["capacityScaler"] = 0
    assert (await backends(world).read()).health is Health.UNKNOWN


async def test_a_region_without_services_is_unknown(world: World) -> None:
    world.fake.state.services.clear()
    reading = await backends(world).read()
    assert reading.health is Health.UNKNOWN
    assert reading.detail == "no backend service has a group in us-east1"


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("", None, status=503),
        Trouble("", None, status=403, body={"error": {"message": "no"}}),
        Trouble("", None, lost=True),
        Trouble("", None, torn=True),
    ],
)
async def test_a_blind_observer_knows_nothing_and_says_why(world: World, trouble: Trouble) -> None:
    world.fake.troubles.append(trouble)
    for observer in (backends(world), bgp(world)):
        reading = await observer.read()
        assert reading.health is Health.UNKNOWN
        assert reading.detail.startswith("GCP ")


async def test_an_open_breaker_is_unknown_and_not_unhealthy(world: World) -> None:
    world.fake.troubles.append(Trouble("", None, status=500))
    observer = bgp(world)
    for _ in range(3):
        await observer.read()
    reading = await observer.read()
    assert reading.health is Health.UNKNOWN
    assert "gcp/us-east1/read is not called" in reading.detail


async def test_a_rate_limit_is_a_403_that_opens_no_breaker(world: World) -> None:
    world.fake.per_minute = 0
    observer = bgp(world)
    for _ in range(10):
        assert "Quota exceeded" in (await observer.read()).detail
    world.fake.per_minute = None
    assert (await observer.read()).health is Health.HEALTHY


async def test_a_site_with_one_session_up_can_announce(world: World) -> None:
    world.fake.state.add_router(LOCAL, {"bgpPeers": [peer("peer-a"), peer("peer-b", 2)]})
    await world.fake.state.set_session(LOCAL, "peer-b", Session("DOWN", "Idle"))
    reading = await bgp(world).read()
    assert (reading.role, reading.health) == (Role.BGP, Health.HEALTHY)
    assert reading.detail == "peer-a Established; peer-b Idle"
    both = await bgp(world, BgpRule(Rule(min_fraction=1.0))).read()
    assert both.health is Health.UNHEALTHY


async def test_a_session_that_flapped_between_two_readings_was_down(world: World) -> None:
    observer = bgp(world)
    world.clock.seconds += 600
    assert (await observer.read()).health is Health.HEALTHY
    await world.fake.state.set_session(LOCAL, "peer-a", Session())
    assert (await observer.read()).health is Health.UNHEALTHY
    world.clock.seconds += 30
    assert (await observer.read()).health is Health.HEALTHY


async def test_a_router_without_peers_is_unknown(world: World) -> None:
    world.fake.state.add_router(LOCAL, {"bgpPeers": []})
    reading = await bgp(world).read()
    assert (reading.health, reading.detail) == (Health.UNKNOWN, "rt-east has no BGP peers")
