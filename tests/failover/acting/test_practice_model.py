"""Practice runs while anything happens: they begin and end as they may, and none is forgotten.

BGPILOT_PRACTICE_EXAMPLES says how many sequences are tried.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from services.failover.acting.journal import PlanState
from services.failover.policy.model import Health, Site
from services.failover.policy.practice import Around, Leg, Outcome, Phase, Practice, turn
from tests.failover.acting.controller import Controller
from tests.failover.acting.test_model import HAPPENS, LIMITS_OF_SOMEBODY, SEQUENCES
from tests.failover.acting.world import TIMING
from tests.failover.policy.situations import LIMITS as LIMITS_QUIET

if TYPE_CHECKING:
    from services.failover.policy.decide import Decision

AROUND = Around(leg=timedelta(seconds=TIMING.plan), zone=UTC)
EXAMPLES = int(os.environ.get("BGPILOT_PRACTICE_EXAMPLES", str(SEQUENCES // 10)))
ENOUGH = 500
PRACTISING = st.one_of(
    st.tuples(st.just("practise"), st.sampled_from([0.0, 61.0, 1_000.0])),
    st.tuples(st.just("wait"), st.just(61.0)),
)


@dataclass
class Drilling(Controller):
    """A controller of the model that practises."""

    practice: Practice | None = None
    leg: str | None = None
    """The plan of the phase, in the journal."""
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def practise(self, stay: float) -> None:
        if self.practice is None:
            until = self._in(600)
            self.practice = Practice("ada", "a test", timedelta(seconds=stay), until)

    def cycle(self) -> Decision:
        if self.practice is not None:
            self._turn(self.practice)
        order = self.practice.order if self.practice is not None else None
        if order is None or self._somebody_said():
            return super().cycle()
        before, known = self.override, set(self.world.journal.plans)
        self.override = order
        try:
            decision = super().cycle()
        finally:
            self.override = before
        for plan in set(self.world.journal.plans) - known:
            self.leg = plan
        if decision.plan is None and decision.violations and self.practice is not None:
            outcome = Outcome.REFUSED if self.practice.phase is Phase.OUT else Outcome.FAILED
            self._over(self.practice.ended(outcome, decision.sentence))
        return decision

    def _turn(self, practice: Practice) -> None:
        situation = self._situation()
        now = situation.inputs.at
        after = turn(replace(practice, leg=self._leg()), situation, self.limits, AROUND)
        if after.phase is not practice.phase:
            self.leg = None
            if practice.phase is Phase.PENDING and after.phase is Phase.OUT:
                assert {one.health for one in self.verdicts.values()} == {Health.HEALTHY}
                assert not self._running()
                assert not self._somebody_said()
                assert not [at for at in self._flips() if now - at < self.limits.flip_window]
                assert after.home is self.world.preferred
        self.practice = after
        if after.phase is Phase.ENDED:
            self._over(after)

    def _over(self, practice: Practice) -> None:
        assert practice.outcome is not None
        assert practice.detail
        self.outcomes[practice.outcome] += 1
        self.practice = self.leg = None
        if practice.outcome is Outcome.SUCCEEDED and not self.was_touched:
            home = practice.home
            assert home is not None
            assert self.world.preferred is home
            assert self.world.advertised[home]
            assert not (self.limits.withdraws and self.world.advertised[home.other])

    def _leg(self) -> Leg | None:
        plan = self.world.journal.plans.get(self.leg or "")
        if plan is None:
            return None
        return Leg(
            plan.ended_at,
            is_done=plan.state is PlanState.DONE,
            is_undone=plan.state is PlanState.UNDONE,
            was_aborted=plan.alarm == "aborted",
            detail=plan.detail or "",
        )

    def _somebody_said(self) -> bool:
        now = self.world.clock.now()
        return any(one is not None and one.until > now for one in (self.override, self.pause))


def test_a_practice_run_is_begun_and_ended_as_it_may_be_whatever_happens() -> None:
    outcomes: Counter[Outcome] = Counter()

    @given(LIMITS_OF_SOMEBODY, st.lists(st.one_of(HAPPENS, PRACTISING), max_size=30))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Stage.generate, Stage.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def sequence(limits: Any, happens: list[tuple[Any, ...]]) -> None:
        it = Drilling(replace(limits, warm_up_cycles=0))
        it.practise(61.0)
        for one in happens:
            getattr(it, one[0])(*one[1:])
            it.cycle()
        it.settle()
        it.well()
        it.wait(86_400)
        for _ in range(6):
            it.cycle()
        assert it.practice is None
        outcomes.update(it.outcomes)

    sequence()
    if EXAMPLES >= ENOUGH:
        assert set(outcomes) >= set(Outcome) - {Outcome.EXPIRED}, outcomes


def test_on_a_quiet_day_each_site_is_left_and_come_back_to() -> None:
    for home in Site:
        it = Drilling(LIMITS_QUIET)
        it.cycles = 100
        if home is Site.REMOTE:
            it.world.advertised = {Site.LOCAL: False, Site.REMOTE: True}
            it.world.seen = dict(it.world.advertised)
            it.world.priority = {Site.REMOTE: 100, Site.LOCAL: 200}
        it.practise(61.0)
        it.cycle()
        assert it.world.preferred is home.other
        it.wait(61)
        it.cycle()
        assert it.world.preferred is home
        it.cycle()
        assert it.outcomes == {Outcome.SUCCEEDED: 1}
