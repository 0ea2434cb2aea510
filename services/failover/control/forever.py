"""Cycles, one after the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from services.failover import metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from services.failover.control.controller import Controller

log = structlog.get_logger(__name__)


def is_overdue(last: datetime | None, now: datetime, interval: float) -> bool:
    """Whether the cycles have stopped coming."""
    return last is None or (now - last).total_seconds() > 3 * interval


async def forever(
    controller: Controller,
    *,
    interval: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """A cycle every `interval` seconds, whatever becomes of each."""
    while True:
        began = clock()
        try:
            async with asyncio.timeout(3 * interval):
                await controller.cycle()
        except Exception:
            metrics.CYCLES.labels("failed").inc()
            log.exception("cycle failed")
        else:
            metrics.CYCLES.labels("done").inc()
            metrics.LAST_CYCLE.set_to_current_time()
        controller.ended_at = clock()
        took = controller.ended_at - began
        metrics.CYCLE_SECONDS.observe(took)
        await sleep(max(0.0, interval - took))
