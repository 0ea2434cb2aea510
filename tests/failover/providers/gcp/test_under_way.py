"""Changes of a router that are done when nobody waits for them any more."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from services.failover.acting.executor import Executor, Timing
from services.failover.acting.journal import PlanState
from services.failover.acting.memory import MemoryJournal
from services.failover.policy.model import Plan, Site, Step, StepKind
from services.failover.providers.gcp.cloud_router import Patience
from tests.fakes.gcp import LOCAL
from tests.fakes.gcp_state import Outcome
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from services.failover.acting.actuator import Done, NotDone
    from services.failover.acting.journal import PlanRecord
    from tests.failover.providers.gcp.harness import World

LIST = "compute.regionOperations.list"
VERY_LATE = 10_000.0
LANDING = 60.0
PATCH_LOCAL = "PATCH .*/rt-east"


class Moving:
    """Plans one after another, of the steps that routers have a part in."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._journal = MemoryJournal(world.clock.now)
        self._ids = itertools.count(1)

    async def to(self, site: Site) -> PlanRecord:
        routers = self._world.routers(patience=Patience(landing=LANDING))
        kinds = (StepKind.ADVERTISE, StepKind.WITHDRAW)
        executor = Executor(
            self._journal,
            dict.fromkeys(kinds, routers),
            _Nobody(),
            timing=Timing(dict.fromkeys(kinds, 30.0), poll=5.0, plan=600.0),
            clock=self._world.clock,
            sleep=self._world.clock.sleep,
            new_id=lambda: f"6f0d4a2e-0000-4000-8000-{next(self._ids):012}",
            may_go_on=lambda: True,
        )
        change = {"advertised": {"before": False, "after": True}}
        steps = (Step(StepKind.ADVERTISE, site, change), Step(StepKind.WITHDRAW, site.other))
        return await executor.carry_out(Plan(site, steps, "a test"))

    async def later(self, seconds: float) -> None:
        self._world.clock.seconds += seconds
        await self._world.fake.arrive()
        await self._world.fake.state.settle()
        self.check()

    def check(self) -> None:
        assert self._world.local.announced or self._world.remote.announced, "withdrawn everywhere"


class _Nobody:
    async def confirm(self, step: Step, *, since: object) -> Done | NotDone:
        raise AssertionError(step)


@pytest.fixture
async def moving(world: World) -> Moving:
    """The local site announces, as GCP was told by somebody."""
    it = Moving(world)
    await it.to(Site.LOCAL)
    assert world.local.announced
    assert not world.remote.announced
    return it


@pytest.mark.parametrize("denied", [set(), {LIST}], ids=["listed", "known by its name"])
async def test_the_way_back_waits_for_a_withdrawal_that_is_not_done(
    world: World, moving: Moving, denied: set[str]
) -> None:
    world.fake.denied |= denied
    world.fake.state.outcomes += [Outcome(), Outcome(seconds=VERY_LATE)]
    away = await moving.to(Site.REMOTE)
    assert (away.state, away.alarm) == (PlanState.RESTING, "step_failed")
    back = await moving.to(Site.LOCAL)
    assert (back.state, back.alarm) == (PlanState.UNDONE, "step_failed")
    assert back.detail is not None
    assert "advertise local would not last: the operation operation-" in back.detail
    assert "wait for its end (gcloud compute operations describe" in back.detail
    assert world.remote.announced
    await moving.later(VERY_LATE)
    assert not world.local.announced
    assert (await moving.to(Site.LOCAL)).state is PlanState.DONE
    assert world.local.announced
    moving.check()


async def test_a_withdrawal_that_is_done_while_the_way_back_waits_is_made_good(
    world: World, moving: Moving
) -> None:
    # Its sender waits for 120 s, and the way back for 30 s more.
    world.fake.state.outcomes += [Outcome(), Outcome(seconds=140.0)]
    assert (await moving.to(Site.REMOTE)).state is PlanState.RESTING
    assert (await moving.to(Site.LOCAL)).state is PlanState.DONE
    assert world.local.announced


async def test_a_change_that_somebody_else_makes_is_waited_for_as_well(
    world: World, moving: Moving
) -> None:
    world.fake.state.outcomes.append(Outcome(seconds=VERY_LATE))
    world.fake.state.patch(LOCAL, {"bgp": {"advertisedIpRanges": []}}, "", "terraform")
    back = await moving.to(Site.LOCAL)
    assert back.state is PlanState.UNDONE
    assert back.detail is not None
    assert "is not done yet" in back.detail


async def test_a_request_whose_answer_was_lost_is_found_by_its_id(
    world: World, moving: Moving
) -> None:
    world.fake.state.outcomes += [Outcome(), Outcome(seconds=VERY_LATE)]
    world.fake.troubles.append(Trouble(PATCH_LOCAL, times=None, silent=True))
    assert (await moving.to(Site.REMOTE)).state is PlanState.RESTING
    world.fake.troubles.clear()
    assert "operation-" in str((await moving.to(Site.LOCAL)).detail)
    await moving.later(VERY_LATE)
    assert (await moving.to(Site.LOCAL)).state is PlanState.DONE


async def test_without_the_permission_to_list_a_lost_answer_keeps_it_where_it_is(
    world: World, moving: Moving
) -> None:
    world.fake.denied.add(LIST)
    world.fake.state.outcomes += [Outcome(), Outcome(seconds=VERY_LATE)]
    world.fake.troubles.append(Trouble(PATCH_LOCAL, times=None, silent=True))
    assert (await moving.to(Site.REMOTE)).state is PlanState.RESTING
    world.fake.troubles.clear()
    back = await moving.to(Site.LOCAL)
    assert back.state is PlanState.UNDONE
    assert f"without the permission {LIST}: grant it" in str(back.detail)
    world.fake.denied.clear()
    await moving.later(VERY_LATE)
    assert (await moving.to(Site.LOCAL)).state is PlanState.DONE


async def test_a_request_that_is_still_on_its_way_is_waited_out(
    world: World, moving: Moving
) -> None:
    world.fake.troubles.append(Trouble(PATCH_LOCAL, times=None, astray=True))
    assert (await moving.to(Site.REMOTE)).state is PlanState.RESTING
    world.fake.troubles.clear()
    back = await moving.to(Site.LOCAL)
    assert back.state is PlanState.UNDONE
    assert "had no answer, and may be carried out yet; it is given up in" in str(back.detail)
    await moving.later(0.0)
    assert not world.local.announced
    assert world.remote.announced


async def test_a_request_that_never_arrives_is_given_up(world: World, moving: Moving) -> None:
    world.fake.troubles.append(Trouble(PATCH_LOCAL, times=None, lost=True))
    assert (await moving.to(Site.REMOTE)).state is PlanState.RESTING
    world.fake.troubles.clear()
    await moving.later(LANDING)
    assert (await moving.to(Site.LOCAL)).state is PlanState.DONE
    assert not world.remote.announced
