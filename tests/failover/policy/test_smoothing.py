"""What is seen several times in a row is believed, and what is not seen is no evidence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.failover.policy.model import Health, Reading, Role, Site
from services.failover.policy.smoothing import NOTHING_SEEN, Streak, aged, agreed, followed, seen
from tests.failover.policy.situations import HEALTHY, NOW, UNHEALTHY, UNKNOWN

RISE, FALL = 2, 3


def reading(health: Health, second: int) -> Reading:
    at = NOW + timedelta(seconds=second)
    return Reading("probe", Site.LOCAL, Role.SERVICE, health, at, "it said so")


def watched(*healths: Health) -> list[Health]:
    """What is believed after each reading."""
    streak, believed = NOTHING_SEEN, []
    for second, health in enumerate(healths):
        streak = seen(streak, reading(health, second), rise=RISE, fall=FALL)
        believed.append(streak.believed)
    return believed


def test_at_first_nothing_is_believed_until_it_was_seen_often_enough() -> None:
    assert watched(HEALTHY, HEALTHY) == [UNKNOWN, HEALTHY]
    assert watched(UNHEALTHY, UNHEALTHY, UNHEALTHY) == [UNKNOWN, UNKNOWN, UNHEALTHY]


def test_a_blip_changes_nothing() -> None:
    blip = (HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY)
    assert watched(*blip)[1:] == [HEALTHY] * 6


def test_not_to_see_neither_confirms_nor_denies() -> None:
    assert watched(HEALTHY, HEALTHY, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)[1:] == [HEALTHY] * 5
    assert watched(HEALTHY, HEALTHY, UNHEALTHY, UNKNOWN, UNHEALTHY, UNHEALTHY)[-1] is UNHEALTHY


def test_a_reading_that_was_counted_is_not_counted_again() -> None:
    streak = NOTHING_SEEN
    for _ in range(5):
        streak = seen(streak, reading(UNHEALTHY, 1), rise=RISE, fall=FALL)
    assert streak.believed is UNKNOWN


def test_what_was_seen_too_long_ago_is_not_known_any_more() -> None:
    streak = Streak(HEALTHY, reading(HEALTHY, 0), 0)
    limit = timedelta(seconds=90)
    assert aged(streak, NOW + limit, limit).believed is HEALTHY
    old = aged(streak, NOW + limit + timedelta(seconds=1), limit)
    assert old.believed is UNKNOWN
    assert seen(old, reading(HEALTHY, 100), rise=2, fall=3).believed is UNKNOWN


@given(st.lists(st.sampled_from(Health), max_size=30))
def test_a_change_needs_that_many_readings_in_a_row(healths: list[Health]) -> None:
    known = [one for one in healths if one is not UNKNOWN]
    believed = (watched(*healths) or [UNKNOWN])[-1]
    expected = UNKNOWN
    for end in range(1, len(known) + 1):
        for health, times in ((HEALTHY, RISE), (UNHEALTHY, FALL)):
            if known[max(0, end - times) : end] == [health] * times:
                expected = health
    assert believed is expected


@pytest.mark.parametrize(
    ("votes", "quorum", "agreed_on"),
    [
        ([], None, UNKNOWN),
        ([UNHEALTHY], None, UNHEALTHY),
        ([HEALTHY, UNHEALTHY], None, UNKNOWN),
        ([UNHEALTHY, UNHEALTHY, HEALTHY], None, UNHEALTHY),
        ([UNHEALTHY, UNKNOWN, UNKNOWN], None, UNKNOWN),
        ([HEALTHY, UNHEALTHY, UNKNOWN], 1, UNKNOWN),
        ([UNHEALTHY, UNKNOWN, UNKNOWN], 1, UNHEALTHY),
    ],
)
def test_observers_have_to_agree(
    votes: list[Health], quorum: int | None, agreed_on: Health
) -> None:
    assert agreed(votes, quorum) is agreed_on


def test_a_verdict_remembers_since_when_it_is_so() -> None:
    later = NOW + timedelta(seconds=30)
    first = followed(None, UNHEALTHY, (), NOW)
    assert (first.since, followed(first, UNHEALTHY, (), later).since) == (NOW, NOW)
    assert followed(first, HEALTHY, (), later).since == later
