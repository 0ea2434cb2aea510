"""Practice runs that come by themselves, at the times of a crontab.

The scheduler only wakes: whichever process comes first at a time makes its row, and the row is the
only one for that time.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from services.failover import cron
from services.failover.control import drill
from services.failover.policy.practice import Outcome
from services.failover.repository import practices, records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from apscheduler.triggers.cron import CronTrigger

    from services.failover.parts import Parts
    from services.failover.settings import FailoverSettings

log = structlog.get_logger(__name__)

OWNER = "the schedule"
LATE = timedelta(minutes=10)
"""So long after its time one may still be begun."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When, and what."""

    trigger: CronTrigger
    is_real: bool
    stay: timedelta
    reason: str

    async def come(self, parts: Parts) -> None:
        """What is to be done at the time that was last, once for all processes."""
        at = cron.last(self.trigger, parts.now(), LATE)
        if at is None:
            return
        try:
            await (self._ask(parts, at) if self.is_real else self._drill(parts, at))
        except Exception:
            log.exception("practice run not begun", scheduled_for=at.isoformat())

    async def _ask(self, parts: Parts, at: datetime) -> None:
        async with parts.engine.begin() as conn:
            asked = await practices.ask(
                conn,
                owner=OWNER,
                reason=self.reason,
                stay=self.stay,
                seconds=(at + LATE - parts.now()).total_seconds(),
                scheduled_for=at,
            )
        log.info("practice run", scheduled_for=at.isoformat(), ours=asked is not None)

    async def _drill(self, parts: Parts, at: datetime) -> None:
        if parts.leadership.generation is None:
            log.info("dry practice run left to whoever leads", scheduled_for=at.isoformat())
            return
        done = await drill.drilled(parts, self.stay, OWNER)
        async with parts.engine.begin() as conn:
            row = await drill.noted(
                conn, done, owner=OWNER, reason=self.reason, stay=self.stay, scheduled_for=at
            )
            if row is not None:
                after = {"practice": row.practice_id, "outcome": done.outcome.value}
                await records.note(
                    conn,
                    who=OWNER,
                    action="dry practice run",
                    why=self.reason,
                    after=after | {"detail": done.detail},
                )
        say = log.info if done.outcome is Outcome.SUCCEEDED else log.warning
        say("dry practice run", outcome=done.outcome.value, detail=done.detail)


def scheduled(settings: FailoverSettings) -> Schedule | None:
    """As the settings have it; None: never."""
    if not settings.failover_practice_cron:
        return None
    zone = cron.zone(settings.failover_practice_timezone)
    return Schedule(
        trigger=cron.parsed(settings.failover_practice_cron, zone),
        is_real=settings.failover_practice_mode == "real",
        stay=timedelta(seconds=settings.failover_practice_seconds),
        reason=f"FAILOVER_PRACTICE_CRON: {settings.failover_practice_cron} {zone}",
    )


@contextlib.contextmanager
def coming(schedule: Schedule | None, parts: Parts) -> Iterator[None]:
    """Within this they come."""
    if schedule is None:
        yield
        return
    scheduler = AsyncIOScheduler(timezone=schedule.trigger.timezone)
    scheduler.add_job(
        schedule.come,
        schedule.trigger,
        args=[parts],
        coalesce=True,
        misfire_grace_time=int(LATE.total_seconds()),
    )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
