"""Keeps the numbers of routes at hand, so that no request has to count millions of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from services.routes.store import counts
from shared.contracts.vocabulary import family_name
from shared.db.engine import create_engine
from shared.db.errors import reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from pydantic import SecretStr
    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from services.routes.store.counts import Counts, State

log = structlog.get_logger(__name__)

SMALL_OCTETS = 8 * 1024 * 1024
"""Of tables that a request may count itself: about 90,000 routes, in 10 to 20 ms."""
PIECE_SECONDS = 60.0
"""Of a piece of a count in the background, at most."""
_LOOK_SECONDS = 5.0
_REST = 5.0
"""How many times as long as a piece took there is none."""
_REST_BETWEEN = 3.0
"""How many times as long as a count took, rests included, there is none: a count takes a twentieth
of one core, and for three quarters of the time keeps no old snapshot of the database."""
_LOOKS = 7
"""That a rate is made of: half a minute, when nothing has to be counted."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the numbers of routes at the time of a request."""

    counts: Counts | None
    is_exact: bool
    committed_per_s: float | None = None
    """Announcements and withdrawals; None before the second look."""

    @property
    def at(self) -> datetime | None:
        """When they were counted."""
        return self.counts.state.at if self.counts else None

    def of(self, rib: RowMapping) -> int | None:
        """Routes of a row of `rib.peer_rib` that are there now; None where nothing was counted."""
        if self.counts is None:
            return None
        found = self.counts.ribs.get(rib["rib_id"])
        return found.live(rib["valid_session"]) if found else 0

    def by_family(self, ribs: Iterable[RowMapping]) -> dict[str, int] | None:
        """Routes of these RIBs together."""
        if self.counts is None:
            return None
        total: Counter[str] = Counter()
        for rib in ribs:
            total[family_name(rib["family"])] += self.of(rib) or 0
        return dict(sorted(total.items()))

    def last_update_at(self, ribs: Iterable[RowMapping]) -> datetime | None:
        """The newest announcement or withdrawal of these RIBs, or the end of a table of theirs."""
        if self.counts is None:
            return None
        moments = []
        for rib in ribs:
            counted = self.counts.ribs.get(rib["rib_id"])
            moments += [counted.last_update_at if counted else None, rib["complete_at"]]
        return max((moment for moment in moments if moment is not None), default=None)

    def warnings(self) -> list[str]:
        """What a reader of the numbers must know."""
        if self.is_exact:
            return []
        if self.counts is None:
            return ["routes are being counted for the first time; ask again in some seconds"]
        return ["routes were counted at routes_as_of; what was committed since is not in"]


class RouteCounter:
    """Counts anew when something was committed: a small store when asked, else in the background.

    A count stays exact for as long as nothing is committed.
    """

    def __init__(self, engine: AsyncEngine, *, small_octets: int = SMALL_OCTETS) -> None:
        self._engine = engine
        self._small_octets = small_octets
        self._last: Counts | None = None
        self._seen: deque[State] = deque(maxlen=_LOOKS)

    async def known(self, conn: AsyncConnection) -> Known:
        """What is known, in the snapshot of a request's transaction."""
        state = await counts.state(conn)
        is_exact = self._is_counted(state)
        if not is_exact and state.octets <= self._small_octets:
            self._last, is_exact = await counts.count(conn), True
        return Known(self._last, is_exact, self._rate())

    async def refresh(self) -> float:
        """Counts a large store if that is due; says how many seconds it took.

        The first count has no rests: somebody may wait for it.
        """
        began = time.monotonic()
        async with self._engine.connect() as conn:
            state = await counts.state(conn)
            self._seen.append(state)
            if not self._is_counted(state) and state.octets > self._small_octets:
                rest = _REST if self._last else 0.0
                self._last = await counts.count(conn, rest=rest)
        return time.monotonic() - began

    def _is_counted(self, state: State) -> bool:
        if self._last is None:
            return False
        counted = self._last.state
        return (counted.committed, counted.completed) == (state.committed, state.completed)

    def _rate(self) -> float | None:
        if len(self._seen) < 2:
            return None
        first, last = self._seen[0], self._seen[-1]
        # A writer that began since then began at nothing; one that is gone adds nothing.
        routes = sum(
            max(count - first.committed.get(writer, 0), 0)
            for writer, count in last.committed.items()
        )
        return round(routes / (last.at - first.at).total_seconds(), 1)

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            took = 0.0
            try:
                took = await self.refresh()
                failures = 0
            except Exception as error:  # noqa: BLE001 - the next time may do, and requests go on
                failures += 1
                if failures == 1:  # whoever asks is told that the database is away
                    log.warning("routes cannot be counted now", error=reason(error))
            await asyncio.sleep(max(_LOOK_SECONDS, _REST_BETWEEN * took))


@contextlib.asynccontextmanager
async def counting(url: SecretStr) -> AsyncIterator[RouteCounter]:
    """A counter at work, with a connection of its own, on which a count may take its time."""
    engine = create_engine(
        url,
        application="bgpilot routes counter",
        pool_size=1,
        statement_seconds=PIECE_SECONDS,
        idle_seconds=PIECE_SECONDS,
        reads="questions",
    )
    counter = RouteCounter(engine)
    task = asyncio.create_task(counter.run())
    try:
        yield counter
    finally:
        task.cancel()
        await asyncio.wait([task])
        await engine.dispose()
