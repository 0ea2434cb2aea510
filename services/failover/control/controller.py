"""One cycle: look, decide, record, act.

A plan is carried out beside the cycles, which go on looking meanwhile; there is never a second.
Replicas that do not hold the lease look and decide as well, and do and record nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from services.failover import metrics
from services.failover.acting.journal import PlanInFlightError, StoppedError
from services.failover.control import practising
from services.failover.policy.decide import Mode, Situation, decide, serving
from services.failover.repository import decisions, orders, plans, switchovers

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

    from prometheus_client import Gauge
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from services.failover.acting.executor import Executor
    from services.failover.acting.journal import PlanRecord
    from services.failover.control.watching import Watch
    from services.failover.policy.decide import Decision, Limits, Override, Pause
    from services.failover.policy.model import Posture
    from services.failover.policy.rules import Reach
    from services.failover.repository.practices import PracticeRecord
    from services.failover.repository.switchovers import Switchover

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_OF_OPERATORS = {"override", "practice", "paused"}
"""Rules whose sentences say whose word it is, and count nothing."""

ASKED = ("override", "practice")
"""The rules by which somebody wanted what is done."""


class Providers(Protocol):
    """How the providers stand."""

    async def posture(self) -> tuple[Posture, Reach] | None:
        """As they are read now; None: they could not be."""
        ...


class Leadership(Protocol):
    """Who acts."""

    @property
    def generation(self) -> int | None:
        """Of the lease that this process holds; None: it holds none."""
        ...

    async def while_held(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What comes of `work`, which is cancelled once the lease is lost: LeaseLostError."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What stands in the database that a decision depends on."""

    situation: Situation
    switchover: Switchover | None
    """The one that is due, which stands in the situation as an override."""
    is_running: bool
    """Whether the journal has a plan under way."""
    practice: PracticeRecord | None = None
    """The run that is under way, which stands in the situation as an override."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """What the last cycle came to."""

    situation: Situation
    decision: Decision
    decision_id: int | None


class Controller:
    """Cycles of one process; `stop` ends what is under way at its next step."""

    def __init__(
        self,
        *,
        watch: Watch,
        providers: Providers,
        engine: AsyncEngine,
        executor: Executor,
        leadership: Leadership,
        limits: Limits,
        reach: Reach,
        practice: practising.Rules,
    ) -> None:
        """`reach` stands until the routes have been read for the first time."""
        self.last: Cycle | None = None
        self.ended_at: float | None = None
        """When a cycle ended last, however it did, on the clock of `forever`."""
        self.limits = limits
        self._watch = watch
        self._providers = providers
        self._engine = engine
        self._executor = executor
        self._leadership = leadership
        self._posture: Posture | None = None
        self._reach = reach
        self.practice = practice
        self._generation: int | None = None
        self._led = 0
        self._acting: asyncio.Task[None] | None = None
        self._said: object = None

    async def cycle(self) -> Decision:
        """Looks, and decides; whatever follows from it is under way when this returns."""
        # One that ends while we look leaves a posture that is half of before and half of after.
        was_acting = self.is_acting
        inputs, read = await asyncio.gather(self._watch.look(), self._providers.posture())
        if read is not None:
            self._posture, self._reach = read
        metrics.show_posture(self._posture)
        self._count_led()
        async with self._engine.begin() as conn:
            told = await self._told(
                conn,
                Situation(
                    inputs=inputs,
                    posture=self._posture,
                    reach=self._reach,
                    is_leader=self._generation is not None,
                    plan_in_flight=was_acting or self.is_acting,
                    cycles=self._led,
                ),
            )
            told = await self._practised(conn, told)
            decision = decide(told.situation, self.limits)
            number = await self._recorded(conn, told.situation, decision)
            if self._generation is not None:
                await self._follow_up(conn, told, decision, number)
        self.last = Cycle(told.situation, decision, number)
        self._say(decision)
        self._act(told, decision, number)
        return decision

    @property
    def is_acting(self) -> bool:
        """Whether a plan is being carried out by this process."""
        return self._acting is not None and not self._acting.done()

    async def rest(self) -> None:
        """Returns once nothing is under way any more."""
        if self._acting is not None:
            await asyncio.wait([self._acting])

    async def stop(self) -> None:
        """Ends a plan where it is: its journal says how far, and whoever leads next carries on."""
        if self._acting is not None and not self._acting.done():
            self._acting.cancel()
            await asyncio.wait([self._acting])

    async def now(self, conn: AsyncConnection) -> Situation:
        """That of the last cycle with what the database has now, as whoever acts would see it.

        Only after the first cycle.
        """
        assert self.last is not None  # noqa: S101 - callers ask `Parts.last` first
        seen = self.last.situation
        watched = seen.cycles if seen.is_leader else self.limits.warm_up_cycles
        bare = replace(seen, is_leader=True, plan_in_flight=self.is_acting, cycles=watched)
        return (await self._told(conn, bare)).situation

    # ---- what is known

    def _count_led(self) -> None:
        generation = self._leadership.generation
        self._led = self._led + 1 if generation == self._generation and generation else 0
        self._generation = generation
        metrics.LEADER.set(float(generation is not None))

    async def _told(self, conn: AsyncConnection, bare: Situation) -> Told:
        running = await plans.running(conn)
        override = await orders.override(conn)
        switchover = await switchovers.pending(conn)
        if switchover is not None and not _may_begin(switchover, bare.posture):
            switchover = None
        situation = replace(
            bare,
            plan_in_flight=bare.plan_in_flight or running is not None,
            flips=await plans.flips(conn, bare.inputs.at - self.limits.flip_window),
            override=switchover.as_override() if switchover is not None else override,
            pause=await orders.pause(conn),
        )
        if override is not None and switchover is None:
            failed = await switchovers.failed_for_override(conn)
            if failed is not None:
                situation = replace(situation, override=_held(override, failed))
        _show_left(metrics.OVERRIDE_SECONDS, override, bare.inputs.at)
        _show_left(metrics.PAUSE_SECONDS, situation.pause, bare.inputs.at)
        alarm = await switchovers.unacknowledged_alarm(conn)
        metrics.PLAN_ALARM.set(float(alarm is not None))
        return Told(situation, switchover, is_running=running is not None)

    async def _practised(self, conn: AsyncConnection, told: Told) -> Told:
        """With the practice run that is under way, unless somebody's word stands."""
        if self._generation is None:
            return told
        record = await practising.turned(
            conn, told.situation, self.limits, self.practice, generation=self._generation
        )
        if record is None or record.run.order is None or told.situation.override is not None:
            return told
        situation = replace(told.situation, override=record.run.order)
        return replace(told, situation=situation, practice=record)

    # ---- what follows

    async def _recorded(
        self, conn: AsyncConnection, situation: Situation, decision: Decision
    ) -> int | None:
        """The number of its row; None where it is the last one again, or not ours to record."""
        metrics.DECISIONS.labels(decision.rule).inc()
        metrics.ALARM.set(float(decision.is_alarm))
        if self._generation is None:
            return None
        if decision.plan is None and self._heading(decision) == self._said:
            return None
        return await decisions.record(
            conn, situation, self.limits, decision, generation=self._generation
        )

    async def _follow_up(
        self, conn: AsyncConnection, told: Told, decision: Decision, number: int | None
    ) -> None:
        """Ends a switchover that there is nothing to do for; notes how a practice run goes on."""
        if told.practice is not None:
            await practising.followed(conn, told.practice, decision, number)
        switchover = told.switchover
        if switchover is not None and decision.plan is None:
            if decision.rule == "override":
                await switchovers.end(conn, switchover.switchover_id, "done", decision.sentence)
            elif decision.violations:
                await switchovers.end(conn, switchover.switchover_id, "refused", decision.sentence)

    def _say(self, decision: Decision) -> None:
        """One sentence; at info only where it is another one than before."""
        heading = self._heading(decision)
        say = log.debug
        if heading != self._said:
            say = log.warning if decision.is_alarm else log.info
        self._said = heading
        say(
            "decision",
            state=decision.state.value,
            rule=decision.rule,
            sentence=decision.sentence,
            alarm=decision.is_alarm,
        )

    def _heading(self, decision: Decision) -> object:
        """What makes a decision another one than the last; its sentence may count seconds."""
        said = decision.sentence if decision.rule in _OF_OPERATORS else None
        return (decision.state, decision.rule, said, decision.is_alarm, self._generation)

    def _act(self, told: Told, decision: Decision, number: int | None) -> None:
        if self._generation is None or self.is_acting:
            return
        override = told.situation.override if decision.rule in ASKED else None
        work: Coroutine[Any, Any, PlanRecord | None]
        if decision.plan is not None:
            work = self._executor.carry_out(
                decision.plan,
                asked_by=override.owner if override is not None else None,
                decision_id=number,
            )
        elif told.is_running:
            work = self._executor.resume()
        else:
            return
        self._acting = asyncio.create_task(self._carried_out(work))

    async def _carried_out(self, work: Coroutine[Any, Any, PlanRecord | None]) -> None:
        try:
            ended = await self._leadership.while_held(work)
        except (StoppedError, PlanInFlightError) as reason:
            log.warning("plan left", reason=str(reason))
        except Exception:
            # What it was doing is in the journal, and the next cycle carries on from there.
            metrics.CYCLES.labels("plan failed").inc()
            log.exception("plan broke off")
        else:
            _count(ended)


def _count(ended: PlanRecord | None) -> None:
    if ended is None:
        return
    metrics.PLANS.labels(ended.state.value).inc()
    if ended.convergence_s is not None:
        metrics.CONVERGENCE.observe(ended.convergence_s)


def _show_left(gauge: Gauge, order: Override | Pause | None, now: datetime) -> None:
    gauge.set(0.0 if order is None else max(0.0, (order.until - now).total_seconds()))


def _may_begin(switchover: Switchover, posture: Posture | None) -> bool:
    """Whether its time has come, and it is clear where the traffic is that it is to move."""
    return switchover.is_due and (posture is None or serving(posture) is not None)


def _held(override: Override, failed: str) -> Override:
    """An operator's word that could not be carried out is not tried again and again."""
    reason = (
        f"{override.reason} (the plan for it was not finished: {failed}; "
        "POST /api/v1/failover/ack tries again)"
    )
    return replace(override, mode=Mode.HOLD, reason=reason)
