"""Times that come again and again, on the days of clocks that are set as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.failover import cron

BERLIN = cron.zone("Europe/Berlin")
LATE = timedelta(minutes=10)
BACK, FORWARD = (
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 3, 29, tzinfo=UTC),
)
"""On these days 02:00 to 03:00 comes twice in Berlin, from 00:00 UTC on, or not at all."""


def came(written: str, day: datetime) -> list[str]:
    """Every time of a day in UTC, by somebody who asks once a minute."""
    trigger = cron.parsed(written, BERLIN)
    asked = (day + timedelta(minutes=minute, seconds=1) for minute in range(24 * 60))
    found = {at for moment in asked if (at := cron.last(trigger, moment, LATE)) is not None}
    return [f"{at:%H:%M}" for at in sorted(found)]


def test_its_time_is_that_of_a_time_zone_and_the_same_for_all_who_ask() -> None:
    trigger = cron.parsed("0 3 * * sun", BERLIN)
    asked = datetime(2026, 10, 25, 3, 7, tzinfo=BERLIN)  # the day on which the clocks go back
    assert cron.last(trigger, asked, LATE) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert cron.last(trigger, asked + timedelta(minutes=4), LATE) is None


def test_a_time_that_the_clock_shows_twice_comes_once() -> None:
    assert came("30 2 * * *", BACK) == ["00:30"]
    assert came("*/30 2-3 * * *", BACK) == ["00:00", "00:30", "02:00", "02:30"]


def test_a_time_that_the_day_leaves_out_does_not_come() -> None:
    assert came("30 2 * * *", FORWARD) == []
    assert came("0 3 * * *", FORWARD) == ["01:00"]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("0 3 * *", "five fields"),
        ("0 3 * * 1", "by their names"),
        ("61 3 * * mon", "is no schedule: "),
        ("0 3 * * someday", "is no schedule: "),
    ],
)
def test_what_is_no_schedule_is_refused_with_what_to_write(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cron.parsed(written, UTC)
