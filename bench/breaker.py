"""What a circuit breaker adds to a call while it is closed."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from shared.breaker import CircuitBreaker, RateWindow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

CALLS = 100_000
REPEATS = 9


def run() -> Iterator[dict[str, Any]]:
    """CPU time of a guarded call less that of a bare one, in microseconds."""
    makes: dict[str, Callable[[], CircuitBreaker]] = {
        "consecutive": lambda: CircuitBreaker("bench", registry=None),
        "window": lambda: CircuitBreaker(
            "bench", trip=RateWindow(seconds=10, min_calls=100), registry=None
        ),
    }
    for trip, make in makes.items():
        breaker = make()
        plain, guarded = _plain(_nothing), _plain(breaker(_nothing))
        yield {"function": "plain", "trip": trip} | _figures(plain, guarded)
        bare, awaited = _awaited(_nothing_async), _awaited(breaker(_nothing_async))
        yield {"function": "async", "trip": trip} | _figures(bare, awaited)
    breaker = makes["consecutive"]()

    def wraps_each_time() -> None:
        breaker(_nothing)()

    figures = _figures(_plain(_nothing), _plain(wraps_each_time))
    yield {"function": "breaker(function)()", "trip": "consecutive"} | figures


def _nothing() -> None: ...


async def _nothing_async() -> None: ...


def _plain(function: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(REPEATS):
        started = time.thread_time()
        for _ in range(CALLS):
            function()
        times.append((time.thread_time() - started) / CALLS * 1e6)
    return times


def _awaited(function: Callable[[], Awaitable[object]]) -> list[float]:
    async def measure() -> float:
        started = time.thread_time()
        for _ in range(CALLS):
            await function()
        return (time.thread_time() - started) / CALLS * 1e6

    return [asyncio.run(measure()) for _ in range(REPEATS)]


def _figures(bare: list[float], guarded: list[float]) -> dict[str, float]:
    return {
        "best_us": round(min(guarded) - min(bare), 2),
        "median_us": round(median(guarded) - median(bare), 2),
    }
