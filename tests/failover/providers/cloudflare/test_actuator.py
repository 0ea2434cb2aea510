"""One bulk update, checked before and after, whatever Cloudflare does with it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from services.failover.acting.actuator import (
    ActionError,
    Done,
    NotDone,
    OutcomeUnknownError,
    Rehearsal,
    Request,
)
from services.failover.policy.model import Posture, Step, StepKind
from services.failover.policy.plan import switch
from services.failover.providers.cloudflare.budget import HeldBackError
from services.failover.providers.cloudflare.client import ORIGIN
from services.failover.providers.cloudflare.selection import SelectionError
from tests.failover.providers.cloudflare.harness import (
    LOCAL,
    NEXT_HOP,
    PREFIX,
    REMOTE,
    TO_LOCAL,
    TO_REMOTE,
    Clock,
    actuator_of,
    cloudflare,
)
from tests.fakes.cloudflare import ACCOUNT, FakeCloudflare, Fault, Kind
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from services.failover.providers.cloudflare.actuator import CloudflareActuator

ALL_LOCAL = {NEXT_HOP[LOCAL]: 1.0}
ALL_REMOTE = {NEXT_HOP[REMOTE]: 1.0}


def writes(fake: FakeCloudflare) -> list[Any]:
    """The rows of each bulk update that arrived."""
    return [json.loads(sent.body)["routes"] for sent in fake.requests if sent.method == "PUT"]


async def planned(actuator: CloudflareActuator, clock: Clock) -> Step:
    """The PREFER step of a plan that is made now."""
    seen = await actuator.preference()
    posture = Posture(
        clock.now(), {LOCAL: True, REMOTE: False}, seen.preferred, facts={"cloudflare": seen.facts}
    )
    steps = switch(posture, REMOTE, reason="a test").steps
    return next(step for step in steps if step.kind is StepKind.PREFER)


async def test_both_groups_change_in_one_request_and_traffic_moves_at_once(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    assert fake.traffic(PREFIX) == ALL_LOCAL
    await actuator.apply(TO_REMOTE, request_id="1")
    assert [len(rows) for rows in writes(fake)] == [2]
    assert [traffic[PREFIX] for traffic in fake.history] == [ALL_REMOTE]
    assert isinstance(await actuator.verify(TO_REMOTE), Done)


async def test_nothing_but_the_priority_of_our_routes_changes(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    before = {key: dict(row) for key, row in fake.routes.items()}
    clock.seconds = 60
    await actuator.apply(TO_REMOTE, request_id="1")
    for key, row in fake.routes.items():
        changed = {name for name in row if row[name] != before[key][name]}
        assert changed == ({"priority", "modified_on"} if row["description"] else set())


async def test_what_is_done_already_is_not_sent(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    assert await actuator.preview(TO_LOCAL) == []
    await actuator.apply(TO_LOCAL, request_id="1")
    await actuator.apply(TO_REMOTE, request_id="2")
    await actuator.apply(TO_REMOTE, request_id="2")
    assert len(writes(fake)) == 1


async def test_a_preview_is_the_request_that_is_sent_afterwards(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    (request,) = await actuator.preview(TO_REMOTE)
    assert (request.method, request.url) == (
        "PUT",
        f"{ORIGIN}/client/v4/accounts/{ACCOUNT}/magic/routes",
    )
    assert writes(fake) == []
    await actuator.apply(TO_REMOTE, request_id="1")
    assert request.body == {"routes": writes(fake)[0]}


async def test_a_rehearsal_is_validated_by_cloudflare_and_changes_nothing(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    before = {key: dict(row) for key, row in fake.routes.items()}
    rehearsed = await actuator.rehearse(TO_REMOTE)
    (request,) = rehearsed.requests
    assert [request] == await actuator.preview(TO_REMOTE)
    asked = Request("PUT", f"{request.url}?validate_only=true", request.body)
    assert (rehearsed.asked, rehearsed.said) == (asked, {"modified": False, "modified_routes": []})
    assert [sent.query for sent in fake.requests if sent.method == "PUT"] == ["validate_only=true"]
    assert fake.routes == before
    assert await actuator.rehearse(TO_LOCAL) == Rehearsal([])


async def test_a_rehearsal_fails_where_the_token_may_not_write(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.token.may = frozenset({"read"})
    with pytest.raises(ActionError, match="validation of a bulk update failed with status 403"):
        await actuator.rehearse(TO_REMOTE)


async def test_only_the_rows_that_a_partial_update_left_out_are_sent_again(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.faults = [Fault(Kind.PARTIAL, rows=1)]
    with capture_logs() as logs:
        await actuator.apply(TO_REMOTE, request_id="1")
    first, second = writes(fake)
    assert (len(first), second) == (2, first[1:])
    assert fake.traffic(PREFIX) == ALL_REMOTE
    assert [log["event"] for log in logs] == ["bulk update of routes was partial"]


async def test_an_update_that_stays_partial_is_an_error_that_names_the_routes(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.faults = [Fault(Kind.PARTIAL, rows=1), Fault(Kind.PARTIAL, rows=0, times=9)]
    left = list(fake.routes)[1]
    with pytest.raises(ActionError, match=f"yes 3 times.*{left}$"):
        await actuator.apply(TO_REMOTE, request_id="1")
    assert isinstance(await actuator.verify(TO_REMOTE), NotDone)


async def test_a_yes_without_an_effect_is_not_believed(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.faults = [Fault(Kind.PARTIAL, rows=0, times=9)]
    with pytest.raises(ActionError, match="still have their old priority"):
        await actuator.apply(TO_REMOTE, request_id="1")
    assert fake.traffic(PREFIX) == ALL_LOCAL


async def test_a_yes_without_a_result_is_enough_since_the_routes_are_read_again(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.faults = [Fault(Kind.NULL)]
    await actuator.apply(TO_REMOTE, request_id="1")
    assert fake.traffic(PREFIX) == ALL_REMOTE


async def test_a_timeout_after_the_effect_is_unknown_and_then_found_done(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.troubles[:] = [Trouble("^PUT", silent=True)]
    with pytest.raises(OutcomeUnknownError):
        await actuator.apply(TO_REMOTE, request_id="1")
    assert isinstance(await actuator.verify(TO_REMOTE), Done)
    await actuator.apply(TO_REMOTE, request_id="1")
    assert len(writes(fake)) == 1


async def test_a_timeout_before_the_effect_is_unknown_and_then_found_not_done(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    step = await planned(actuator, clock)
    fake.troubles[:] = [Trouble("^PUT", lost=True)]
    with pytest.raises(OutcomeUnknownError):
        await actuator.apply(step, request_id="1")
    found = await actuator.verify(step)
    assert isinstance(found, NotDone)
    assert "not as they should be" in found.detail
    await actuator.apply(step, request_id="1")
    assert fake.traffic(PREFIX) == ALL_REMOTE


async def test_a_refusal_with_status_200_is_an_error_and_nothing_changes(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.faults = [Fault(Kind.REFUSED, code=1020, message="no such thing")]
    with pytest.raises(ActionError, match="1020: no such thing"):
        await actuator.apply(TO_REMOTE, request_id="1")
    assert fake.traffic(PREFIX) == ALL_LOCAL


async def test_a_route_that_somebody_changed_since_the_plan_stops_it(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    step = await planned(actuator, clock)
    clock.seconds = 5
    fake.edit(next(iter(fake.routes)), weight=50)
    with pytest.raises(ActionError, match=r"since the plan was made \(changed: .*10\.0\.0\.1"):
        await actuator.apply(step, request_id="1")
    assert writes(fake) == []


async def test_a_route_that_came_or_went_since_the_plan_stops_it(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    step = await planned(actuator, clock)
    fake.add("192.0.2.0/24", NEXT_HOP[LOCAL], 100, description="edge-new")
    with pytest.raises(ActionError, match=r"added: 192\.0\.2\.0/24 via 10\.0\.0\.1 \(edge-new\)"):
        await actuator.apply(step, request_id="1")
    fake.add("192.0.2.0/24", NEXT_HOP[REMOTE], 200, description="edge-new")
    step = await planned(actuator, clock)
    del fake.routes[list(fake.routes)[-1]]
    with pytest.raises(ActionError, match="gone: 0"):
        await actuator.apply(step, request_id="1")
    assert writes(fake) == []


async def test_a_plan_survives_the_journal(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    step = await planned(actuator, clock)
    step = Step(step.kind, step.site, json.loads(json.dumps(step.diff)))
    await actuator.apply(step, request_id="1")
    assert fake.traffic(PREFIX) == ALL_REMOTE
    clock.seconds = 5
    fake.edit(next(iter(fake.routes)), priority=150)
    with pytest.raises(ActionError, match="since the plan"):
        await actuator.apply(step, request_id="1")


async def test_an_interrupted_step_goes_on_although_it_has_changed_rows_itself(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    step = await planned(actuator, clock)
    clock.seconds = 5
    fake.edit(next(iter(fake.routes)), priority=200)
    await actuator.apply(step, request_id="1")
    assert [[row["priority"] for row in rows] for rows in writes(fake)] == [[100]]


async def test_another_field_that_changes_meanwhile_is_told_and_the_preference_stays(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    first = next(iter(fake.routes))
    fake.after_write = lambda: fake.edit(first, weight=1)
    with capture_logs() as logs:
        await actuator.apply(TO_REMOTE, request_id="1")
    assert [(log["route"], log["fields"]) for log in logs] == [(first, ["weight"])]


async def test_a_route_that_is_gone_after_the_update_is_an_error(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    second = list(fake.routes)[1]
    fake.add(PREFIX, NEXT_HOP[REMOTE], 200, description="edge-more")
    fake.after_write = lambda: fake.edit(second, description="renamed")
    with pytest.raises(ActionError, match=f"{second} is gone, or no longer ours"):
        await actuator.apply(TO_REMOTE, request_id="1")


@pytest.mark.parametrize(("health", "added"), [("degraded", "500,000"), ("down", "1,000,000")])
async def test_a_site_whose_tunnels_are_penalised_is_not_preferred_in_vain(
    clock: Clock, health: str, added: str
) -> None:
    fake = cloudflare(clock, shows_penalties=True)
    fake.tunnels = {NEXT_HOP[REMOTE]: health}
    async with actuator_of(fake, clock) as actuator:
        with pytest.raises(ActionError, match=f"remote site for {health} and adds {added}"):
            await actuator.apply(TO_REMOTE, request_id="1")
        assert writes(fake) == []


async def test_a_preference_that_penalties_outweigh_is_not_done(clock: Clock) -> None:
    fake = cloudflare(clock, shows_penalties=True)
    async with actuator_of(fake, clock) as actuator:
        await actuator.apply(TO_REMOTE, request_id="1")
        fake.tunnels = {NEXT_HOP[REMOTE]: "down"}
        found = await actuator.verify(TO_REMOTE)
        assert isinstance(found, NotDone)
        assert "would change nothing" in found.detail
        assert await actuator.preview(TO_REMOTE) == [], "their penalty is not ours to write over"


async def test_the_penalty_of_the_old_site_does_not_get_into_what_is_written(clock: Clock) -> None:
    fake = cloudflare(clock, shows_penalties=True)
    fake.tunnels = {NEXT_HOP[LOCAL]: "down"}
    async with actuator_of(fake, clock) as actuator:
        await actuator.apply(TO_REMOTE, request_id="1")
        assert sorted(row["priority"] for row in writes(fake)[0]) == [100, 200]
        assert isinstance(await actuator.verify(TO_REMOTE), Done)


@pytest.mark.parametrize(
    ("local", "remote", "preferred"), [(100, 200, LOCAL), (200, 100, REMOTE), (100, 100, None)]
)
async def test_the_preference_is_read_and_a_tie_is_none(
    fake: FakeCloudflare, actuator: CloudflareActuator, local: int, remote: int, preferred: Any
) -> None:
    for identifier, priority in zip(list(fake.routes)[:2], (local, remote), strict=True):
        fake.edit(identifier, priority=priority)
    found = await actuator.preference()
    assert (found.preferred, found.matched) == (preferred, 2)
    is_shared = len(fake.traffic(PREFIX)) == 2
    assert is_shared is (preferred is None), "Cloudflare shares the traffic of a tie"


async def test_a_selector_that_finds_the_wrong_routes_prefers_none_and_says_why(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.add(PREFIX, "10.9.9.9", 100, description="edge-third")
    found = await actuator.preference()
    assert (found.preferred, found.matched) == (None, 3)
    assert "neither PRIMARY_INTERNAL_IP nor SECONDARY_INTERNAL_IP" in found.detail
    with pytest.raises(SelectionError):
        await actuator.apply(TO_REMOTE, request_id="1")
    assert writes(fake) == []


async def test_a_preference_that_cannot_be_read_is_an_error(
    fake: FakeCloudflare, actuator: CloudflareActuator
) -> None:
    fake.faults = [Fault(Kind.NULL, on="read")]
    with pytest.raises(ActionError, match="list of routes has none in it"):
        await actuator.preference()


async def test_a_step_of_another_provider_is_refused(actuator: CloudflareActuator) -> None:
    with pytest.raises(ValueError, match="no part in withdraw"):
        await actuator.apply(Step(StepKind.WITHDRAW, LOCAL), request_id="1")


TROUBLES = [
    *(Trouble("magic", **{what: True}) for what in ("lost", "silent", "torn")),
    Trouble("magic", status=503),
]


@pytest.mark.parametrize("verb", ["GET", "PUT"])
@pytest.mark.parametrize("trouble", [*Kind, *TROUBLES], ids=str)
async def test_whatever_happens_nothing_is_ever_deleted_and_a_second_try_sets_it_right(
    fake: FakeCloudflare, actuator: CloudflareActuator, trouble: Kind | Trouble, verb: str
) -> None:
    if isinstance(trouble, Trouble):
        fake.troubles[:] = [replace(trouble, match=f"^{verb}")]
    else:
        fake.faults = [Fault(trouble, on="read" if verb == "GET" else "write", rows=1)]
    with suppress(ActionError):
        await actuator.apply(TO_REMOTE, request_id="1")
    await actuator.apply(TO_REMOTE, request_id="1")
    assert isinstance(await actuator.verify(TO_REMOTE), Done)
    assert {sent.method for sent in fake.requests} == {"GET", "PUT"}
    assert len(fake.routes) == 3


async def test_watching_as_fast_as_can_be_never_leads_to_a_block_and_acting_still_works(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    looks = 0
    for _ in range(1_200):
        clock.seconds += 0.25
        with suppress(HeldBackError):
            await actuator.preference()
            looks += 1
    assert looks == len(fake.requests) < 1_200
    for step in (TO_REMOTE, TO_LOCAL) * 10:
        await actuator.apply(step, request_id="1")
        assert isinstance(await actuator.verify(step), Done)
    assert fake.blocks == 0
