"""Clears away what the settings no longer want kept. One process does it for all."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.ingest import metrics
from services.ingest.database import Database
from services.ingest.repository import chores, garbage, partitions
from shared.db.layout import BY_TIME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from pydantic import SecretStr

    from services.ingest.ages import Age
    from services.ingest.database import Conn

    class _Remove(Protocol):
        def __call__(
            self, conn: Conn, table: str, piece: tuple[int, int], age: Age
        ) -> Awaitable[int]: ...


log = structlog.get_logger(__name__)

WAKE_SECONDS = 300.0
RETIRE_SECONDS = 3_600.0
GARBAGE_SECONDS = 86_400.0
TRIES = 5
_TRY_AGAIN_SECONDS = 1.0

_OF_SESSIONS = frozenset({"peer_event"})


class Janitor:
    """One for each process; which of them works is settled in the database.

    `routes` is how old the history, churn and routes that are gone may grow, `sessions` the same
    for what happened to peers; `wake_seconds` is how often it looks whether there is work.
    """

    def __init__(
        self, url: SecretStr, *, routes: Age, sessions: Age, wake_seconds: float = WAKE_SECONDS
    ) -> None:
        self._database = Database(url, application="bgpilot ingest janitor")
        self._routes = routes
        self._sessions = sessions
        self._wake_seconds = wake_seconds

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await asyncio.sleep(self._wake_seconds)
            await self._attempt("retire", RETIRE_SECONDS, self.retire)
            await self._attempt("garbage", GARBAGE_SECONDS, self.collect_garbage)
            await self._database.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self._database.close()

    async def retire(self) -> None:
        """Drops what is too old as whole partitions, or has TimescaleDB do it."""
        for table in BY_TIME:
            age = self._sessions if table in _OF_SESSIONS else self._routes
            await self._set_policy(table, age)
            for name in await self._database.run(partial(partitions.old, table=table, age=age)):
                await self._drop(name, age)

    async def collect_garbage(self) -> None:
        """Removes routes that are long gone, then what only they referred to."""
        removed = {}
        for table in garbage.ROUTES:
            removed[table] = await self._remove(table, garbage.remove_routes)
        for table in garbage.DICTIONARIES:
            removed[table] = await self._remove(table, garbage.remove_unused)
        if any(removed.values()):
            log.info("what is no longer kept was removed", older_than=str(self._routes), **removed)

    async def _attempt(
        self, task: str, seconds: float, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Does a task if it is due and nobody else's; what fails is due again another time."""
        try:
            if await self._database.run(partial(chores.claim, name=task, seconds=seconds)):
                await work()
        except Exception:
            metrics.KEEPER_FAILURES.labels(task).inc()
            log.exception("housekeeping in the store failed", task=task)

    async def _set_policy(self, table: str, age: Age) -> None:
        if await self._database.run(partial(partitions.set_policy, table=table, age=age)):
            log.info("retention policy set", table=table, older_than=str(age))

    async def _drop(self, name: str, age: Age) -> None:
        for _ in range(TRIES):
            try:
                await self._database.run(partial(partitions.drop, partition=name))
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
            else:
                log.info("partition dropped", partition=name, older_than=str(age))
                return
        log.warning("partition is in use and stays until the next time", partition=name)

    async def _remove(self, table: str, remove: _Remove) -> int:
        removed = 0
        for piece in await self._database.run(partial(garbage.pieces, table=table)):
            removed += await self._database.run(
                partial(remove, table=table, piece=piece, age=self._routes)
            )
        return removed
