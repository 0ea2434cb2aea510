"""Rows that nobody needs any more, so that no table grows without end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from services.failover.repository import decisions, records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger(__name__)

DECISIONS_KEPT = timedelta(days=90)
"""Of those that led to no plan; the others are kept as long as their plan."""
ANSWERS_KEPT = timedelta(hours=24)
"""How long a command with the same Idempotency-Key gets the same answer."""
EVERY_SECONDS = 3600.0


async def tidy(engine: AsyncEngine, now: datetime) -> None:
    """Drops what is older, once."""
    async with engine.begin() as conn:
        await decisions.forget(conn, now - DECISIONS_KEPT)
        await records.forget_answers(conn, now - ANSWERS_KEPT)


async def keep_house(
    engine: AsyncEngine,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[object]],
) -> None:
    """Does so every hour, for ever; what fails is done the next time."""
    while True:
        await sleep(EVERY_SECONDS)
        try:
            await tidy(engine, now())
        except Exception:
            log.exception("old decisions are not dropped yet")
