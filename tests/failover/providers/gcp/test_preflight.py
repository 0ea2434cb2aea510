"""What is looked at before it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.policy.model import Site
from services.failover.providers.gcp.observers import BackendsObserver
from services.failover.providers.gcp.preflight import Finding, check
from tests.failover.providers.gcp.harness import SITES, World, custom
from tests.fakes.gcp import LOCAL, PROJECT, REMOTE
from tests.fakes.gcp_state import Session, peer
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable


async def checked(world: World) -> list[Finding]:
    backends = {
        site: BackendsObserver(
            world.gcp.compute, site=site, project=PROJECT, region=key[1], now=world.clock.now
        )
        for site, key in ((Site.LOCAL, LOCAL), (Site.REMOTE, REMOTE))
    }
    return await check(
        world.gcp.compute,
        SITES,
        backends,
        permissions=world.gcp.permissions,
        resource_manager=world.gcp.resource_manager,
    )


def faults(findings: Iterable[Finding]) -> list[str]:
    return [f"{finding.what}: {finding.detail}" for finding in findings if finding.is_fault]


async def test_a_world_that_is_ready_has_no_faults_and_is_not_changed(world: World) -> None:
    world.fake.unreachable = False
    findings = await checked(world)
    assert faults(findings) == []
    assert world.writes() == []
    assert [finding.what for finding in findings] == [
        "the local site's backends",
        "the local site's router",
        "the remote site's backends",
        "the remote site's router",
        "the remote site's router",
        "permissions in the project demo",
    ]
    assert "keeps its subnets" in findings[4].detail


async def test_a_missing_permission_is_found_without_a_write(world: World) -> None:
    world.fake.denied.add("compute.routers.update")
    assert faults(await checked(world)) == [
        "permissions in the project demo: missing: compute.routers.update"
    ]


async def test_what_cannot_be_found_without_the_permission_to_list_is_a_warning(
    world: World,
) -> None:
    world.fake.denied.add("compute.regionOperations.list")
    findings = await checked(world)
    assert faults(findings) == []
    assert findings[-1].is_warning
    assert "compute.regionOperations.list is missing" in findings[-1].detail


async def test_no_connection_is_a_fault_of_each_thing_that_is_read(world: World) -> None:
    world.fake.troubles.append(Trouble("/compute/v1/", None, status=503))
    assert len(faults(await checked(world))) == 4


async def test_permissions_that_cannot_be_asked_for_are_no_fault(world: World) -> None:
    disabled = {"error": {"message": "API is disabled"}}
    world.fake.troubles.append(Trouble("testIam", None, status=403, body=disabled))
    findings = await checked(world)
    assert faults(findings) == []
    assert "API is disabled" in findings[-1].detail


async def test_a_router_without_a_session_is_a_fault(world: World) -> None:
    await world.fake.state.set_session(REMOTE, "peer-a", Session("DOWN", "Idle"))
    [fault] = faults(await checked(world))
    assert fault.startswith("the remote site's router")
    assert "0 BGP sessions" in fault


async def test_peers_with_lists_of_their_own_are_told(world: World) -> None:
    world.fake.state.add_router(
        REMOTE,
        {
            "bgpPeers": [
                peer("peer-a", **custom()),
                peer("peer-b", 2, managementType="MANAGED_BY_ATTACHMENT", **custom()),
            ]
        },
    )
    findings = await checked(world)
    [fault] = faults(findings)
    assert fault.startswith("the remote site's router: peer-b is managed by an interconnect")
    assert any(finding.detail.startswith("peer-a, peer-b has its own list") for finding in findings)


async def test_a_session_without_room_for_a_range_is_a_fault(world: World) -> None:
    full = custom(*(f"10.0.{number}.0/24" for number in range(200)))
    world.fake.state.add_router(REMOTE, {"bgp": full})
    assert faults(await checked(world)) == [
        "the remote site's router: peer-a has 200 ranges and takes no more"
    ]
