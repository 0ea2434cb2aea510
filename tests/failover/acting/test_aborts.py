"""A plan that somebody wants to be stopped, wherever it is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from services.failover.acting.actuator import ActionError
from services.failover.acting.journal import PlanRecord, PlanState
from services.failover.policy.model import Site, StepKind
from services.failover.policy.plan import switch
from services.failover.providers.faults import CallError, Fault
from tests.failover.acting.world import TIMING, Crash, Provider, World, run

if TYPE_CHECKING:
    from services.failover.acting.actuator import Request
    from services.failover.policy.model import Step

REMOTE = Site.REMOTE
BEFORE = {Site.LOCAL: True, REMOTE: False}
AFTER = {Site.LOCAL: False, REMOTE: True}
SAID = "ada aborted it: the wrong site"


def aborted(world: World, at: int) -> PlanRecord:
    """A switch that somebody wants to be stopped when it has come to its n-th point."""
    points = itertools.count()

    def here() -> None:
        assert any(world.advertised.values())
        if next(points) >= at:
            world.journal.aborts.update(dict.fromkeys(world.journal.plans, SAID))

    world.points.here = here  # type: ignore[method-assign]  # a fake of this test
    plan = switch(world.posture(), REMOTE, reason="a test")
    return run(world.executor().carry_out(plan))


def test_wherever_it_is_all_is_as_before_or_as_it_was_to_be() -> None:
    ends = []
    for at in itertools.count():
        world = World()
        record = aborted(world, at)
        ends.append(record.state)
        is_done = record.state is PlanState.DONE
        assert world.advertised == (AFTER if is_done else BEFORE)
        assert world.preferred is (REMOTE if is_done else Site.LOCAL)
        assert (record.alarm, is_done) in {(None, True), ("aborted", False)}
        if not is_done:
            assert record.detail is not None
            assert SAID in record.detail
            assert record.detail.startswith("stopped at ")
            assert record.detail.endswith("; all is as before")
        if is_done and not world.journal.aborts:
            break
    # Once the old site was told to withdraw, the plan goes on.
    assert ends == sorted(ends, key=lambda state: state is PlanState.DONE)
    assert ends.count(PlanState.UNDONE) > 10
    assert ends.count(PlanState.DONE) > 5


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (StepKind.CONFIRM_SEEN, "confirm_seen remote"),
        (StepKind.PREFER, "prefer remote"),
        (StepKind.WITHDRAW, "withdraw local"),
    ],
)
def test_a_plan_that_waits_is_stopped_while_it_waits(kind: StepKind, what: str) -> None:
    world = World(is_bmp_deaf=kind is StepKind.CONFIRM_SEEN)
    busy = CallError("GCP", "routers.get", Fault.BUSY, "too many requests")
    provider = _Unprepared(world, kind, busy, times=1000)

    async def and_then(seconds: float) -> None:
        await world.clock.sleep(seconds)
        world.journal.aborts.update(dict.fromkeys(world.journal.plans, SAID))

    executor = world.executor(provider=provider, sleep=and_then)
    record = run(executor.carry_out(switch(world.posture(), REMOTE, reason="a test")))
    assert record.detail == f"stopped at {what}: {SAID}; all is as before"
    assert (world.advertised, world.preferred) == (BEFORE, Site.LOCAL)
    assert world.clock.seconds == TIMING.poll


def test_a_crash_after_somebody_said_so_changes_nothing() -> None:
    for crash in itertools.count(1):
        world = World()
        plan = switch(world.posture(), REMOTE, reason="a test")
        world.points.crash_after = crash
        try:
            run(world.executor().carry_out(plan))
        except Crash:
            pass
        else:
            break
        world.points.crash_after = None
        was_told = any(
            one.step.kind is StepKind.WITHDRAW and one.request_id
            for record in world.journal.plans.values()
            for one in record.steps
        )
        world.journal.aborts.update(dict.fromkeys(world.journal.plans, SAID))
        resumed = run(world.executor().resume())
        if resumed is None:
            continue
        expected = PlanState.DONE if was_told else PlanState.UNDONE
        assert resumed.state is expected
        assert world.advertised == (AFTER if was_told else BEFORE)


class _Unprepared(Provider):
    """Whose requests cannot be told."""

    def __init__(self, world: World, kind: StepKind, error: ActionError, times: int) -> None:
        super().__init__(world)
        site = Site.LOCAL if kind is StepKind.WITHDRAW else REMOTE
        self._where, self._error, self._times = (kind, site), error, times

    async def preview(self, step: Step) -> list[Request]:
        if (step.kind, step.site) == self._where and self._times:
            self._times -= 1
            raise self._error
        return await super().preview(step)


def prefers(world: World, error: ActionError, times: int) -> PlanRecord:
    executor = world.executor(provider=_Unprepared(world, StepKind.PREFER, error, times))
    return run(executor.carry_out(switch(world.posture(), REMOTE, reason="a test")))


@pytest.mark.parametrize(
    "error",
    [
        ActionError("the selector matches nothing"),
        CallError("Cloudflare", "list of routes", Fault.REFUSED, "no such account"),
        CallError("Cloudflare", "list of routes", Fault.UNAUTHENTICATED, "a bad token"),
    ],
)
def test_what_cannot_be_prepared_and_never_will_fails_at_once(error: ActionError) -> None:
    world = World()
    record = prefers(world, error, times=1000)
    assert (record.state, world.advertised) == (PlanState.UNDONE, BEFORE)
    assert record.detail == f"prefer remote failed: {error}; all is as before"
    assert world.clock.seconds == 0


def test_what_cannot_be_prepared_now_may_be_later() -> None:
    world = World()
    busy = CallError("Cloudflare", "list of routes", Fault.BUSY, "too many requests")
    record = prefers(world, busy, times=2)
    assert (record.state, world.advertised) == (PlanState.DONE, AFTER)
    assert world.clock.seconds == 2 * TIMING.poll
