"""The time of messages: the system's, but it never goes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from services.ingest.limits import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

AHEAD_SECONDS = 10.0
"""So far clocks are put right without a word."""


class SteadyClock:
    """Microseconds since 1970, never the same twice and never going back, whatever is done to the
    system's clock: the last thing said of a route has the last time."""

    def __init__(
        self, now_ns: Callable[[], int] = time.time_ns, *, seldom: Seldom | None = None
    ) -> None:
        self._now_ns = now_ns
        self._seldom = seldom or Seldom()
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last + 1, self._now_ns() // 1000)
        return self._last

    def watch(self) -> None:
        """Says so where the system's clock was set back by much: ours stands still meanwhile."""
        ahead = (self._last - self._now_ns() // 1000) / 1_000_000
        if ahead > AHEAD_SECONDS and (left_out := self._seldom.now("ahead")) is not None:
            log.warning(
                "the system's clock was set back: until it has caught up, or this service is "
                "started again, what comes has the time of before",
                ahead_seconds=round(ahead),
                left_out=left_out,
            )
