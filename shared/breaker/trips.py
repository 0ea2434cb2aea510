"""When a closed circuit opens."""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Trip(Protocol):
    """Is told of each outcome in the closed state, one at a time."""

    def record(self, now: float, *, failed: bool, seconds: float) -> bool:
        """Whether the circuit opens now. `seconds` is how long the call took."""
        ...

    def reset(self) -> None:
        """The circuit closed: what was before does not count."""
        ...


class Consecutive:
    """Opens after so many failures with no success between them."""

    __slots__ = ("failures", "threshold")

    def __init__(self, threshold: int) -> None:
        if threshold < 1:
            raise ValueError(f"failure_threshold must be at least 1, not {threshold}")
        self.threshold = threshold
        self.failures = 0

    def record(self, now: float, *, failed: bool, seconds: float) -> bool:  # noqa: ARG002 - Trip's
        """See `Trip`."""
        if not failed:
            self.failures = 0
            return False
        self.failures += 1
        return self.failures >= self.threshold

    def reset(self) -> None:
        """See `Trip`."""
        self.failures = 0

    def __str__(self) -> str:
        return f"{self.failures} failures in a row"


class RateWindow:
    """Opens when too large a part of the calls of the last seconds failed, or was slow.

    Calls are counted in tenths of the window, so its memory does not grow with them.
    """

    TENTHS = 10

    def __init__(
        self,
        *,
        seconds: float,
        min_calls: int,
        failure_rate: float = 0.5,
        slow_seconds: float | None = None,
        slow_rate: float = 1.0,
    ) -> None:
        """Rates are parts of one, and reached is enough; `slow_seconds` None: none is slow."""
        if seconds <= 0 or min_calls < 1:
            raise ValueError("a window needs seconds > 0 and min_calls >= 1")
        if not (0 < failure_rate <= 1 and 0 < slow_rate <= 1):
            raise ValueError("failure_rate and slow_rate are parts of one, more than 0")
        self._tenth = seconds / self.TENTHS
        self._min_calls = min_calls
        self._failure_rate = failure_rate
        self._slow_seconds = slow_seconds
        self._slow_rate = slow_rate
        # Of each tenth: its number, calls, failures, slow calls.
        self._tenths: deque[list[int]] = deque()
        self._calls = self._failures = self._slow = 0

    def record(self, now: float, *, failed: bool, seconds: float) -> bool:
        """See `Trip`."""
        slow = self._slow_seconds is not None and seconds >= self._slow_seconds
        self._forget(number := int(now / self._tenth))
        if not self._tenths or self._tenths[-1][0] != number:
            self._tenths.append([number, 0, 0, 0])
        tenth = self._tenths[-1]
        tenth[1] += 1
        tenth[2] += failed
        tenth[3] += slow
        self._calls += 1
        self._failures += failed
        self._slow += slow
        return self._calls >= self._min_calls and (
            self._failures >= self._failure_rate * self._calls
            or (self._slow_seconds is not None and self._slow >= self._slow_rate * self._calls)
        )

    def reset(self) -> None:
        """See `Trip`."""
        self._tenths.clear()
        self._calls = self._failures = self._slow = 0

    def _forget(self, number: int) -> None:
        while self._tenths and self._tenths[0][0] <= number - self.TENTHS:
            _, calls, failures, slow = self._tenths.popleft()
            self._calls -= calls
            self._failures -= failures
            self._slow -= slow

    def __str__(self) -> str:
        return f"{self._failures} of {self._calls} calls failed and {self._slow} were slow"
