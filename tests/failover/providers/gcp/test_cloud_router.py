"""The actuator of Cloud Routers, against a fake that behaves like them."""

from __future__ import annotations

import asyncio

import pytest

from services.failover.acting.actuator import (
    ActionError,
    Done,
    NotDone,
    OutcomeUnknownError,
    Rehearsal,
)
from services.failover.acting.exchanges import Exchange, recording
from services.failover.policy.model import Site, Step, StepKind
from services.failover.providers.gcp.cloud_router import CloudRouters, SiteRouter
from services.failover.providers.gcp.compute import RouterName
from shared.errors import ConfigurationError
from tests.failover.providers.gcp.harness import (
    ADVERTISE_LOCAL,
    ADVERTISE_REMOTE,
    BASE,
    PREFIX,
    REQUEST_ID,
    WITHDRAW_LOCAL,
    World,
    custom,
)
from tests.fakes.gcp import LOCAL, REMOTE
from tests.fakes.gcp_state import Change, Outcome, Session, peer
from tests.fakes.trouble import Trouble

ROUTER_URL = f"{BASE}/projects/demo/regions/us-west1/routers/rt-west"


async def advertise(world: World) -> None:
    await world.routers().apply(ADVERTISE_REMOTE, request_id=REQUEST_ID)


async def test_a_prefix_is_announced_and_seen_to_be(world: World) -> None:
    await advertise(world)
    assert world.told == [Change("us-west1", "rt-west", str(PREFIX), True)]
    found = await world.routers().verify(ADVERTISE_REMOTE)
    assert found == Done(
        {"router": "rt-west", "region": "us-west1", "told": True, "seen": {"peer-a": True}}
    )


async def test_the_range_carries_the_generation_of_who_acts(world: World) -> None:
    await advertise(world)
    ranges = world.remote.resource["bgp"]["advertisedIpRanges"]
    assert ranges == [{"range": "203.0.113.0/24", "description": "fo:gen=42"}]


async def test_the_last_range_is_withdrawn_and_seen_to_be_gone(world: World) -> None:
    await world.routers().apply(WITHDRAW_LOCAL, request_id=REQUEST_ID)
    assert world.told == [Change("us-east1", "rt-east", str(PREFIX), False)]
    assert isinstance(await world.routers().verify(WITHDRAW_LOCAL), Done)
    assert world.local.resource["bgp"]["advertiseMode"] == "CUSTOM"


async def test_what_is_so_already_is_not_written(world: World) -> None:
    await world.routers().apply(ADVERTISE_LOCAL, request_id=REQUEST_ID)
    assert world.writes() == []


async def test_an_operation_is_polled_until_it_is_done_at_growing_intervals(world: World) -> None:
    world.fake.state.operation_seconds = 12.0
    await advertise(world)
    assert world.clock.slept == [0.5, 1.0, 2.0, 4.0, 5.0]
    assert world.remote.announced == {str(PREFIX)}


async def test_an_operation_that_is_done_and_has_an_error_is_an_error(world: World) -> None:
    world.fake.state.outcomes.append(Outcome(error=("INVALID_USAGE", "No such network.")))
    with pytest.raises(ActionError, match=r"failed: No such network. \(INVALID_USAGE\)") as failed:
        await advertise(world)
    assert not isinstance(failed.value, OutcomeUnknownError)


async def test_an_operation_that_never_ends_has_an_unknown_outcome(world: World) -> None:
    world.fake.state.operation_seconds = 1e9
    with pytest.raises(OutcomeUnknownError, match="was not done in 120 s, and may still be"):
        await advertise(world)


async def test_an_operation_that_cannot_be_polled_has_an_unknown_outcome(world: World) -> None:
    world.fake.state.operation_seconds = 10.0
    world.fake.troubles.append(Trouble("GET .*/operations/", times=None, status=404, body={}))
    with pytest.raises(OutcomeUnknownError, match="what became of it cannot be read"):
        await advertise(world)


async def test_a_yes_without_an_effect_is_found_by_reading_again(world: World) -> None:
    world.fake.state.outcomes.append(Outcome(effect="none"))
    with pytest.raises(ActionError, match="somebody else changes it too"):
        await advertise(world)


async def test_a_write_whose_answer_is_lost_is_sent_once_and_its_outcome_unknown(
    world: World,
) -> None:
    world.fake.troubles.append(Trouble("^PATCH", silent=True))
    with pytest.raises(OutcomeUnknownError, match="whether it was done is not known"):
        await advertise(world)
    assert len(world.writes()) == 1
    # It was done.
    assert isinstance(await world.routers().verify(ADVERTISE_REMOTE), Done)


async def test_a_torn_answer_to_a_write_is_an_unknown_outcome(world: World) -> None:
    world.fake.troubles.append(Trouble("^PATCH", torn=True))
    with pytest.raises(OutcomeUnknownError):
        await advertise(world)
    assert len(world.writes()) == 1


async def test_the_same_request_id_again_makes_no_second_operation(world: World) -> None:
    world.fake.state.operation_seconds = 3.0
    world.fake.troubles.append(Trouble("^PATCH", silent=True))
    with pytest.raises(OutcomeUnknownError):
        await advertise(world)
    await advertise(world)
    assert len(world.fake.state.operations) == 1
    assert world.remote.announced == {str(PREFIX)}


async def test_a_router_that_is_being_changed_is_read_again_and_then_written(world: World) -> None:
    world.fake.state.operation_seconds = 3.0
    others = {"bgp": custom("198.51.100.0/24")}
    world.fake.state.patch(REMOTE, others, "6f0d4a2e-0000-4000-8000-00000000000f")
    await advertise(world)
    assert world.remote.announced == {"198.51.100.0/24", str(PREFIX)}
    assert len(world.writes()) > 1


async def test_a_router_that_is_never_ready_is_given_up(world: World) -> None:
    complaint = {"error": {"message": "resourceNotReady"}}
    world.fake.troubles.append(Trouble("^PATCH", times=None, status=400, body=complaint))
    with pytest.raises(ActionError, match="resourceNotReady") as failed:
        await advertise(world)
    assert not isinstance(failed.value, OutcomeUnknownError)
    assert 30 <= sum(world.clock.slept) < 60


async def test_two_changes_of_one_router_at_once_do_not_undo_each_other(world: World) -> None:
    world.fake.state.operation_seconds = 1.0
    routers = world.routers()
    await asyncio.gather(
        routers.apply(WITHDRAW_LOCAL, request_id=REQUEST_ID),
        routers.apply(ADVERTISE_LOCAL, request_id=REQUEST_ID.replace("1", "2")),
    )
    answers = [asked.split()[0] for asked in world.fake.asked if "/routers/rt-east" in asked]
    # The second reads only when the first has read back.
    assert answers == ["GET", "PATCH", "GET", "GET", "PATCH", "GET"]
    assert world.local.announced == {str(PREFIX)}


async def test_a_peer_with_a_list_of_its_own_has_that_list_changed(world: World) -> None:
    peers = [peer("peer-a", **custom("198.51.100.0/24")), peer("peer-b", 2)]
    world.fake.state.add_router(REMOTE, {"bgpPeers": peers})
    await advertise(world)
    after = world.remote.resource["bgpPeers"]
    assert [one["name"] for one in after] == ["peer-a", "peer-b"]
    assert after[1] == peer("peer-b", 2)
    found = await world.routers().verify(ADVERTISE_REMOTE)
    assert isinstance(found, Done)
    assert found.evidence["seen"] == {"peer-a": True, "peer-b": True}


async def test_half_of_a_change_is_not_done(world: World) -> None:
    peers = [peer("peer-a", **custom()), peer("peer-b", 2)]
    world.fake.state.add_router(REMOTE, {"bgpPeers": peers})
    world.fake.state.outcomes.append(Outcome(effect="partial"))
    with pytest.raises(ActionError, match="is not as it was told"):
        await advertise(world)
    found = await world.routers().verify(ADVERTISE_REMOTE)
    assert isinstance(found, NotDone)
    assert found.evidence["seen"] == {"peer-a": False, "peer-b": True}
    assert (await world.routers().announcing()).advertised[Site.REMOTE] is None


async def test_what_no_session_announces_is_not_announced_however_it_is_told(world: World) -> None:
    await advertise(world)
    await world.fake.state.set_session(REMOTE, "peer-a", Session("DOWN", "Idle"))
    found = await world.routers().verify(ADVERTISE_REMOTE)
    assert isinstance(found, NotDone)
    assert "announced to nobody, since no BGP session is up" in found.detail


async def test_one_session_down_does_not_undo_what_the_others_announce(world: World) -> None:
    world.fake.state.add_router(REMOTE, {"bgpPeers": [peer("peer-a"), peer("peer-b", 2)]})
    await advertise(world)
    await world.fake.state.set_session(REMOTE, "peer-a", Session("DOWN", "Idle"))
    assert isinstance(await world.routers().verify(ADVERTISE_REMOTE), Done)


async def test_a_preview_has_the_exact_request_and_changes_nothing(world: World) -> None:
    [request] = await world.routers().preview(ADVERTISE_REMOTE)
    assert (request.method, request.url) == ("PATCH", f"{ROUTER_URL}?requestId=REQUEST_ID")
    assert request.body == {
        "bgp": {
            "advertiseMode": "CUSTOM",
            "advertisedGroups": ["ALL_SUBNETS"],
            "advertisedIpRanges": [{"range": "203.0.113.0/24", "description": "fo:gen=42"}],
        }
    }
    assert [asked.split()[0] for asked in world.fake.asked] == ["GET"]


async def test_what_is_so_already_has_no_requests(world: World) -> None:
    assert await world.routers().preview(ADVERTISE_LOCAL) == []
    assert await world.routers().rehearse(ADVERTISE_LOCAL) == Rehearsal([])


async def test_who_does_not_act_can_preview_what_another_generation_announced(
    world: World,
) -> None:
    await advertise(world)
    follower = world.routers(generation=lambda: 0)
    withdrawal = Step(StepKind.WITHDRAW, Site.REMOTE)
    assert len(await follower.preview(withdrawal)) == 1
    assert len((await follower.rehearse(withdrawal)).requests) == 1
    with pytest.raises(ActionError, match="another controller has taken over"):
        await follower.apply(withdrawal, request_id=REQUEST_ID.replace("1", "2"))
    assert len(world.writes()) == 1


async def test_a_rehearsal_is_a_preview_that_gcp_has_seen_and_changes_nothing(
    world: World,
) -> None:
    rehearsed = await world.routers().rehearse(ADVERTISE_REMOTE)
    assert any(asked.endswith("rt-west/preview") for asked in world.fake.asked)
    assert rehearsed.requests == await world.routers().preview(ADVERTISE_REMOTE)
    assert rehearsed.asked is not None
    assert rehearsed.asked.method == "POST"
    assert rehearsed.asked.url.endswith("/regions/us-west1/routers/rt-west/preview")
    assert isinstance(rehearsed.said, dict)
    assert rehearsed.said["bgp"] == rehearsed.asked.body["bgp"]  # type: ignore[index]  # JSON
    assert world.writes() == []


@pytest.mark.parametrize(
    ("would_be", "complaint"),
    [
        ({}, "would not be as it would be told to be"),
        ({"bgp": custom(str(PREFIX), groups=())}, "would also change ALL_SUBNETS"),
        ({"bgpPeers": []}, "add or delete BGP peers"),
    ],
)
async def test_a_rehearsal_that_ends_elsewhere_is_refused(
    world: World, would_be: dict[str, object], complaint: str
) -> None:
    body = {"resource": {**world.remote.resource, **would_be}}
    world.fake.troubles.append(Trouble("/preview", status=200, body=body))
    with pytest.raises(ActionError, match=complaint):
        await world.routers().rehearse(ADVERTISE_REMOTE)


async def test_the_posture_is_what_each_router_is_told(world: World) -> None:
    found = await world.routers().announcing()
    assert found.advertised == {Site.LOCAL: True, Site.REMOTE: False}


async def test_a_router_that_cannot_be_read_has_no_posture_and_the_other_has(world: World) -> None:
    world.fake.troubles.append(Trouble("rt-east", times=None, status=503, body={}))
    found = await world.routers().announcing()
    assert found.advertised == {Site.LOCAL: None, Site.REMOTE: False}
    assert "GCP routers.get of rt-east failed with status 503" in found.detail


async def test_a_step_that_is_no_router_s_is_refused(world: World) -> None:
    with pytest.raises(ActionError, match="no part in a step prefer"):
        await world.routers().apply(Step(StepKind.PREFER, Site.LOCAL), request_id=REQUEST_ID)


def test_two_sites_cannot_share_a_router(world: World) -> None:
    one = SiteRouter(RouterName(*LOCAL), PREFIX)
    with pytest.raises(ConfigurationError, match="are the same router"):
        CloudRouters(world.gcp.compute, {Site.LOCAL: one, Site.REMOTE: one}, generation=lambda: 1)


async def test_each_request_is_recorded_with_the_operation_it_made(world: World) -> None:
    records: list[Exchange] = []
    with recording(records.append):
        await advertise(world)
    [write] = [record for record in records if record.call.writes]
    assert write.as_row() | {"at": None} == {
        "provider": "GCP",
        "what": "routers.patch of rt-west",
        "method": "PATCH",
        "url": f"{ROUTER_URL}?requestId={REQUEST_ID}",
        "body": write.call.body,
        "at": None,
        "seconds": 0.0,
        "status": 200,
        "ids": {"operation": "operation-1", "request": REQUEST_ID},
        "error": None,
        "answer": write.answer,
        "writes": True,
        "is_in_doubt": False,
    }
