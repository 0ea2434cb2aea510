"""Routers wait while the database is away, but not for ever.

What was read is kept and routers are held up, until the database has been away for so long that
routers had better know. Then their connections are closed, so that each sends its table again once
it gets through; and that is when all that was kept is written.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import structlog

from services.ingest import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.5


class Door(Protocol):
    """What routers come in by."""

    @property
    def connections(self) -> int:
        """How many connections are open."""

    def shut(self, reason: str) -> int:
        """Ends every connection in order and takes no other; says how many."""

    def reopen(self) -> None:
        """Takes connections again."""


class Endurance:
    """Decides when the door is shut. `clock` counts seconds.

    `why_away` says why nothing can be written now, None while all is well; `is_written` whether
    everything that was read is.
    """

    def __init__(
        self,
        door: Door,
        seconds: float,
        *,
        why_away: Callable[[], str | None],
        is_written: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._door = door
        self._seconds = seconds
        self._why_away = why_away
        self._is_written = is_written
        self._clock = clock
        self._away_since: float | None = None
        self.reason: str | None = None
        """Why no router can connect; None while they can."""

    async def run(self) -> None:
        """Looks now and then until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Shuts the door or opens it again, if it is time."""
        if (why := self._why_away()) is not None:
            self._wait(why)
        elif self.reason is None:
            self._away_since = None
        elif self._is_written() and not self._door.connections:
            self._go_on()

    def _wait(self, why: str) -> None:
        if self._away_since is None:
            self._away_since = self._clock()
        if self.reason is None and self._clock() - self._away_since >= self._seconds:
            self.reason = f"the database has been away for more than {self._seconds:g} s"
            metrics.SENT_AWAY.set(1)
            log.error(
                "routers sent away: the database has been away for too long",
                connections=self._door.shut(self.reason),
                seconds=self._seconds,
                reason=why,
            )

    def _go_on(self) -> None:
        away = self._clock() - (self._away_since or 0.0)
        self.reason = self._away_since = None
        metrics.SENT_AWAY.set(0)
        self._door.reopen()
        log.info("routers can connect again: the database is back", seconds=round(away, 1))
