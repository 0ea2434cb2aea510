"""When a practice run begins, goes on, turns back, and what it comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.failover.policy.decide import Mode, Override, Pause, decide
from services.failover.policy.practice import (
    Around,
    Leg,
    Outcome,
    Phase,
    Practice,
    obstacles,
    turn,
)
from services.failover.policy.rules import Reach
from services.failover.policy.windows import parsed
from tests.failover.policy.situations import (
    LIMITS,
    LOCAL,
    NOW,
    QUIET,
    REMOTE,
    UNHEALTHY,
    UNKNOWN,
    ago,
    inputs,
    posture,
)

if TYPE_CHECKING:
    from services.failover.policy.model import Site

LATER = NOW + timedelta(minutes=10)
STAY = timedelta(minutes=30)
AROUND = Around(leg=timedelta(minutes=10), zone=UTC)
PENDING = Practice("ada", "the first of the month", STAY, LATER)
OUT = replace(PENDING, phase=Phase.OUT, home=LOCAL, until=NOW + timedelta(hours=1))
AWAY = replace(OUT, phase=Phase.STAY, back_at=LATER)
BACK = replace(AWAY, phase=Phase.BACK)
DONE = Leg(ago(seconds=5), is_done=True, detail="the remote site serves")
ALARM = Override(Mode.LOCAL, "bob", "no more of this", LATER)


def turned(practice: Practice, around: Around = AROUND, **differs: Any) -> Practice:
    return turn(practice, replace(QUIET, **differs), LIMITS, around)


def hindered(around: Around = AROUND, **differs: Any) -> str:
    return "; ".join(obstacles(replace(QUIET, **differs), LIMITS, around, STAY))


def test_one_that_is_called_off_before_its_plan_begins_moves_nothing() -> None:
    off = replace(OUT, outcome=Outcome.INTERRUPTED, detail="bob ended it")
    ended = turned(off)
    assert (ended.phase, ended.outcome, ended.detail) == (
        Phase.ENDED,
        Outcome.INTERRUPTED,
        "bob ended it",
    )
    assert turned(off, plan_in_flight=True) == off


def test_one_begins_from_where_the_traffic_is() -> None:
    begun = turned(PENDING)
    assert (begun.phase, begun.home) == (Phase.OUT, LOCAL)
    assert begun.until == NOW + timedelta(hours=1)
    assert begun.order is not None
    assert (begun.order.mode, begun.order.owner) == (Mode.REMOTE, "practice run by ada")
    decision = decide(replace(QUIET, override=begun.order), LIMITS)
    assert decision.rule == "practice"
    assert decision.plan is not None
    assert decision.plan.target is REMOTE
    elsewhere = turned(PENDING, posture=posture(REMOTE))
    assert elsewhere.order is not None
    assert elsewhere.order.mode is Mode.LOCAL


@pytest.mark.parametrize(
    ("differs", "why"),
    [
        ({"inputs": inputs(remote=UNHEALTHY)}, "service of the remote site is unhealthy"),
        ({"inputs": inputs(remote=UNKNOWN)}, "service of the remote site is unknown"),
        ({"inputs": inputs(local_bgp=UNKNOWN)}, "bgp of the local site is unknown"),
        ({"inputs": inputs(local=UNHEALTHY)}, "service of the local site is unhealthy"),
        ({"pause": Pause("bob", "works", LATER)}, "bob paused it"),
        ({"override": ALARM}, "bob said local"),
        ({"plan_in_flight": True}, "a plan is under way"),
        ({"is_leader": False}, "another controller leads"),
        ({"cycles": 1}, "it only watches at first"),
        ({"flips": (ago(minutes=50),)}, "the budget of switches is not whole: 1 of 3 are used"),
        ({"posture": None}, "how the providers stand could not be read"),
        ({"posture": posture(at=ago(hours=1))}, "how the providers stand could not be read"),
        ({"posture": posture(both=True)}, "the remote site is announced too"),
        ({"reach": Reach(3, 2, 10)}, "matches 3 routes of Cloudflare, and 2 are expected"),
    ],
)
def test_none_begins_unless_all_is_well(differs: dict[str, Any], why: str) -> None:
    assert why in hindered(**differs)
    if "plan_in_flight" not in differs:
        refused = turned(PENDING, **differs)
        assert (refused.phase, refused.outcome) == (Phase.ENDED, Outcome.REFUSED)
        assert why in refused.detail
        assert refused.order is None


@pytest.mark.parametrize(
    ("around", "why"),
    [
        (replace(AROUND, plan_alarm="withdraw failed"), "an alarm is open: withdraw failed"),
        (replace(AROUND, switchover_at=NOW + STAY), "a switchover is to be done at 2026-03-01T12"),
        (replace(AROUND, blocked=parsed("2026-03-01")), "within 2026-03-01, which FAILOVER_"),
        (replace(AROUND, blocked=parsed("Sun 12:59/Mon 00:00")), "within Sun 12:59/Mon 00:00"),
    ],
)
def test_none_begins_into_what_else_is_to_be(around: Around, why: str) -> None:
    assert why in hindered(around)


def test_what_is_far_enough_away_hinders_nobody() -> None:
    far = replace(
        AROUND,
        switchover_at=NOW + timedelta(hours=1, seconds=1),
        blocked=parsed("2026-03-02,Sun 13:01/Sun 20:00,Sat 00:00/Sun 12:00"),
    )
    assert hindered(far) == ""
    assert turned(PENDING, far).phase is Phase.OUT


def test_one_that_waits_for_a_plan_expires() -> None:
    assert turned(PENDING, plan_in_flight=True) == PENDING
    late = turned(replace(PENDING, until=NOW))
    assert (late.outcome, late.detail) == (Outcome.EXPIRED, "it could not be begun in time")


def test_it_goes_on_as_long_as_its_plan_does() -> None:
    for leg in (None, Leg(None)):
        assert turned(replace(OUT, leg=leg)) == replace(OUT, leg=leg)
    assert turned(replace(OUT, until=ago(days=1)), plan_in_flight=True).phase is Phase.OUT


def test_it_stays_from_when_it_arrived() -> None:
    there = turned(replace(OUT, leg=DONE), posture=posture(REMOTE))
    assert (there.phase, there.back_at) == (Phase.STAY, ago(seconds=5) + STAY)
    assert there.order is not None
    assert there.order.mode is Mode.REMOTE


def test_what_was_read_before_it_arrived_says_nothing_of_it() -> None:
    there = turned(replace(OUT, leg=DONE), posture=posture(LOCAL, at=ago(seconds=20)))
    assert there.phase is Phase.STAY


def test_a_way_out_that_was_undone_is_the_end() -> None:
    leg = Leg(NOW, is_undone=True, detail="prefer remote failed; all is as before")
    failed = turned(replace(OUT, leg=leg))
    assert (failed.outcome, failed.detail) == (Outcome.FAILED, leg.detail)
    stopped = turned(replace(OUT, leg=replace(leg, was_aborted=True)))
    assert stopped.outcome is Outcome.INTERRUPTED


def test_a_way_out_that_ended_in_between_is_followed_by_the_way_back() -> None:
    leg = Leg(NOW, detail="withdraw local failed; both sites are announced, or may be")
    back = turned(replace(OUT, leg=leg), posture=posture(REMOTE, both=True))
    assert (back.phase, back.outcome, back.detail) == (Phase.BACK, Outcome.FAILED, leg.detail)
    assert back.order is not None
    assert back.order.mode is Mode.LOCAL


def test_it_comes_back_when_its_time_is_over() -> None:
    away = {"posture": posture(REMOTE)}
    assert turned(AWAY, **away) == AWAY
    back = turned(replace(AWAY, back_at=NOW), **away)
    assert (back.phase, back.outcome) == (Phase.BACK, None)
    home = turned(replace(back, leg=DONE))
    assert (home.phase, home.outcome) == (Phase.ENDED, Outcome.SUCCEEDED)
    assert home.detail == "the traffic went there and came back"


@pytest.mark.parametrize("ill", [inputs(remote=UNHEALTHY), inputs(remote_bgp=UNHEALTHY)])
def test_it_comes_back_at_once_where_the_other_site_is_not_well(ill: Any) -> None:
    back = turned(AWAY, posture=posture(REMOTE), inputs=ill)
    assert (back.phase, back.outcome) == (Phase.BACK, Outcome.FAILED)
    home = turned(replace(back, leg=DONE), inputs=ill)
    assert home.outcome is Outcome.FAILED
    assert home.detail == "the remote site was not well; the traffic went there and came back"


def test_not_to_know_is_no_reason_to_move() -> None:
    assert turned(AWAY, posture=posture(REMOTE), inputs=inputs(remote=UNKNOWN)) == AWAY


@pytest.mark.parametrize("run", [OUT, AWAY, BACK])
@pytest.mark.parametrize("where", [LOCAL, REMOTE])
def test_it_neither_goes_nor_stays_quietly_where_nothing_is_known(
    run: Practice, where: Site
) -> None:
    assert run.order is not None
    blind = {"inputs": inputs(**{run.order.mode.value: UNKNOWN})}
    situation = replace(QUIET, **blind, posture=posture(where), override=run.order)
    decision = decide(situation, LIMITS)
    assert (decision.rule, decision.plan, decision.violations) == ("practice", None, ())
    assert decision.is_alarm
    assert decision.sentence.endswith(
        f"nothing certain is known of the {run.order.mode.value} site: everything stays"
    )


def test_it_comes_back_when_somebody_ends_it() -> None:
    ended = replace(AWAY, outcome=Outcome.INTERRUPTED, detail="bob ended it")
    assert turned(ended, posture=posture(REMOTE)).phase is Phase.BACK
    assert turned(replace(ended, phase=Phase.BACK, leg=DONE)).outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize("practice", [OUT, AWAY, BACK])
@pytest.mark.parametrize("said", [{"override": ALARM}, {"pause": Pause("bob", "stop", LATER)}])
def test_it_gives_way_to_anybodys_word(practice: Practice, said: dict[str, Any]) -> None:
    ended = turned(practice, posture=posture(REMOTE), **said)
    assert (ended.outcome, ended.order) == (Outcome.INTERRUPTED, None)
    assert ended.detail.startswith("bob ")
    assert ended.detail.endswith("; the traffic stays where it is")


def test_what_somebody_else_moved_is_left_there() -> None:
    ended = turned(AWAY, posture=posture(LOCAL))
    assert ended.outcome is Outcome.INTERRUPTED


def test_one_that_is_not_over_in_time_is_given_up() -> None:
    for practice in (OUT, AWAY, BACK):
        late = turned(replace(practice, until=NOW), posture=posture(REMOTE))
        assert (late.outcome, late.detail) == (Outcome.FAILED, "it was not over in time")


def test_a_way_back_that_fails_leaves_the_traffic_there() -> None:
    leg = Leg(NOW, is_undone=True, detail="prefer local failed; all is as before")
    failed = turned(replace(BACK, leg=leg), posture=posture(REMOTE))
    assert failed.outcome is Outcome.FAILED
    assert failed.detail == f"it did not come back: {leg.detail}"


def test_one_whose_traffic_is_home_already_is_over() -> None:
    assert turned(BACK).outcome is Outcome.SUCCEEDED


healths = st.sampled_from(list(type(UNKNOWN)))
postures = st.sampled_from([posture(), posture(REMOTE), posture(both=True), posture(None), None])
runs = st.sampled_from([PENDING, OUT, AWAY, BACK])
moments = st.sampled_from([ago(hours=2), ago(seconds=5), NOW, LATER, NOW + timedelta(hours=2)])
legs = st.none() | st.builds(
    Leg,
    st.none() | moments,
    is_done=st.booleans(),
    is_undone=st.booleans(),
    detail=st.just("so it ended"),
)


@given(
    run=runs,
    leg=legs,
    until=moments,
    back_at=moments,
    stands=postures,
    local=healths,
    remote=healths,
    is_paused=st.booleans(),
    plan_in_flight=st.booleans(),
)
def test_whatever_happens_nothing_begins_that_is_not_allowed_and_nothing_is_forgotten(
    *,
    run: Practice,
    leg: Leg | None,
    until: datetime,
    back_at: datetime,
    stands: Any,
    local: Any,
    remote: Any,
    is_paused: bool,
    plan_in_flight: bool,
) -> None:
    run = replace(run, leg=leg, until=until, back_at=back_at if run.back_at else None)
    pause = Pause("bob", "stop", LATER) if is_paused else None
    differs: dict[str, Any] = {
        "inputs": inputs(local, remote),
        "posture": stands,
        "pause": pause,
        "plan_in_flight": plan_in_flight,
    }
    after = turned(run, **differs)
    if plan_in_flight:
        assert after == run
        return
    assert after.phase is not Phase.ENDED or (after.outcome and after.detail)
    if run.phase is Phase.PENDING:
        assert (after.phase is Phase.OUT) is (until > NOW and not hindered(**differs))
    elif is_paused or until <= NOW:
        assert after.phase is Phase.ENDED
    if after.order is not None:
        assert after.until > NOW
        decision = decide(replace(QUIET, **differs, override=after.order), LIMITS)
        assert decision.plan is None or decision.plan.target.value == after.order.mode.value
