"""A bound on questions that cost much: of each caller, and of all together."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from services.routes import metrics
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fastapi import Request

_RETRY_SECONDS = 5


class HeavyQueries:
    """Counts those that run, by caller: the address that the gateway names."""

    def __init__(self, *, per_caller: int, total: int) -> None:
        self._per_caller = per_caller
        self._total = total
        self._running: Counter[str] = Counter()

    @contextmanager
    def running(self, caller: str) -> Iterator[None]:
        """One more within this context; ProblemError where that is too many."""
        if self._running[caller] >= self._per_caller:
            metrics.HEAVY_REFUSED.labels("caller").inc()
            raise ProblemError(
                429,
                "too-many-heavy-queries",
                f"{self._per_caller} streams, counts or summaries of yours run already; "
                "wait for one to end, or ask for pages",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
        if self._running.total() >= self._total:
            metrics.HEAVY_REFUSED.labels("all").inc()
            raise ProblemError(
                503,
                "too-busy",
                f"{self._total} heavy queries of all callers run already; "
                f"try again in {_RETRY_SECONDS} seconds, or ask for pages",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
        self._running[caller] += 1
        metrics.HEAVY_RUNNING.inc()
        try:
            yield
        finally:
            metrics.HEAVY_RUNNING.dec()
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]


@contextmanager
def heavy(request: Request) -> Iterator[None]:
    """One heavy query of whoever asks, within this context."""
    queries: HeavyQueries = request.app.state.heavy
    with queries.running(request.client.host if request.client else ""):
        yield


@asynccontextmanager
async def while_connected(request: Request) -> AsyncIterator[None]:
    """What is awaited within this context ends when the client goes away, its query with it."""
    task = asyncio.current_task()
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_left = True
        if task is not None:
            task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not (has_left and task is not None and task.uncancel() == 0):
            raise
        request.scope["access_log"] = {"disconnect": True}
        raise ProblemError(503, "client-gone", "the client went away before the answer") from None
    finally:
        watching.cancel()
