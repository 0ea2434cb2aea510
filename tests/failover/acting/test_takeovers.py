"""Two controllers at once: one that was held up goes on when another one has taken over."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

from services.failover.acting.executor import Executor
from services.failover.acting.journal import PlanState, StoppedError
from services.failover.policy.model import Site, StepKind
from services.failover.policy.plan import switch
from tests.failover.acting.world import TIMING, Eyes, Provider, World, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from services.failover.policy.model import Step


class _HeldUp:
    """Gives way once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class _Slow:
    """The same object, whose calls are held up before and after they do something."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            await _HeldUp()
            result = await getattr(self._inner, name)(*arguments, **named)
            await _HeldUp()
            return result

        return call


class _Watched(Provider):
    """Takes requests from the leader alone."""

    def __init__(self, world: World, leader: int) -> None:
        super().__init__(world)
        self._leader = leader

    async def apply(self, step: Step, *, request_id: str) -> None:
        assert self._world.points.leader == self._leader
        await super().apply(step, request_id=request_id)
        await _HeldUp()


class _SlowToRead(_Slow):
    """Nothing holds a request up between the last check and its way out."""

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        if name == "apply":
            apply: Callable[..., Coroutine[Any, Any, Any]] = self._inner.apply
            return apply
        return super().__getattr__(name)


def held_up(world: World, *, knows: bool) -> Executor:
    """One that can be left standing anywhere; `knows`: it hears that its lease is lost."""
    leader = world.points.leader
    provider = _SlowToRead(_Watched(world, leader))
    journal: Any = _Slow(world.journal_of(leader))
    eyes: Any = _Slow(Eyes(world))
    acting: Any = dict.fromkeys((StepKind.ADVERTISE, StepKind.WITHDRAW, StepKind.PREFER), provider)
    return Executor(
        journal,
        acting,
        eyes,
        timing=TIMING,
        clock=world.clock,
        sleep=world.clock.sleep,
        new_id=lambda: f"00000000-0000-4000-9000-{next(world.ids):012}",
        may_go_on=lambda: not knows or world.points.leader == leader,
    )


def stepped(work: Coroutine[Any, Any, Any], steps: int) -> bool:
    """Whether it is still under way after so many of its waits."""
    try:
        for _ in range(steps):
            work.send(None)
    except StopIteration:
        return False
    return True


def finished(work: Coroutine[Any, Any, Any]) -> None:
    while stepped(work, 1):
        pass


def test_one_that_was_held_up_sends_nothing_after_another_one_took_over() -> None:
    for steps in itertools.count(1):
        world = World()
        plan = switch(world.posture(), Site.REMOTE, reason="a test")
        first = held_up(world, knows=True).carry_out(plan)
        is_under_way = stepped(first, steps)
        world.points.leader += 1
        run(world.executor().resume())
        if not is_under_way:
            break
        back = switch(world.posture(), Site.LOCAL, reason="and back")
        assert run(world.executor().carry_out(back)).state is PlanState.DONE
        before = dict(world.sent)
        with contextlib.suppress(StoppedError):
            finished(first)
        assert world.sent == before
        assert world.advertised == {Site.LOCAL: True, Site.REMOTE: False}
    assert steps > 40


def test_one_that_does_not_know_yet_is_stopped_by_its_next_write() -> None:
    for steps in itertools.count(1):
        world = World()
        plan = switch(world.posture(), Site.REMOTE, reason="a test")
        first = held_up(world, knows=False).carry_out(plan)
        is_under_way = stepped(first, steps)
        writes = len(world.sent)
        world.points.leader += 1
        if not is_under_way:
            break
        (record,) = world.journal.plans.values() or (None,)
        is_begun = record is not None and any(
            one.request_id not in (None, *world.sent) for one in record.steps
        )
        # Between its last write and its request only its own clock can stop it.
        with contextlib.suppress(StoppedError, *([AssertionError] if is_begun else [])):
            finished(first)
        assert len(world.sent) == writes
    assert steps > 40
