"""What any journal of plans does, in memory or in PostgreSQL."""

from __future__ import annotations

import pytest

from services.failover.acting.actuator import Request
from services.failover.acting.journal import (
    Journal,
    LeaseLostError,
    PlanInFlightError,
    PlanRecord,
    PlanState,
    StepState,
)
from services.failover.policy.model import Plan, Site, Step, StepKind
from services.failover.policy.plan import switch
from tests.failover.acting.journals import Held, new_id
from tests.failover.policy.situations import posture

PLAN = switch(posture(), Site.REMOTE, reason="a test")
PATCH = Request("PATCH", "https://example.com/router", {"bgp": {"advertisedIpRanges": []}})


async def opened(journal: Journal, plan: Plan = PLAN) -> PlanRecord:
    return await journal.open(new_id(), plan, asked_by=None, decision_id=None)


async def test_a_plan_is_read_as_it_was_written(held: Held) -> None:
    record = await held.journal.open(new_id(), PLAN, asked_by="ada", decision_id=7)
    found = await held.journal.running()
    assert found is not None
    assert (found.plan_id, found.asked_by, found.decision_id) == (record.plan_id, "ada", 7)
    assert [one.step for one in found.steps] == list(PLAN.steps)
    assert {one.state for one in found.steps} == {StepState.PENDING}


async def test_there_is_never_a_second_plan_under_way(held: Held) -> None:
    first = await opened(held.journal)
    with pytest.raises(PlanInFlightError):
        await opened(held.journal)
    await held.journal.close(
        first.plan_id, PlanState.DONE, detail="", alarm=None, convergence_s=1.5
    )
    assert (await opened(held.journal)).state is PlanState.RUNNING


async def test_each_write_may_be_repeated(held: Held) -> None:
    plan_id = new_id()
    for _ in range(2):
        record = await held.journal.open(plan_id, PLAN, asked_by=None, decision_id=None)
    undo = Step(StepKind.WITHDRAW, Site.REMOTE)
    steps = [await held.journal.undo(plan_id, len(PLAN.steps), undo) for _ in range(2)]
    assert steps[0] == steps[1]
    found = await held.journal.running()
    assert found is not None
    assert len(found.steps) == len(record.steps) + 1
    assert [one.step for one in found.steps if one.is_undo] == [undo]


async def test_a_step_keeps_its_first_request_id_and_all_requests(held: Held) -> None:
    plan_id = (await opened(held.journal)).plan_id
    first = await held.journal.begin(plan_id, 0, "id-1", [PATCH])
    again = await held.journal.begin(plan_id, 0, "id-2", [PATCH])
    assert (first.state, again.request_id, again.begun_at) == (
        StepState.BEGUN,
        "id-1",
        first.begun_at,
    )
    assert again.requests == (PATCH, PATCH)


async def test_a_step_ends_with_its_evidence_after_it_began(held: Held) -> None:
    plan_id = (await opened(held.journal)).plan_id
    begun = await held.journal.begin(plan_id, 0, "id-1", [PATCH])
    evidence = {"routes": [{"prefix": "192.0.2.0/24"}]}
    ended = await held.journal.finish(plan_id, 0, StepState.FAILED, evidence, "it broke")
    assert begun.begun_at is not None
    assert ended.ended_at is not None
    assert ended.begun_at == begun.begun_at < ended.ended_at
    assert (ended.evidence, ended.detail) == (evidence, "it broke")


async def test_a_step_that_was_never_begun_begins_and_ends_at_once(held: Held) -> None:
    plan_id = (await opened(held.journal)).plan_id
    ended = await held.journal.finish(plan_id, 0, StepState.DONE, {})
    assert ended.begun_at == ended.ended_at
    assert ended.request_id is None


async def test_what_was_heard_is_kept_beside_the_evidence(held: Held) -> None:
    plan_id = (await opened(held.journal)).plan_id
    await held.journal.begin(plan_id, 0, "id-1", [PATCH])
    for status in (503, 200):
        await held.journal.heard(plan_id, 0, [{"status": status}])
    ended = await held.journal.finish(plan_id, 0, StepState.DONE, {"seen": "yes"})
    assert ended.exchanges == ({"status": 503}, {"status": 200})
    assert ended.evidence == {"seen": "yes"}
    found = await held.journal.running()
    assert found is not None
    assert found.steps[0] == ended


async def test_a_plan_that_has_ended_is_not_under_way(held: Held) -> None:
    plan_id = (await opened(held.journal)).plan_id
    ended = await held.journal.close(
        plan_id, PlanState.RESTING, detail="it rests", alarm="step_failed", convergence_s=None
    )
    assert (ended.state, ended.detail, ended.alarm) == (
        PlanState.RESTING,
        "it rests",
        "step_failed",
    )
    assert ended.ended_at is not None
    assert await held.journal.running() is None


async def test_what_may_have_been_sent_is_found_by_its_kind_and_site_in_any_plan(
    held: Held,
) -> None:
    plan_id = (await opened(held.journal)).plan_id
    withdraw, advertise = PLAN.steps[3], PLAN.steps[0]
    assert await held.journal.sent(withdraw, within_s=3_600) == ()
    await held.journal.begin(plan_id, 3, "id-1", [PATCH])
    (under_way,) = await held.journal.sent(withdraw, within_s=3_600)
    assert (under_way.record.request_id, under_way.age_s) == ("id-1", 0.0)
    await held.journal.finish(plan_id, 3, StepState.FAILED, {}, "it failed")
    await held.journal.close(plan_id, PlanState.RESTING, detail="", alarm="a", convergence_s=None)
    (ended,) = await held.journal.sent(withdraw, within_s=3_600)
    assert ended.age_s > 0
    assert await held.journal.sent(advertise, within_s=3_600) == ()
    assert await held.journal.sent(withdraw, within_s=0.0) == ()


async def test_nothing_is_written_once_the_lease_is_anothers(held: Held) -> None:
    plan_id = (await opened(held.journal)).plan_id
    other = await held.take_over()
    mine = held.journal
    for write in (
        mine.begin(plan_id, 0, "id-1", [PATCH]),
        mine.heard(plan_id, 0, [{"status": 200}]),
        mine.finish(plan_id, 0, StepState.DONE, {}),
        mine.undo(plan_id, 9, Step(StepKind.WITHDRAW, Site.REMOTE)),
        mine.close(plan_id, PlanState.DONE, detail="", alarm=None, convergence_s=None),
        opened(mine),
    ):
        with pytest.raises(LeaseLostError):
            await write
    found = await other.running()
    assert found is not None
    assert {one.state for one in found.steps} == {StepState.PENDING}
    assert len(found.steps) == len(PLAN.steps)
    begun = await other.begin(plan_id, 0, "id-2", [PATCH])
    assert begun.request_id == "id-2"
