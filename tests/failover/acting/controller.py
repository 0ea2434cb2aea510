"""A controller of the model: what it has seen, what it was told, and what it must never do.

It decides with the policy and acts with the executor, as the real one does, but in the world of
the tests. Each rule is checked in words of its own, not in those of the policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from services.failover.acting.journal import PlanState, StoppedError
from services.failover.policy.decide import (
    Decision,
    Limits,
    Mode,
    Override,
    Pause,
    Situation,
    decide,
)
from services.failover.policy.model import Health, Inputs, Role, Site, Verdict
from services.failover.policy.rules import Reach
from services.failover.repository.values import from_json, to_json
from tests.failover.acting.world import Crash, Fault, World, run

if TYPE_CHECKING:
    from services.failover.acting.journal import PlanRecord
    from services.failover.policy.model import Plan, StepKind

REACH = Reach(routes=2, expected_routes=2, max_routes=10)


@dataclass
class Controller:
    """One after another: a crash or a lost lease starts the next."""

    limits: Limits
    world: World = field(default_factory=World)
    cycles: int = 0
    override: Override | None = None
    pause: Pause | None = None
    acknowledged: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    before: dict[Site, bool] = field(default_factory=dict)
    """What was announced when the plan under way began."""
    was_touched: bool = False
    """Whether somebody else changed something since then."""
    decided: list[tuple[Situation, Decision]] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = self.world.clock.now()
        self.verdicts = {
            (site, role): Verdict(Health.HEALTHY, now) for site in Site for role in Role
        }

    # ---- what happens to it

    def see(self, site: Site, role: Role, health: Health) -> None:
        if self.verdicts[site, role].health is not health:
            self.verdicts[site, role] = Verdict(health, self.world.clock.now())

    def ill(self, site: Site) -> None:
        """A site's service fails, for long enough."""
        self.see(site, Role.SERVICE, Health.UNHEALTHY)
        self.wait(self.limits.hold_down.total_seconds())

    def well(self, health: Health = Health.HEALTHY) -> None:
        for site, role in self.verdicts:
            self.see(site, role, health)

    def blind(self) -> None:
        self.well(Health.UNKNOWN)

    def wait(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    def break_next(self, kind: StepKind, fault: Fault) -> None:
        self.world.faults[kind].append(fault)

    def crash(self, points: int) -> None:
        self.world.points.crash_after = points

    def lose(self, points: int) -> None:
        self.world.points.lose_after = points

    def have_bmp(self, how: Literal["deaf", "gone", "there"]) -> None:
        self.world.is_bmp_deaf, self.world.is_bmp_gone = how == "deaf", how == "gone"

    def order(self, mode: Mode, seconds: float) -> None:
        self.override = Override(mode, "ada", "she knows why", self._in(seconds))

    def pause_for(self, seconds: float) -> None:
        self.pause = Pause("bob", "works", self._in(seconds))

    def lift(self) -> None:
        self.override = None

    def unpause(self) -> None:
        self.pause = None

    def acknowledge(self) -> None:
        self.acknowledged |= set(self.world.journal.plans)

    def touch(self, site: Site, is_announced: bool) -> None:
        self.world.announce(site, is_announced)
        self.was_touched = True

    def interrupted(self, target: Site, points: int, site: Site, is_announced: bool) -> None:
        """A plan is broken off, and somebody changes what it has done, or was about to do."""
        self.order(Mode(target.value), 10.0)
        self.crash(points)
        self.cycle()
        self.touch(site, is_announced)

    # ---- what it does

    def cycle(self) -> Decision:
        situation = self._situation()
        decision = decide(situation, self.limits)
        self.decided.append((situation, decision))
        was_announced = True in self.world.advertised.values()
        try:
            self._act(situation, decision)
        except Crash:
            self.cycles = 0
        except StoppedError:
            assert self.world.points.leader
            self.cycles = 0
        else:
            self.cycles += 1
        assert not was_announced or True in self.world.advertised.values()
        assert len(self._running()) <= 1
        return decision

    def settle(self) -> Decision:
        """Nothing fails any more: what is under way comes to its end."""
        for faults in self.world.faults.values():
            faults.clear()
        self.world.unreadable = 0
        self.world.is_bmp_deaf = self.world.is_bmp_gone = False
        self.world.points.crash_after = self.world.points.lose_after = None
        self.world.seen = dict(self.world.advertised)
        self.cycle()
        assert not self._running()
        return self.cycle()

    def check_replay(self) -> None:
        """What was recorded gives the same decisions again."""
        limits = from_json(Limits, to_json(self.limits))
        for situation, decision in [one for one in self.decided if one[1].plan][-3:]:
            assert decide(from_json(Situation, to_json(situation)), limits) == decision
            assert from_json(Decision, to_json(decision)) == decision

    def _act(self, situation: Situation, decision: Decision) -> None:
        executor = self.world.executor()
        if decision.plan is not None:
            self._may_begin(situation, decision, decision.plan)
            self.before, self.was_touched = dict(self.world.advertised), False
            known = set(self.world.journal.plans)
            is_asked = decision.rule == "override"
            try:
                ended = run(executor.carry_out(decision.plan, asked_by="ada" if is_asked else None))
            finally:
                self.asked |= set(self.world.journal.plans) - known if is_asked else set()
            self._check_end(ended)
        elif situation.plan_in_flight:
            resumed = run(executor.resume())
            assert resumed is not None
            self._check_end(resumed)

    # ---- what must hold

    def _may_begin(self, situation: Situation, decision: Decision, plan: Plan) -> None:
        now = self.world.clock.now()
        assert not self._running()
        if decision.rule == "override":
            assert self.override is not None
            assert self.override.until > now
            return
        assert self.pause is None or self.pause.until <= now
        assert self.override is None or self.override.until <= now
        assert self.cycles >= self.limits.warm_up_cycles
        target = [self.verdicts[plan.target, role].health for role in Role]
        assert target == [Health.HEALTHY, Health.HEALTHY]
        left = [self.verdicts[plan.target.other, role] for role in Role]
        if decision.rule == "failover":
            ill = [one for one in left if one.health is Health.UNHEALTHY]
            assert any(now - (one.since or now) >= self.limits.hold_down for one in ill)
        else:
            assert (decision.rule, plan.target) == ("failback", Site.LOCAL)
            assert self.limits.failback == "auto"
        recent = [at for at in situation.flips if now - at < self.limits.flip_window]
        assert len(recent) < self.limits.max_flips
        assert all(now - at >= self.limits.min_interval for at in recent)

    def _check_end(self, plan: PlanRecord) -> None:
        """Right, or at rest with an alarm."""
        assert (plan.alarm is None) is (plan.state is PlanState.DONE)
        assert plan.state is not PlanState.RUNNING
        if self.was_touched:
            return
        announced = self.world.advertised
        if plan.state in (PlanState.DONE, PlanState.UNCONFIRMED):
            assert announced[plan.target]
            assert not (self.limits.withdraws and announced[plan.target.other])
            assert self.world.preferred is plan.target
        elif plan.state is PlanState.UNDONE:
            assert announced == self.before
        else:
            assert all(announced[site] for site in Site if self.before[site])

    def _situation(self) -> Situation:
        now = self.world.clock.now()
        inputs = Inputs(
            now,
            {site: self.verdicts[site, Role.SERVICE] for site in Site},
            {site: self.verdicts[site, Role.BGP] for site in Site},
        )
        return Situation(
            inputs=inputs,
            posture=None if self.world.unreadable else self.world.posture(),
            reach=REACH,
            is_leader=True,
            plan_in_flight=bool(self._running()),
            cycles=self.cycles,
            flips=self._flips(),
            override=self.override,
            pause=self.pause,
        )

    def _flips(self) -> tuple[datetime, ...]:
        spared = self.acknowledged | self.asked
        plans = self.world.journal.plans
        return tuple(one.begun_at for key, one in plans.items() if key not in spared)

    def _running(self) -> list[PlanRecord]:
        plans = self.world.journal.plans.values()
        return [one for one in plans if one.state is PlanState.RUNNING]

    def _in(self, seconds: float) -> datetime:
        return self.world.clock.now() + timedelta(seconds=seconds)
