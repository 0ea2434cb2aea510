"""Who changed a router."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import respx

from services.failover.policy.model import Site
from tests.failover.providers.gcp.harness import ADVERTISE_REMOTE, BASE, REQUEST_ID
from tests.fakes.gcp import LOCAL, REMOTE
from tests.fakes.gcp_state import USER

if TYPE_CHECKING:
    from tests.failover.providers.gcp.harness import World

TERRAFORM = "terraform@demo.iam.gserviceaccount.com"
NOTHING = {"bgp": {"advertisedIpRanges": []}}


async def test_the_last_who_changed_it_is_named_with_the_operation(world: World) -> None:
    world.fake.state.now = world.clock.now
    since = world.clock.now()
    world.fake.state.patch(LOCAL, NOTHING, "")
    await world.fake.state.settle()
    world.clock.seconds += 90
    at = world.clock.now().isoformat()
    world.fake.state.patch(LOCAL, NOTHING, "", TERRAFORM)
    await world.fake.state.settle()
    world.fake.state.patch(REMOTE, NOTHING, "", "somebody-else")
    said = await world.routers().who_changed(Site.LOCAL, since)
    assert said == f"changed by {TERRAFORM} (patch operation-2 at {at})"


async def test_our_own_changes_have_our_name(world: World) -> None:
    world.fake.state.now = world.clock.now
    since = world.clock.now()
    await world.routers().apply(ADVERTISE_REMOTE, request_id=REQUEST_ID)
    assert f"by {USER} (" in await world.routers().who_changed(Site.REMOTE, since)


async def test_what_was_before_is_not_blamed(world: World) -> None:
    world.fake.state.now = world.clock.now
    world.fake.state.patch(LOCAL, NOTHING, "", TERRAFORM)
    since = world.clock.now() + timedelta(minutes=10)
    said = await world.routers().who_changed(Site.LOCAL, since)
    assert said == "who changed it is not known, since GCP has no operation on it at that time"


async def test_without_the_permission_the_rest_is_told(world: World) -> None:
    world.fake.denied.add("compute.regionOperations.list")
    said = await world.routers().who_changed(Site.LOCAL, world.clock.now())
    assert said.startswith("who changed it cannot be read: GCP regionOperations.list of rt-east")


@respx.mock
async def test_the_exact_request_and_an_operation_without_a_name(world: World) -> None:
    link = "https://www.googleapis.com/compute/v1/projects/demo/regions/us-east1/routers/rt-east"
    operation = {
        "name": "op-1",
        "status": "DONE",
        "targetLink": link,
        "insertTime": "1970-01-12T05:46:40.123-08:00",
    }
    listed = respx.get(url__startswith=f"{BASE}/projects/demo/regions/us-east1/operations").respond(
        json={"items": [operation, {**operation, "insertTime": "soon", "user": "nobody"}]}
    )
    async with httpx.AsyncClient() as http:
        world.gcp.compute._caller("us-east1")._client = http
        since = world.clock.now() - timedelta(days=365 * 100)
        said = await world.routers().who_changed(Site.LOCAL, since)
    assert str(listed.calls[0].request.url) == (
        f"{BASE}/projects/demo/regions/us-east1/operations"
        "?orderBy=creationTimestamp+desc&maxResults=500"
    )
    assert said == (
        "changed by somebody whom GCP does not name "
        "(an operation op-1 at 1970-01-12T05:46:40-08:00)"
    )
