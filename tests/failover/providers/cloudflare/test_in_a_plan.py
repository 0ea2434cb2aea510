"""The executor with this actuator: what a plan comes to, whatever Cloudflare does."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from services.failover.acting.actuator import Done
from services.failover.acting.executor import Executor, Timing
from services.failover.acting.journal import PlanState
from services.failover.acting.memory import MemoryJournal
from services.failover.policy.model import Plan, Step, StepKind
from tests.failover.providers.cloudflare.harness import (
    LOCAL,
    NEXT_HOP,
    PREFIX,
    REMOTE,
    Clock,
    actuator_of,
    cloudflare,
)
from tests.fakes.cloudflare import FakeCloudflare, Fault, Kind
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from services.failover.acting.actuator import NotDone, Request
    from services.failover.acting.journal import PlanRecord
    from services.failover.providers.cloudflare.actuator import CloudflareActuator

THERE, NOT_THERE = {NEXT_HOP[REMOTE]: 1.0}, {NEXT_HOP[LOCAL]: 1.0}


class Nobody:
    """Confirms nothing, as no step here asks it to."""

    async def confirm(self, step: Step, *, since: object) -> Done | NotDone:
        raise AssertionError(step)


class Announced:
    """A site's router that announces, and to which nothing else is ever said."""

    async def preview(self, step: Step) -> list[Request]:
        raise AssertionError(step)

    async def rehearse(self, step: Step) -> None:
        raise AssertionError(step)

    async def apply(self, step: Step, *, request_id: str) -> None:
        raise AssertionError(step, request_id)

    async def verify(self, step: Step) -> Done | NotDone:
        assert step.kind is StepKind.ADVERTISE
        return Done({})

    async def pending(self, step: Step, _earlier: object) -> str | None:
        assert step.kind is StepKind.WITHDRAW
        return None


async def carried_out(
    actuator: CloudflareActuator, clock: Clock, diff: object = None
) -> PlanRecord:
    """A plan that only prefers the remote site."""

    async def sleep(seconds: float) -> None:
        clock.seconds += seconds

    numbers = itertools.count(1)
    executor = Executor(
        MemoryJournal(clock.now),
        {StepKind.PREFER: actuator, StepKind.ADVERTISE: Announced()},
        Nobody(),
        timing=Timing({StepKind.PREFER: 30.0}, poll=1.0, plan=600.0),
        clock=clock,
        sleep=sleep,
        new_id=lambda: str(next(numbers)),
        may_go_on=lambda: True,
    )
    change = {"preferred": {"before": "local", "after": "remote"}, "seen": diff}
    step = Step(StepKind.PREFER, REMOTE, change)
    return await executor.carry_out(Plan(REMOTE, (step,), "a test"))


def puts(fake: FakeCloudflare) -> int:
    """Bulk updates that arrived."""
    return sum(sent.method == "PUT" for sent in fake.requests)


async def test_a_plan_is_one_bulk_update(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    ended = await carried_out(actuator, clock)
    assert (ended.state, fake.traffic(PREFIX), puts(fake)) == (PlanState.DONE, THERE, 1)


@pytest.mark.parametrize(("trouble", "arrived"), [("silent", 1), ("lost", 1), ("torn", 1)])
async def test_a_write_whose_answer_is_lost_is_looked_up_and_not_repeated_blindly(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock, trouble: str, arrived: int
) -> None:
    fake.troubles[:] = [Trouble("^PUT", **{trouble: True})]
    ended = await carried_out(actuator, clock)
    assert (ended.state, fake.traffic(PREFIX), puts(fake)) == (PlanState.DONE, THERE, arrived)


@pytest.mark.parametrize(
    ("landing", "state"), [(30.0, PlanState.UNDONE), (600.0, PlanState.RESTING)]
)
async def test_an_update_that_is_on_its_way_is_waited_out_before_it_is_held_to_be_undone(
    fake: FakeCloudflare, clock: Clock, landing: float, state: PlanState
) -> None:
    fake.troubles[:] = [Trouble("^PUT", times=None, astray=True)]
    async with actuator_of(fake, clock, landing=landing) as actuator:
        ended = await carried_out(actuator, clock)
    assert (ended.state, fake.traffic(PREFIX)) == (state, NOT_THERE)
    rests = "prefer local would not last: a request for prefer remote of an earlier step"
    assert (rests in str(ended.detail)) is (state is PlanState.RESTING)
    assert clock.seconds >= 60.0


async def test_half_an_update_is_made_whole(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    fake.faults = [Fault(Kind.PARTIAL, rows=1)]
    ended = await carried_out(actuator, clock)
    assert (ended.state, fake.traffic(PREFIX), puts(fake)) == (PlanState.DONE, THERE, 2)


async def test_half_an_update_that_cannot_be_made_whole_is_taken_back(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    fake.faults = [Fault(Kind.PARTIAL, rows=1), Fault(Kind.PARTIAL, rows=0, times=2)]
    ended = await carried_out(actuator, clock)
    assert (ended.state, fake.traffic(PREFIX)) == (PlanState.UNDONE, NOT_THERE)


@pytest.mark.parametrize("health", ["degraded", "down"])
async def test_a_site_whose_tunnels_are_penalised_is_refused_at_once_and_all_is_as_before(
    clock: Clock, health: str
) -> None:
    fake = cloudflare(clock, shows_penalties=True)
    fake.tunnels = {NEXT_HOP[REMOTE]: health}
    async with actuator_of(fake, clock) as actuator:
        ended = await carried_out(actuator, clock)
    assert (ended.state, puts(fake), clock.seconds) == (PlanState.UNDONE, 0, 0.0)
    assert f"for {health}" in str(ended.detail)


async def test_a_change_of_somebody_else_since_the_plan_ends_it_at_once(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    seen = (await actuator.preference()).facts
    clock.seconds = 5.0
    fake.edit(next(iter(fake.routes)), weight=50)
    ended = await carried_out(actuator, clock, seen)
    assert (ended.state, puts(fake), clock.seconds) == (PlanState.UNDONE, 0, 5.0)
    assert "somebody else changed routes since the plan" in str(ended.detail)


async def test_a_block_of_five_minutes_fails_the_step_and_says_so(
    fake: FakeCloudflare, actuator: CloudflareActuator, clock: Clock
) -> None:
    fake.troubles[:] = [Trouble("^PUT", status=429, headers={"retry-after": "300"})]
    ended = await carried_out(actuator, clock)
    assert (ended.state, fake.traffic(PREFIX)) == (PlanState.RESTING, NOT_THERE)
    assert "refuses all calls of this token" in str(ended.detail)
