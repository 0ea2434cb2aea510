"""It may end at any moment: the next one finds out how things stand, and goes on from there."""

from __future__ import annotations

import itertools

import pytest

from services.failover.acting.journal import PlanState, StepState
from services.failover.policy.model import Site, StepKind
from services.failover.policy.plan import switch
from tests.failover.acting.world import LATE_SECONDS, Crash, Fault, World, run

ACTING = (StepKind.ADVERTISE, StepKind.PREFER, StepKind.WITHDRAW)
FAULTS = [None, *itertools.product(ACTING, Fault)]


def prepared(fault: tuple[StepKind, Fault] | None, *, deaf: bool) -> World:
    world = World(is_bmp_deaf=deaf)
    if fault is not None:
        world.faults[fault[0]].append(fault[1])
    return world


def crashes_at(world: World, *points: int) -> bool:
    """Carries out a switch; crashes at the first of these points, resumes, crashes again..."""
    work = world.executor().carry_out(switch(world.posture(), Site.REMOTE, reason="a test"))
    for number, point in enumerate(points):
        world.points.crash_after = point
        try:
            if number == 0:
                run(work)
            else:
                run(world.executor().resume())
        except Crash:
            continue
        return False
    world.points.crash_after = None
    run(world.executor().resume())
    return True


def check(world: World) -> None:
    """The end is right, or at rest with an alarm."""
    assert True in world.advertised.values()
    assert run(world.journal.running()) is None
    if not world.journal.plans:
        assert not world.sent
        return
    (record,) = world.journal.plans.values()
    only = {site: site is Site.REMOTE for site in Site}
    before = {site: site is Site.LOCAL for site in Site}
    match record.state:
        case PlanState.DONE:
            assert (world.advertised, world.preferred) == (only, Site.REMOTE)
            assert world.seen == only
            assert all(one.state is StepState.DONE for one in record.steps)
        case PlanState.UNDONE:
            assert (world.advertised, world.preferred) == (before, Site.LOCAL)
        case PlanState.UNCONFIRMED:
            assert world.advertised == only
        case _:
            assert record.state is PlanState.RESTING
            # What it could not wait for comes later, and is no harm then either.
            assert world.late or world.advertised == {Site.LOCAL: True, Site.REMOTE: True}
            world.clock.go_on(max(LATE_SECONDS.values()))
            assert True in world.advertised.values()
    assert (record.alarm is None) is (record.state is PlanState.DONE)
    assert record.detail


@pytest.mark.parametrize("deaf", [False, True], ids=["BMP sees", "BMP sees nothing"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_crash_at_any_moment_ends_well(fault: tuple[StepKind, Fault] | None, deaf: bool) -> None:
    for point in itertools.count():
        world = prepared(fault, deaf=deaf)
        has_crashed = crashes_at(world, point)
        check(world)
        if not has_crashed:
            break
    assert point > 10  # it was not all over before it could crash


def test_a_crash_at_any_moment_and_again_at_any_after_it_ends_well() -> None:
    ends = set()
    for first in itertools.count():
        for second in itertools.count():
            world = prepared((StepKind.PREFER, Fault.HALF), deaf=False)
            twice = crashes_at(world, first, second)
            check(world)
            ends |= {one.state for one in world.journal.plans.values()}
            if not twice:
                break
        if second == 0:
            break
    assert first > 20
    assert ends == {PlanState.DONE, PlanState.UNDONE}


def test_a_crash_changes_nothing_about_a_switch_that_would_be_done() -> None:
    for point in itertools.count():
        world = prepared(None, deaf=False)
        if not crashes_at(world, point):
            break
        states = [one.state for one in world.journal.plans.values()]
        assert states in ([PlanState.DONE], [])
