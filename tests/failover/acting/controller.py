"""A controller of the model: what it has seen, what it was told, and what it must never do.

It decides with the policy and acts with the executor, as the real one does, but in the world of
the tests. Each rule is checked in words of its own, not in those of the policy.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
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
from services.failover.policy.model import Health, Inputs, Role, Site, StepKind, Verdict
from services.failover.policy.rules import Reach
from services.failover.repository.values import from_json, to_json
from tests.failover.acting.world import LATE_SECONDS, WORSE, Crash, Fault, World, run

if TYPE_CHECKING:
    from services.failover.acting.journal import PlanRecord
    from services.failover.policy.model import Plan

QUIET = Reach(routes=2, expected_routes=2, max_routes=10)
ASKED = ("override", "practice")
_WITHDRAW = StepKind.WITHDRAW


@dataclass
class Controller:
    """One after another: a crash or a lost lease starts the next."""

    limits: Limits
    world: World = field(default_factory=World)
    cycles: int = 0
    override: Override | None = None
    pause: Pause | None = None
    reach: Reach = QUIET
    acknowledged: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    before: dict[Site, bool] = field(default_factory=dict)
    """What was announced when the plan under way began."""
    was_touched: bool = False
    """Whether somebody else changed something since then."""
    ended: dict[str, PlanRecord] = field(default_factory=dict)
    rules: Counter[str] = field(default_factory=Counter)
    decided: list[tuple[Situation, Decision]] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = self.world.clock.now()
        self.world.points.take_over = self._take_over
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
        self.world.clock.go_on(seconds)

    def break_next(self, kind: StepKind, fault: Fault) -> None:
        self.world.faults[kind].append(fault)

    def crash(self, points: int) -> None:
        self.world.points.crash_after = points

    def lose(self, points: int) -> None:
        self.world.points.lose_after = points

    def abort(self, points: int) -> None:
        self.world.points.abort_after = points

    def go_away(self, site: Site | None) -> None:
        """What announces at a site does not answer any more; None: it does again."""
        self.world.is_away_for = site

    def match(self, routes: int, expected: int | None) -> None:
        """So many routes of Cloudflare's are ours."""
        self.reach = replace(QUIET, routes=routes, expected_routes=expected)

    def tie(self) -> None:
        """Somebody else gives all routes the same priority."""
        self.world.priority = dict.fromkeys(Site, WORSE)
        self.was_touched = True

    def have_bmp(self, how: Literal["deaf", "gone", "there"]) -> None:
        self.world.is_bmp_deaf, self.world.is_bmp_gone = how == "deaf", how == "gone"

    def order(
        self, mode: Mode, seconds: float, lifted: str | None = None, is_practice: bool = False
    ) -> None:
        rules = frozenset() if lifted is None else frozenset({lifted})
        until = self._in(seconds)
        self.override = Override(mode, "ada", "she knows why", until, rules, is_practice)

    def pause_for(self, seconds: float) -> None:
        self.pause = Pause("bob", "works", self._in(seconds))

    def lift(self) -> None:
        self.override = None

    def unpause(self) -> None:
        self.pause = None

    def acknowledge(self) -> None:
        self.acknowledged |= set(self.world.journal.plans)

    def touch(self, site: Site, is_announced: bool) -> None:
        """By somebody else, after whatever is still being done."""
        self.world.late.clear()
        self.world.astray.clear()
        self.world.announce(site, is_announced)
        self.was_touched = True

    def interrupted(self, target: Site, points: int, site: Site, is_announced: bool) -> None:
        """A plan is broken off, and somebody changes what it has done, or was about to do."""
        self.order(Mode(target.value), 10.0)
        self.crash(points)
        self.cycle()
        self.touch(site, is_announced)

    def turned_round(self, target: Site, kind: StepKind, fault: Fault) -> None:
        """It is sent to a site, where a step goes wrong, and back again."""
        self.break_next(kind, fault)
        self.order(Mode(target.value), 10.0)
        self.cycle()
        self.order(Mode(target.other.value), 1_000.0)

    # ---- what it does

    def _take_over(self) -> None:
        """The next leader, at once: the one before is held up, and knows nothing of it yet."""
        self.cycles = 0
        if self._running():
            resumed = run(self.world.executor().resume())
            assert resumed is not None
            self._check_end(resumed)

    def cycle(self) -> Decision:
        situation = self._situation()
        decision = decide(situation, self.limits)
        self.decided.append((situation, decision))
        self.rules[decision.rule] += 1
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
        for key, plan in self.world.journal.plans.items():
            if plan.state is not PlanState.RUNNING:
                # Nobody who has lost the lease writes any more.
                assert self.ended.setdefault(key, plan) == plan
        return decision

    def settle(self) -> Decision:
        """Nothing fails any more: what is under way comes to its end."""
        for faults in self.world.faults.values():
            faults.clear()
        self.world.unreadable, self.world.is_away_for = 0, None
        self.world.is_bmp_deaf = self.world.is_bmp_gone = False
        self.world.points.clear()
        self.wait(max(LATE_SECONDS.values()))
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
            self.world.has_landed = False
            known = set(self.world.journal.plans)
            is_asked = decision.rule in ASKED
            try:
                ended = run(executor.carry_out(decision.plan, asked_by="ada" if is_asked else None))
            finally:
                self.asked |= set(self.world.journal.plans) - known if is_asked else set()
            self._check_end(ended)
        elif situation.plan_in_flight:
            leader = self.world.points.leader
            resumed = run(executor.resume())
            if resumed is not None:
                self._check_end(resumed)
            else:
                assert leader != self.world.points.leader  # who has ended it meanwhile

    # ---- what must hold

    def _may_begin(self, situation: Situation, decision: Decision, plan: Plan) -> None:
        now = self.world.clock.now()
        assert not self._running()
        lifted = self.override.lifted_rules if decision.rule == "override" and self.override else ()
        is_right = self.reach.routes == (self.reach.expected_routes or self.reach.routes or None)
        assert is_right or "selector_matches" in lifted
        assert self.reach.routes <= self.reach.max_routes or "routes_touched" in lifted
        ill = {role for role in Role if self._health(plan.target, role) is Health.UNHEALTHY}
        assert not ill or "target_is_well" in lifted
        if decision.rule in ASKED:
            assert self.override is not None
            assert self.override.until > now
            assert self.override.mode.value == plan.target.value
            return
        assert self.pause is None or self.pause.until <= now
        assert self.override is None or self.override.until <= now
        assert self.cycles >= self.limits.warm_up_cycles
        assert {self._health(plan.target, role) for role in Role} == {Health.HEALTHY}
        left = [self.verdicts[plan.target.other, role] for role in Role]
        if decision.rule == "failover":
            since = [one.since or now for one in left if one.health is Health.UNHEALTHY]
            assert any(now - at >= self.limits.hold_down for at in since)
        else:
            assert (decision.rule, plan.target) == ("failback", Site.LOCAL)
            assert self.limits.failback == "auto"
            well = [self.verdicts[plan.target, role].since or now for role in Role]
            assert all(now - at >= self.limits.failback_hold_down for at in well)
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
            # What an earlier plan had sent may have been done in this one's time.
            assert announced == self.before or self.world.has_landed
        elif not all(announced[site] for site in Site if self.before[site]):
            # What it could not see was done after all.
            assert announced[plan.target]
            assert [one for one in plan.forward if one.request_id][-1].step.kind is _WITHDRAW

    def _situation(self) -> Situation:
        now = self.world.clock.now()
        inputs = Inputs(
            now,
            {site: self.verdicts[site, Role.SERVICE] for site in Site},
            {site: self.verdicts[site, Role.BGP] for site in Site},
        )
        return Situation(
            inputs=inputs,
            posture=None if self._is_unread() else self.world.posture(),
            reach=self.reach,
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

    def _is_unread(self) -> bool:
        return bool(self.world.unreadable) or self.world.is_away_for is not None

    def _health(self, site: Site, role: Role) -> Health:
        return self.verdicts[site, role].health

    def _running(self) -> list[PlanRecord]:
        plans = self.world.journal.plans.values()
        return [one for one in plans if one.state is PlanState.RUNNING]

    def _in(self, seconds: float) -> datetime:
        return self.world.clock.now() + timedelta(seconds=seconds)
