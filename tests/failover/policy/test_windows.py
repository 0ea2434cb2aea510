"""Times in which nothing is to be tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.failover.policy.windows import Weekly, parsed

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("window", "begin", "minutes", "is_within"),
    [
        ("2026-12-24", "2026-12-23T23:00", 59, False),
        ("2026-12-24", "2026-12-23T23:00", 60, True),
        ("2026-12-24", "2026-12-24T23:59", 10, True),
        ("2026-12-24", "2026-12-25T00:00", 10, False),
        ("2026-12-20/2027-01-03", "2027-01-03T12:00", 10, True),
        ("2026-12-20/2027-01-03", "2027-01-04T00:00", 10, False),
        ("Fri 16:00/Mon 08:00", "2026-11-20T15:00", 59, False),
        ("Fri 16:00/Mon 08:00", "2026-11-20T15:00", 60, True),
        ("Fri 16:00/Mon 08:00", "2026-11-22T12:00", 1, True),
        ("Fri 16:00/Mon 08:00", "2026-11-23T07:59", 1, True),
        ("Fri 16:00/Mon 08:00", "2026-11-23T08:00", 1, False),
        ("sat 00:00/sun 24:00", "2026-11-22T23:59", 0, True),
        ("sat 00:00/sun 24:00", "2026-11-23T00:00", 0, False),
    ],
)
def test_a_window_is_met_or_not(window: str, begin: str, minutes: int, is_within: bool) -> None:
    (one,) = parsed(window)
    assert one.overlaps(at(begin), at(begin) + minutes * MINUTE) is is_within


@given(
    st.integers(0, 10_079),
    st.integers(1, 10_079),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 - of no zone
    st.integers(0, 3_000),
)
def test_a_week_is_met_exactly_where_one_of_its_minutes_is(
    begin: int, lasts: int, start: datetime, minutes: int
) -> None:
    start = start.replace(second=0, microsecond=0)
    window = Weekly(begin, (begin + lasts) % 10_080)
    each = (start + n * MINUTE for n in range(minutes + 1))
    within = any(
        (one.weekday() * 1440 + one.hour * 60 + one.minute - begin) % 10_080 < lasts for one in each
    )
    assert window.overlaps(start, start + minutes * MINUTE) is within


def test_windows_are_written_with_commas_and_read_back() -> None:
    text = "2026-12-24,2026-12-20/2027-01-03,Fri 16:00/Mon 08:00"
    assert ",".join(map(str, parsed(text.replace(",", " , ") + ","))) == text
    assert parsed("") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("x", "2026-13-01", "2027-01-03/2026-12-20", "Fri 16:00", "Fri 16:00/Fri 16:00"),
        *("Fre 16:00/Mon 08:00", "Fri 25:00/Mon 08:00", "Fri 16:75/Mon 08:00", "Fri/Mon"),
    ],
)
def test_what_is_no_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: write 2026-12-24, "):
        parsed(text)
