"""How a plan is carried out, when all goes well and when it does not."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from services.failover.acting.journal import (
    PlanInFlightError,
    PlanRecord,
    PlanState,
    StepState,
    StoppedError,
)
from services.failover.policy.model import Plan, Site, StepKind
from services.failover.policy.plan import switch
from tests.failover.acting.world import TIMING, Busy, Crash, Fault, World, run

REMOTE = Site.REMOTE
BOTH = {Site.LOCAL: True, Site.REMOTE: True}
BEFORE = {Site.LOCAL: True, Site.REMOTE: False}
AFTER = {Site.LOCAL: False, Site.REMOTE: True}


def plan(world: World, target: Site = REMOTE) -> Plan:
    return switch(world.posture(), target, reason="a test")


def switched(world: World, target: Site = REMOTE) -> PlanRecord:
    return run(world.executor().carry_out(plan(world, target)))


def test_a_switch_is_done_when_every_step_is_seen() -> None:
    world = World()
    record = switched(world)
    assert (record.state, record.alarm) == (PlanState.DONE, None)
    assert (world.advertised, world.preferred) == (AFTER, REMOTE)
    assert [one.step.kind for one in record.steps] == [
        StepKind.ADVERTISE,
        StepKind.CONFIRM_SEEN,
        StepKind.PREFER,
        StepKind.WITHDRAW,
        StepKind.CONFIRM_MOVED,
    ]
    assert [bool(one.request_id) for one in record.steps] == [True, False, True, True, False]
    assert all(one.begun_at and one.ended_at and one.evidence for one in record.steps)


def test_the_convergence_time_runs_from_the_first_request_to_the_last_look() -> None:
    world = World()
    world.faults[StepKind.WITHDRAW].append(Fault.UNREADABLE)
    record = switched(world)
    assert record.convergence_s == 3 * TIMING.poll


def test_what_is_so_already_is_not_asked_for() -> None:
    world = World(advertised=dict(AFTER))
    world.priority = {Site.LOCAL: 200, REMOTE: 100}
    record = switched(world)
    assert record.state is PlanState.DONE
    assert not world.sent
    assert record.convergence_s is None


@pytest.mark.parametrize("kind", [StepKind.ADVERTISE, StepKind.PREFER, StepKind.WITHDRAW])
@pytest.mark.parametrize("fault", [Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE, Fault.UNREADABLE])
def test_an_answer_that_did_not_come_is_looked_up(kind: StepKind, fault: Fault) -> None:
    world = World()
    world.faults[kind].append(fault)
    record = switched(world)
    assert record.state is PlanState.DONE
    assert (world.advertised, world.preferred) == (AFTER, REMOTE)
    (step,) = (one for one in record.steps if one.step.kind is kind)
    assert len(step.requests) == (2 if fault is Fault.TIMEOUT_BEFORE else 1)


def test_an_answer_that_never_comes_is_part_of_what_is_told() -> None:
    world = World()
    world.faults[StepKind.ADVERTISE] += [Fault.TIMEOUT_BEFORE] * 20
    record = switched(world)
    assert record.state is PlanState.UNDONE
    assert record.detail == (
        "advertise remote failed: it is not so; no answer came; all is as before"
    )
    assert len(record.steps[0].requests) == 6
    assert len(world.sent) == 1


@pytest.mark.parametrize("kind", [StepKind.ADVERTISE, StepKind.PREFER, StepKind.WITHDRAW])
def test_a_provider_that_has_too_much_to_do_is_asked_again_when_it_said(kind: StepKind) -> None:
    world = World()
    world.faults[kind] += [Fault.BUSY] * 2
    record = switched(world)
    assert (record.state, world.advertised) == (PlanState.DONE, AFTER)
    (step,) = (one for one in record.steps if one.step.kind is kind)
    assert len(step.requests) == 3
    assert len(world.sent) == 3  # one request id for each step
    assert world.clock.seconds == 2 * Busy.wait


def test_it_looks_and_can_be_stopped_while_it_waits_for_a_provider() -> None:
    world = World()
    world.faults[StepKind.ADVERTISE] += [Fault.BUSY] * 20
    with pytest.raises(StoppedError):
        run(world.executor(lambda: world.clock.seconds < TIMING.poll).carry_out(plan(world)))
    assert world.clock.seconds == TIMING.poll < Busy.wait


def test_and_given_up_when_the_time_of_the_step_is_over() -> None:
    world = World()
    world.faults[StepKind.WITHDRAW] += [Fault.BUSY] * 20
    record = switched(world)
    assert (record.state, world.advertised) == (PlanState.RESTING, BOTH)
    assert "it has too much to do" in (record.detail or "")
    assert world.clock.seconds == TIMING.deadlines[StepKind.WITHDRAW]


def test_nothing_is_withdrawn_while_it_cannot_be_read_whether_the_other_site_announces() -> None:
    world = World()
    world.faults[StepKind.PREFER].append(Fault.BUSY)
    executor, blind = world.executor(), [0]

    def away_for_a_while() -> None:
        # The look before the withdrawal goes well, and the one at the other site does not.
        world.is_away_for = Site.REMOTE if world.preferred is REMOTE and blind[0] < 6 else None
        blind[0] += world.is_away_for is not None

    world.points.here = away_for_a_while  # type: ignore[method-assign]  # a fake of this test
    record = run(executor.carry_out(plan(world)))
    assert (record.state, world.advertised) == (PlanState.DONE, AFTER)
    assert blind[0] == 6


@pytest.mark.parametrize("fault", [Fault.YES_AND_NOTHING, Fault.REFUSED, Fault.HALF])
def test_a_site_that_cannot_be_announced_leaves_all_as_it_was(fault: Fault) -> None:
    world = World()
    world.faults[StepKind.ADVERTISE].append(fault)
    record = switched(world)
    assert (record.state, record.alarm) == (PlanState.UNDONE, "step_failed")
    assert (world.advertised, world.preferred) == (BEFORE, Site.LOCAL)


def test_a_provider_that_says_yes_while_bmp_says_no_is_undone_with_an_alarm_of_its_own() -> None:
    world = World(is_bmp_deaf=True)
    record = switched(world)
    assert (record.state, record.alarm) == (PlanState.UNDONE, "bmp_disagrees")
    assert record.detail == "confirm_seen remote failed: BMP says no; all is as before"
    assert world.advertised == BEFORE


def test_bmp_that_cannot_be_asked_is_not_bmp_that_says_no() -> None:
    record = switched(World(is_bmp_gone=True))
    assert (record.state, record.alarm) == (PlanState.UNDONE, "bmp_silent")


def test_what_was_announced_before_is_not_withdrawn_by_the_undoing() -> None:
    world = World(advertised=dict(BOTH))
    world.faults[StepKind.PREFER].append(Fault.REFUSED)
    assert switched(world).state is PlanState.UNDONE
    assert (world.advertised, world.preferred) == (BOTH, Site.LOCAL)


def test_what_somebody_withdrew_meanwhile_is_announced_again_and_stays() -> None:
    world = World(advertised=dict(BOTH))
    both = plan(world)
    world.announce(REMOTE, is_announced=False)
    world.faults[StepKind.PREFER].append(Fault.REFUSED)
    record = run(world.executor().carry_out(both))
    assert record.state is PlanState.UNDONE
    assert world.advertised == BOTH


def test_what_was_announced_before_and_is_not_known_is_left() -> None:
    world = World()
    unknown = replace(world.posture(), advertised={Site.LOCAL: True, REMOTE: None})
    world.faults[StepKind.PREFER].append(Fault.REFUSED)
    record = run(world.executor().carry_out(switch(unknown, REMOTE, reason="")))
    assert (record.state, record.alarm) == (PlanState.RESTING, "step_failed")
    assert world.advertised == BOTH


@pytest.mark.parametrize("fault", [Fault.YES_AND_NOTHING, Fault.REFUSED, Fault.HALF])
def test_tunnels_that_cannot_be_preferred_are_preferred_as_before(fault: Fault) -> None:
    world = World()
    world.faults[StepKind.PREFER].append(fault)
    record = switched(world)
    assert record.state is PlanState.UNDONE
    assert (world.advertised, world.preferred) == (BEFORE, Site.LOCAL)
    assert [one.step.kind for one in record.steps if one.is_undo] == [
        StepKind.PREFER,
        StepKind.WITHDRAW,
    ]


def test_where_the_undoing_fails_too_both_stay_announced() -> None:
    world = World()
    world.faults[StepKind.PREFER] += [Fault.HALF, Fault.REFUSED]
    record = switched(world)
    assert (record.state, record.alarm) == (PlanState.RESTING, "step_failed")
    assert world.advertised == BOTH


@pytest.mark.parametrize("fault", [Fault.YES_AND_NOTHING, Fault.REFUSED])
def test_an_old_site_that_cannot_be_withdrawn_rests_with_both(fault: Fault) -> None:
    world = World()
    world.faults[StepKind.WITHDRAW].append(fault)
    record = switched(world)
    assert (record.state, record.alarm) == (PlanState.RESTING, "step_failed")
    assert (world.advertised, world.preferred) == (BOTH, REMOTE)


def test_a_move_that_bmp_does_not_show_is_an_alarm_and_nothing_is_undone() -> None:
    world = World()
    world.faults[StepKind.WITHDRAW].append(Fault.UNREADABLE)
    executor = world.executor(may_go_on=lambda: True)

    def deaf_from_now_on() -> None:
        world.is_bmp_deaf = world.preferred is REMOTE

    world.points.here = deaf_from_now_on  # type: ignore[method-assign]  # a fake of this test
    record = run(executor.carry_out(plan(world)))
    assert (record.state, record.alarm) == (PlanState.UNCONFIRMED, "bmp_disagrees")
    assert world.advertised == AFTER


def test_the_old_site_stays_when_the_new_one_is_withdrawn_by_somebody_else() -> None:
    world = World()
    executor = world.executor()

    def somebody_withdraws() -> None:
        if world.preferred is REMOTE and world.advertised == BOTH:
            world.announce(REMOTE, is_announced=False)

    world.points.here = somebody_withdraws  # type: ignore[method-assign]  # a fake of this test
    record = run(executor.carry_out(plan(world)))
    assert record.state is PlanState.RESTING
    assert "does not announce" in (record.detail or "")
    assert world.advertised == BEFORE


def test_a_site_that_cannot_be_reached_is_left_and_stays_announced_as_far_as_is_known() -> None:
    world = World(is_away_for=Site.LOCAL)
    unknown = replace(world.posture(), advertised={Site.LOCAL: None, REMOTE: False})
    record = run(world.executor().carry_out(switch(unknown, REMOTE, reason="")))
    assert (record.state, record.alarm) == (PlanState.RESTING, "step_failed")
    assert (world.advertised, world.preferred) == (BOTH, REMOTE)
    assert "withdraw local failed: nobody is there" in (record.detail or "")


def test_a_plan_stops_at_the_next_step_when_it_may_not_go_on() -> None:
    world = World()
    with pytest.raises(StoppedError):
        run(world.executor(lambda: world.preferred is not REMOTE).carry_out(plan(world)))
    assert world.advertised == BOTH
    (record,) = world.journal.plans.values()
    assert record.state is PlanState.RUNNING
    assert run(world.executor().resume()) is not None
    assert world.advertised == AFTER


def test_it_stops_between_two_looks() -> None:
    world = World(is_bmp_deaf=True)
    with pytest.raises(StoppedError):
        run(world.executor(lambda: world.clock.seconds < 7).carry_out(plan(world)))
    assert world.clock.seconds == 10
    assert world.advertised == BOTH


def test_there_is_never_a_second_plan() -> None:
    world = World()
    world.points.crash_after = 20
    with pytest.raises(Crash):
        switched(world)
    with pytest.raises(PlanInFlightError):
        switched(world)


def test_nothing_is_resumed_where_there_is_nothing() -> None:
    assert run(World().executor().resume()) is None


@pytest.mark.parametrize(
    ("sent", "state", "advertised"),
    [
        (StepKind.ADVERTISE, PlanState.UNDONE, BEFORE),
        (StepKind.PREFER, PlanState.RESTING, BOTH),
    ],
)
def test_a_plan_that_was_interrupted_long_ago_is_not_carried_on(
    sent: StepKind, state: PlanState, advertised: dict[Site, bool]
) -> None:
    world = World()

    def is_before_the_next() -> bool:
        (record,) = world.journal.plans.values() or (None,)
        if record is None:
            return True
        return not any(
            one.step.kind is sent and one.state is StepState.DONE for one in record.steps
        )

    with pytest.raises(StoppedError):
        run(world.executor(is_before_the_next).carry_out(plan(world)))
    world.clock.seconds += TIMING.plan + 1
    record = run(world.executor().resume())
    assert record is not None
    assert (record.state, world.advertised) == (state, advertised)
    assert record.alarm == "step_failed"
    assert "interrupted too long ago" in (record.detail or "")


@pytest.mark.parametrize(("fault", "withdrawn"), [(None, REMOTE), (Fault.REFUSED, Site.LOCAL)])
def test_traffic_is_never_led_to_where_somebody_has_withdrawn_meanwhile(
    fault: Fault | None, withdrawn: Site
) -> None:
    led = 0
    for points in range(60):
        world = World()
        world.priority = dict.fromkeys(Site, 200)
        world.faults[StepKind.PREFER].extend([fault] if fault else [])
        world.points.crash_after = points
        with contextlib.suppress(Crash):
            switched(world)
        world.points.clear()
        if world.preferred is None:
            world.announce(withdrawn, False)
            run(world.executor().resume())
        if world.preferred is not None:
            led += 1
            assert world.advertised[world.preferred], points
    assert led
