"""Whatever is seen, ordered, broken and interrupted, in any order: the rules hold.

BGPILOT_MODEL_EXAMPLES says how many sequences are tried.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.failover.acting.journal import PlanState
from services.failover.policy.decide import Mode
from services.failover.policy.model import Health, Role, Site, StepKind
from tests.failover.acting.controller import Controller
from tests.failover.acting.world import Fault
from tests.failover.policy.situations import LIMITS

SEQUENCES = int(os.environ.get("BGPILOT_MODEL_EXAMPLES", "10000"))
ENOUGH = 5_000
"""Of so many sequences, something of each kind has happened."""

SITES = st.sampled_from(Site)
SECONDS = st.sampled_from([1.0, 61.0, 301.0, 1_000.0])
LIFTED = st.sampled_from(
    [None, None, "target_is_well", "selector_matches", "routes_touched", "one_site_advertised"]
)
ACTING = st.sampled_from([StepKind.ADVERTISE, StepKind.PREFER, StepKind.WITHDRAW])
LATER = [Fault.LATE, Fault.VERY_LATE, Fault.ASTRAY]

TROUBLE = st.one_of(
    st.tuples(st.just("break_next"), ACTING, st.sampled_from(Fault)),
    st.tuples(st.just("crash"), st.integers(0, 60)),
    st.tuples(st.just("lose"), st.integers(0, 60)),
    st.tuples(st.just("interrupted"), SITES, st.integers(0, 30), SITES, st.booleans()),
    st.tuples(st.just("turned_round"), SITES, ACTING, st.sampled_from(LATER)),
    st.tuples(st.just("abort"), st.integers(0, 60)),
    st.tuples(st.just("go_away"), SITES | st.none()),
    st.tuples(st.just("have_bmp"), st.sampled_from(["deaf", "gone", "there", "there"])),
)
MOVING = st.one_of(
    st.tuples(st.just("well")),
    st.tuples(st.just("ill"), SITES),
    st.tuples(st.just("order"), st.sampled_from(Mode), st.just(10.0)),
)
HAPPENS = st.one_of(
    TROUBLE,
    MOVING,
    MOVING,
    st.tuples(st.just("see"), SITES, st.sampled_from(Role), st.sampled_from(Health)),
    st.tuples(st.just("blind")),
    st.tuples(st.just("wait"), SECONDS),
    st.tuples(st.just("order"), st.sampled_from(Mode), SECONDS, LIFTED, st.booleans()),
    st.tuples(st.just("lift")),
    st.tuples(st.just("match"), st.sampled_from([0, 1, 2, 2, 2, 12]), st.sampled_from([2, None])),
    st.tuples(st.just("tie")),
    st.tuples(st.just("pause_for"), SECONDS),
    st.tuples(st.just("unpause")),
    st.tuples(st.just("acknowledge")),
    st.tuples(st.just("touch"), SITES, st.booleans()),
)
RULES = {
    *("all_well", "blind", "both_unhealthy", "failback", "failback_is_manual", "failover"),
    *("flip_budget", "hold_down", "min_interval", "not_at_rest", "nothing_advertised"),
    *("other_unknown", "override", "paused", "plan_in_flight", "posture_unclear"),
    *("posture_unknown", "practice", "routes_touched", "selector_matches", "target_is_well"),
    "warming_up",
}
LIMITS_OF_SOMEBODY = st.builds(
    lambda withdraws, failback, warm_up, max_flips: replace(
        LIMITS,
        withdraws=withdraws,
        failback=failback,
        warm_up_cycles=warm_up,
        max_flips=max_flips,
        failback_hold_down=timedelta(seconds=60),
    ),
    st.sampled_from([True, True, False]),
    st.sampled_from(["manual", "auto"]),
    st.integers(0, 2),
    st.integers(1, 3),
)


@pytest.mark.timeout(600)
def test_the_rules_hold_whatever_happens() -> None:
    ends: Counter[PlanState] = Counter()
    rules: Counter[str] = Counter()

    @given(LIMITS_OF_SOMEBODY, st.lists(HAPPENS, min_size=5, max_size=50))
    @settings(
        max_examples=SEQUENCES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def sequence(limits: Any, happens: list[tuple[Any, ...]]) -> None:
        it = Controller(limits)
        for one in happens:
            getattr(it, one[0])(*one[1:])
            it.cycle()
        decision = it.settle()
        assert decision.sentence
        it.check_replay()
        ends.update(one.state for one in it.world.journal.plans.values())
        rules.update(it.rules)

    sequence()
    if SEQUENCES >= ENOUGH:
        # Otherwise much was not tried.
        assert set(ends) == set(PlanState) - {PlanState.RUNNING}
        assert set(rules) >= RULES, RULES - set(rules)
