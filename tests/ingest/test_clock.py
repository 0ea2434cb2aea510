"""The time that is written with each message."""

from __future__ import annotations

from structlog.testing import capture_logs

from services.ingest.clock import AHEAD_SECONDS, SteadyClock


def test_no_two_messages_have_the_same_time_and_none_goes_back() -> None:
    clock = iter([5_000, 5_000, 5_999, 3_000, 90_000])
    now = SteadyClock(lambda: next(clock))
    assert [now() for _ in range(5)] == [5, 6, 7, 8, 90]


def test_a_clock_that_was_set_back_is_told_of_once_a_minute() -> None:
    system_ns = 1_700_000_000 * 10**9
    now = SteadyClock(lambda: system_ns)
    now()
    with capture_logs() as logs:
        now.watch()
        system_ns -= int(AHEAD_SECONDS) * 10**9
        now.watch()
        assert not logs
        system_ns -= 10**9
        now.watch()
        now.watch()
    (line,) = logs
    assert line["log_level"] == "warning"
    assert line["ahead_seconds"] == AHEAD_SECONDS + 1
