"""A breaker with a clock of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from shared.breaker import CircuitBreaker

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Make(Protocol):
    def __call__(self, **options: Any) -> CircuitBreaker: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Make:
    """Makes breakers that trip at two failures and wait 60 s."""

    def make(**options: Any) -> CircuitBreaker:
        defaults = {"failure_threshold": 2, "recovery_timeout": 60.0, "registry": None}
        return CircuitBreaker("database", clock=clock, **{**defaults, **options})

    return make


class Dependency:
    """Counts the calls that reach it, and fails while it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = True

    def call(self) -> str:
        self.calls += 1
        if self.fails:
            raise ConnectionError("refused")
        return "fine"

    async def call_async(self) -> str:
        return self.call()


@pytest.fixture
def dependency() -> Dependency:
    return Dependency()


def swallow(function: Callable[[], object]) -> str:
    """What came of a call: its result, or its error's name."""
    try:
        return str(function())
    except Exception as error:  # noqa: BLE001 - the test looks at its name
        return type(error).__name__
