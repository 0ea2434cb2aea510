"""From observers to inputs: each is asked, its answers are smoothed, and a quorum is found."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from services.failover import metrics
from services.failover.policy.model import Health, Inputs, Reading, Role, Site, Verdict
from services.failover.policy.smoothing import NOTHING_SEEN, aged, agreed, followed, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from services.failover.inputs.observer import Observer
    from services.failover.policy.smoothing import Streak

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How much has to be seen before it is believed."""

    rise: int
    fall: int
    max_age: timedelta
    quorum: int | None
    """None: more than half."""


class Watch:
    """Remembers what each observer saw. One look at a time."""

    def __init__(
        self,
        observers: Sequence[tuple[Role, Observer]],
        smoothing: Smoothing,
        *,
        seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        """`seconds` is how long each observer may take."""
        self._observers = observers
        self._smoothing = smoothing
        self._seconds = seconds
        self._now = now
        self._streaks: list[Streak] = [NOTHING_SEEN] * len(observers)
        self._verdicts: dict[tuple[Role, Site], Verdict] = {}

    async def look(self) -> Inputs:
        """What is held to be so now. It takes as long as the slowest observer may, and no more."""
        readings = await asyncio.gather(*(self._read(role, one) for role, one in self._observers))
        now = self._now()
        it = self._smoothing
        self._streaks = [
            aged(seen(streak, reading, rise=it.rise, fall=it.fall), now, it.max_age)
            for streak, reading in zip(self._streaks, readings, strict=True)
        ]
        for role in Role:
            for site in Site:
                self._verdicts[role, site] = self._verdict(role, site, readings, now)
        return Inputs(
            at=now,
            service={site: self._verdicts[Role.SERVICE, site] for site in Site},
            bgp={site: self._verdicts[Role.BGP, site] for site in Site},
        )

    def _verdict(
        self, role: Role, site: Site, readings: Sequence[Reading], now: datetime
    ) -> Verdict:
        ours = [n for n, one in enumerate(readings) if (one.role, one.site) == (role, site)]
        health = agreed((self._streaks[n].believed for n in ours), self._smoothing.quorum)
        metrics.show_health(role, site, health)
        before = self._verdicts.get((role, site))
        return followed(before, health, tuple(readings[n] for n in ours), now)

    async def _read(self, role: Role, observer: Observer) -> Reading:
        try:
            async with asyncio.timeout(self._seconds):
                reading = await observer.read()
        except TimeoutError:
            reading = self._blind(role, observer, f"it took longer than {self._seconds:g} s")
        except Exception as error:
            # One that breaks its word must not blind the others.
            log.exception("observer failed", observer=observer.name, site=observer.site.value)
            reading = self._blind(role, observer, f"an unexpected error: {type(error).__name__}")
        metrics.READINGS.labels(
            observer.name.partition(":")[0], observer.site.value, reading.health.value
        ).inc()
        return reading

    def _blind(self, role: Role, observer: Observer, why: str) -> Reading:
        return Reading(observer.name, observer.site, role, Health.UNKNOWN, self._now(), why)
