"""The time that is written with each message."""

from __future__ import annotations

from services.ingest.collector import steady_us


def test_no_two_messages_have_the_same_time_and_none_goes_back() -> None:
    clock = iter([5_000, 5_000, 5_999, 3_000, 90_000])
    now = steady_us(lambda: next(clock))
    assert [now() for _ in range(5)] == [5, 6, 7, 8, 90]
