"""The limit of requests is kept, and what acts goes before what only watches."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.failover.providers.cloudflare.budget import Budget, HeldBackError, Purpose
from services.failover.providers.faults import Fault
from tests.failover.providers.cloudflare.harness import Clock

WATCH, ACT = Purpose.WATCH, Purpose.ACT


def sent(budget: Budget, purpose: Purpose) -> bool:
    """Whether a request goes out."""
    try:
        budget.check(purpose, "list of routes")
    except HeldBackError:
        return False
    budget.spend()
    return True


def all_sent(budget: Budget, purpose: Purpose = WATCH) -> int:
    """How many requests go out at once."""
    return next(number for number in range(2_000) if not sent(budget, purpose))


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bgpilot_failover_cloudflare_{name}", labels) or 0.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 90), min_size=1, max_size=30))
def test_no_window_sees_more_than_the_limit_wherever_it_begins(waits: list[float]) -> None:
    clock = Clock()
    budget = Budget(clock, limit=120, window=300, reserve=20)
    moments: list[float] = []
    for wait in waits:
        clock.seconds += wait
        moments += [clock.seconds] * all_sent(budget)
    for begin in set(moments):
        assert sum(begin <= moment < begin + 300 for moment in moments) < 120


def test_reads_stop_while_a_reserve_is_left_and_writes_do_not(clock: Clock) -> None:
    budget = Budget(clock, reserve=100)
    assert all_sent(budget) == 500
    assert all(sent(budget, ACT) for _ in range(150))
    assert not sent(budget, WATCH)


def test_what_was_taken_from_later_is_paid_back(clock: Clock) -> None:
    budget = Budget(clock, reserve=0)
    for purpose in [WATCH] + [ACT] * 619:
        assert sent(budget, purpose)
    clock.seconds = 10
    assert not sent(budget, WATCH), "2 in a second come back, and 20 are owed"
    clock.seconds = 10.5
    assert sent(budget, WATCH)


def test_one_look_in_20_seconds_goes_through_so_that_nobody_acts_blindly(clock: Clock) -> None:
    budget = Budget(clock)
    sent(budget, WATCH)
    for second in range(1, 301):
        clock.seconds = second
        budget.heard(200, {"ratelimit": '"default";r=5;t=300'})
        assert sent(budget, WATCH) is (second % 20 == 0)


def test_a_request_that_is_held_back_says_when_it_may_be_sent(clock: Clock) -> None:
    budget = Budget(clock)
    all_sent(budget)
    with pytest.raises(
        HeldBackError, match=r"list of routes.*kept for writes; .* in 1 s"
    ) as raised:
        budget.check(WATCH, "list of routes")
    assert (raised.value.fault, raised.value.wait) == (Fault.HELD_BACK, 0.5)
    clock.seconds += 0.5
    assert sent(budget, WATCH)


@pytest.mark.parametrize(
    ("ratelimit", "policy", "is_low"),
    [
        ('"default";r=50;t=10', '"burst";q=100;w=60', False),
        ('"default";r=5;t=10', '"burst";q=100;w=60', True),
        ('"default";r=100;t=10', '"default";q=1200;w=300', True),
        ('"default";r=101;t=10', '"default";q=1200;w=300', False),
        (
            '"default";r=900;t=10, "burst";r=1;t=5',
            '"default";q=1200;w=300, "burst";q=200;w=1',
            True,
        ),
        ('"default";r=100;t=10', "", True),
        ("nonsense", "nonsense", False),
        ("", "", False),
    ],
)
def test_what_cloudflare_says_is_left_stops_reads_when_it_is_little(
    clock: Clock, ratelimit: str, policy: str, is_low: bool
) -> None:
    budget = Budget(clock)
    sent(budget, WATCH)
    clock.seconds = 1
    budget.heard(200, {"ratelimit": ratelimit, "ratelimit-policy": policy})
    assert sent(budget, WATCH) is not is_low
    assert sent(budget, ACT)
    clock.seconds = 11
    assert sent(budget, WATCH), "the window is over"


def test_what_is_left_is_a_metric(clock: Clock) -> None:
    budget = Budget(clock)
    sent(budget, WATCH)
    budget.heard(200, {"ratelimit": '"default";r=50;t=10'})
    assert metric("remaining_requests", counted_by="us") == 599
    assert metric("remaining_requests", counted_by="cloudflare") == 50


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 300), ({"retry-after": "17"}, 17), ({"retry-after": "?"}, 300)]
)
def test_a_429_is_a_block_of_five_minutes_unless_it_says_otherwise(
    clock: Clock, headers: dict[str, str], seconds: int
) -> None:
    budget = Budget(clock)
    before = metric("held_back_total", reason="blocked")
    budget.heard(429, headers)
    for purpose in Purpose:
        with pytest.raises(HeldBackError, match=f"refuses all calls.* in {seconds} s"):
            budget.check(purpose, "list of routes")
    assert metric("held_back_total", reason="blocked") == before + 2
    clock.seconds = seconds
    assert sent(budget, WATCH)


@pytest.mark.parametrize("reserve", [-1, 600])
def test_a_reserve_is_less_than_half_of_the_limit(clock: Clock, reserve: int) -> None:
    with pytest.raises(ValueError, match="a reserve is from 0"):
        Budget(clock, reserve=reserve)
