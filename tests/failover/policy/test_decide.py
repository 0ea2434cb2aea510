"""When it switches, when it holds, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.failover.policy.decide import Mode, Override, Pause, decide
from services.failover.policy.model import Health, Posture, StepKind
from services.failover.policy.rules import Reach, after
from services.failover.policy.states import StateCode
from tests.failover.policy.situations import (
    HEALTHY,
    LIMITS,
    LOCAL,
    NOW,
    QUIET,
    REMOTE,
    UNHEALTHY,
    UNKNOWN,
    ago,
    decided,
    inputs,
    posture,
)

if TYPE_CHECKING:
    from services.failover.policy.decide import Decision

LATER = NOW + timedelta(minutes=10)


def override(mode: Mode, **differs: Any) -> Override:
    return replace(Override(mode, "ana", "the cable is cut", LATER), **differs)


def steps(decision: Decision) -> list[str]:
    assert decision.plan is not None
    return [f"{step.kind.value} {step.site.value}" for step in decision.plan.steps]


def test_on_a_quiet_day_everything_stays() -> None:
    decision = decided()
    assert (decision.state, decision.rule, decision.plan) == (StateCode.BOTH, "all_well", None)
    assert decision.sentence == "the local site serves and is well"
    assert not decision.is_alarm


def test_a_site_that_is_not_well_is_left_for_one_that_is() -> None:
    decision = decided(inputs=inputs(local=UNHEALTHY))
    assert (decision.state, decision.rule) == (StateCode.REMOTE_ONLY, "failover")
    assert decision.sentence == (
        "the local site is not well and the remote site is: to the remote site"
    )
    assert steps(decision) == [
        "advertise remote",
        "confirm_seen remote",
        "prefer remote",
        "withdraw local",
        "confirm_moved remote",
    ]


def test_so_is_one_that_can_announce_nothing() -> None:
    assert decided(inputs=inputs(local_bgp=UNHEALTHY)).rule == "failover"


def test_the_way_back_after_a_failure_of_the_remote_site_is_a_failover_too() -> None:
    decision = decided(inputs=inputs(remote=UNHEALTHY), posture=posture(REMOTE))
    assert decision.rule == "failover"
    assert steps(decision)[0] == "advertise local"


@pytest.mark.parametrize(
    ("differs", "rule", "is_alarm"),
    [
        ({"local": UNHEALTHY, "remote": UNHEALTHY}, "both_unhealthy", True),
        ({"local": UNHEALTHY, "remote_bgp": UNHEALTHY}, "both_unhealthy", True),
        ({"local": UNHEALTHY, "remote": UNKNOWN}, "other_unknown", True),
        ({"local": UNHEALTHY, "remote_bgp": UNKNOWN}, "other_unknown", True),
        ({"local": UNKNOWN}, "blind", True),
        ({"local": UNKNOWN, "remote": UNKNOWN}, "blind", True),
        ({"local_bgp": UNKNOWN}, "blind", True),
        ({"remote": UNHEALTHY}, "all_well", False),
        ({"remote": UNKNOWN}, "all_well", False),
    ],
)
def test_nothing_moves_where_it_would_help_nobody_or_nothing_certain_is_known(
    differs: dict[str, Health], rule: str, is_alarm: bool
) -> None:
    decision = decided(inputs=inputs(**differs))
    assert (decision.rule, decision.plan, decision.is_alarm) == (rule, None, is_alarm)


def test_a_failure_has_to_last() -> None:
    decision = decided(inputs=inputs(local=UNHEALTHY, since=ago(seconds=59)))
    assert decision.rule == "hold_down"
    assert decision.sentence == (
        "the local site is not well and the remote site is for 59 s; 60 s are needed"
    )
    assert decided(inputs=inputs(local=UNHEALTHY, since=ago(seconds=60))).plan is not None


def test_failback_is_for_people_unless_they_say_otherwise() -> None:
    decision = decided(posture=posture(REMOTE))
    assert (decision.rule, decision.plan) == ("failback_is_manual", None)
    assert "POST /api/v1/failover/switchover" in decision.sentence
    auto = replace(LIMITS, failback="auto")
    assert decided(auto, posture=posture(REMOTE)).rule == "failback"
    recent = inputs(since=ago(minutes=9))
    assert decided(auto, posture=posture(REMOTE), inputs=recent).rule == "hold_down"


def test_switches_that_nobody_asked_for_are_rare() -> None:
    failing = {"inputs": inputs(local=UNHEALTHY)}
    assert decided(**failing, flips=(ago(minutes=4),)).rule == "min_interval"
    assert decided(**failing, flips=(ago(minutes=6),)).rule == "failover"
    flips = (ago(minutes=50), ago(minutes=30), ago(minutes=10))
    blocked = decided(**failing, flips=flips)
    assert (blocked.rule, blocked.is_alarm) == ("flip_budget", True)
    assert "POST /api/v1/failover/ack" in blocked.sentence
    assert decided(**failing, flips=(ago(minutes=61), *flips[1:])).rule == "failover"


def test_an_operator_may_order_what_would_be_too_soon() -> None:
    decision = decided(override=override(Mode.REMOTE), flips=(ago(minutes=1),) * 5)
    assert decision.rule == "override"
    assert steps(decision)[0] == "advertise remote"
    assert decision.sentence == (
        "ana said remote until 2026-03-01T12:10:00Z: the cable is cut: to the remote site"
    )


def test_an_order_that_is_carried_out_holds_against_health() -> None:
    decision = decided(
        override=override(Mode.REMOTE), posture=posture(REMOTE), inputs=inputs(remote=UNHEALTHY)
    )
    assert (decision.rule, decision.plan) == ("override", None)
    hold = decided(override=override(Mode.HOLD), inputs=inputs(local=UNHEALTHY))
    assert (hold.rule, hold.plan) == ("override", None)


def test_an_order_ends_with_its_time() -> None:
    assert decided(override=override(Mode.REMOTE, until=NOW)).rule == "all_well"


def test_an_order_to_a_site_that_is_ill_needs_the_rule_lifted_by_name() -> None:
    ill = {"inputs": inputs(remote=UNHEALTHY)}
    refused = decided(**ill, override=override(Mode.REMOTE))
    assert (refused.rule, refused.plan, refused.is_alarm) == ("target_is_well", None, True)
    lifted = override(Mode.REMOTE, lifted_rules=frozenset({"target_is_well"}))
    assert decided(**ill, override=lifted).plan is not None


def test_a_pause_stops_all_but_people_and_ends_by_itself() -> None:
    failing, pause = inputs(local=UNHEALTHY), Pause("ana", "maintenance", LATER)
    paused = decided(inputs=failing, pause=pause)
    assert paused.sentence == "ana paused it until 2026-03-01T12:10:00Z: maintenance"
    assert paused.plan is None
    assert decided(inputs=failing, pause=pause, override=override(Mode.REMOTE)).plan is not None
    assert decided(inputs=failing, pause=replace(pause, until=NOW)).plan is not None


@pytest.mark.parametrize(
    ("differs", "rule"),
    [
        ({"is_leader": False}, "not_leader"),
        ({"plan_in_flight": True}, "plan_in_flight"),
        ({"posture": None}, "posture_unknown"),
        ({"posture": posture(at=ago(seconds=91))}, "posture_unknown"),
        ({"cycles": 2}, "warming_up"),
        ({"reach": Reach(0, None, 10)}, "selector_matches"),
        ({"reach": Reach(3, 2, 10)}, "selector_matches"),
        ({"reach": Reach(11, None, 10)}, "routes_touched"),
    ],
    ids=str,
)
def test_what_stops_a_failover(differs: dict[str, Any], rule: str) -> None:
    decision = decided(inputs=inputs(local=UNHEALTHY), **differs)
    assert (decision.rule, decision.plan) == (rule, None)


def test_two_sites_announced_are_safe_but_said_and_left_when_one_fails() -> None:
    both = posture(LOCAL, both=True)
    resting = decided(posture=both)
    assert (resting.rule, resting.is_alarm, resting.plan) == ("not_at_rest", True, None)
    assert decided(posture=both, inputs=inputs(local=UNHEALTHY)).rule == "failover"


@pytest.mark.parametrize(
    ("stands", "why"),
    [
        (posture(LOCAL, both=True), "the remote site is announced too"),
        (posture(LOCAL, advertised={REMOTE: None}), "the remote site may be announced too"),
        (posture(REMOTE, both=True), "the local site is announced too"),
        (
            posture(REMOTE, advertised={LOCAL: True, REMOTE: False}),
            "routes to it are not preferred",
        ),
        (posture(None, advertised={LOCAL: True}), "the routes to it are not preferred"),
    ],
)
def test_what_is_not_as_a_switch_would_leave_it_is_said(stands: Posture, why: str) -> None:
    decision = decided(posture=stands)
    assert (decision.rule, decision.is_alarm) == ("not_at_rest", True)
    assert why in decision.sentence


def test_two_sites_announced_are_at_rest_where_nothing_is_ever_withdrawn() -> None:
    keeping = replace(LIMITS, withdraws=False)
    both = {"posture": posture(LOCAL, both=True)}
    assert decided(keeping, **both).rule == "all_well"
    there = decided(keeping, **both, override=override(Mode.LOCAL))
    assert (there.rule, there.plan) == ("override", None)
    assert steps(decided(keeping, **both, override=override(Mode.REMOTE)))[-1] == "prefer remote"
    away = decided(keeping, posture=posture(REMOTE, both=True))
    assert (away.rule, away.is_alarm) == ("failback_is_manual", False)


@pytest.mark.parametrize(
    ("stands", "rule"),
    [
        (posture(None), "nothing_advertised"),
        (posture(LOCAL, advertised={LOCAL: None}), "posture_unclear"),
        (posture(None, both=True), "posture_unclear"),
    ],
    ids=["nothing", "not known", "no preference"],
)
def test_a_posture_that_is_not_clear_is_an_alarm_and_a_persons(stands: Posture, rule: str) -> None:
    decision = decided(posture=stands, inputs=inputs(local=UNHEALTHY))
    assert (decision.rule, decision.is_alarm, decision.plan) == (rule, True, None)
    assert decided(posture=stands, override=override(Mode.REMOTE)).plan is not None


_health = st.sampled_from(Health)
_maybe = st.sampled_from((True, False, None))


@given(
    seen=st.builds(inputs, local=_health, remote=_health, local_bgp=_health, remote_bgp=_health),
    stands=st.builds(
        lambda local, remote, preferred: Posture(NOW, {LOCAL: local, REMOTE: remote}, preferred),
        _maybe,
        _maybe,
        st.sampled_from((LOCAL, REMOTE, None)),
    ),
    order=st.none() | st.sampled_from(Mode).map(override),
    cycles=st.integers(0, 5),
    flips=st.lists(st.integers(0, 90).map(lambda minutes: ago(minutes=minutes)), max_size=5),
)
def test_whatever_is_seen_no_plan_leaves_the_prefix_unannounced_or_moves_on_a_guess(
    seen: Any, stands: Posture, order: Override | None, cycles: int, flips: list[Any]
) -> None:
    situation = replace(
        QUIET, inputs=seen, posture=stands, override=order, cycles=cycles, flips=tuple(flips)
    )
    decision = decide(situation, LIMITS)
    assert decision == decide(situation, LIMITS)
    assert decision.sentence
    if decision.plan is None:
        return
    target = decision.plan.target
    for step in decision.plan.steps:
        if step.kind is StepKind.WITHDRAW:
            assert stands.advertised[step.site.other] is True
        stands = after(stands, step)
    assert (stands.active, stands.preferred) == (target, target)
    if order is None:
        assert seen.service[target].health is seen.bgp[target].health is HEALTHY
        left = {seen.service[target.other].health, seen.bgp[target.other].health}
        assert UNHEALTHY in left


def test_a_backend_that_flaps_for_ten_minutes_moves_traffic_once_at_most() -> None:
    serving, flips, verdicts = LOCAL, [], (UNHEALTHY, HEALTHY)
    since = NOW
    for cycle in range(600 // 30):
        at = NOW + timedelta(seconds=30 * cycle)
        local = verdicts[cycle // 3 % 2]  # 90 s ill, 90 s well
        since = at if cycle % 3 == 0 else since
        situation = replace(
            QUIET,
            inputs=inputs(local=local, since=since, at=at),
            posture=posture(serving, at=at),
            flips=tuple(flips),
        )
        if (plan := decide(situation, LIMITS).plan) is not None:
            serving = plan.target
            flips.append(at)
    assert (serving, len(flips)) == (REMOTE, 1)
