"""Keeps house in the store: says that this writer lives, clears up after dead ones, makes
partitions ahead."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
from services.ingest.database import Database
from services.ingest.repository import identities, partitions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import SecretStr

    from services.ingest.database import Conn

log = structlog.get_logger(__name__)

ALIVE_SECONDS = 5.0
DEAD_SECONDS = 30.0
"""A writer that is silent for so long is dead, whatever it may do later."""
PARTITION_SECONDS = 3600.0


class WriterTakenForDead(RuntimeError):
    """Another process has cleared up after this one, which was stopped or cut off too long."""


class Keeper:
    """One for each process. `clock` is the loop's time in seconds."""

    def __init__(self, url: SecretStr, clock: Callable[[], float]) -> None:
        self._database = Database(url, application="bgpilot ingest keeper")
        self._clock = clock
        self._writer_id = 0

    @property
    def reason(self) -> str | None:
        """Why the store cannot be kept now; None while all is well."""
        return self._database.reason

    async def start(self) -> int:
        """Clears up what a process of this host has left, and gives the number of this writer."""
        host = socket.gethostname()
        await self._database.run(partitions.make_ahead)
        writers = await self._database.run(lambda conn: identities.writers_of(conn, host))
        dead = [writer_id for writer_id, pid in writers.items() if not _is_running(pid)]
        await self._database.run(lambda conn: identities.bury_gone(conn, dead))
        if lost := await self._database.run(identities.clear_up):
            log.info("sessions of an earlier run marked as lost", sessions=lost)
        self._writer_id = await self._database.run(
            lambda conn: identities.start_writer(conn, host, os.getpid())
        )
        return self._writer_id

    async def run(self) -> None:
        """Keeps house until cancelled. Raises WriterTakenForDead."""
        alive_since = partitioned = self._clock()
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            before = self._clock()
            if not await self._database.run(self._keep_alive):
                raise WriterTakenForDead(
                    "another ingest process has taken this one for dead: it was silent for "
                    f"more than {DEAD_SECONDS:.0f} s"
                )
            now = self._clock()
            if now - before > ALIVE_SECONDS:
                alive_since = now  # the database was away, and nobody could say that he lives
            if now - alive_since > DEAD_SECONDS:
                await self._attempt("clear_up", self._clear_up)
            if now - partitioned > PARTITION_SECONDS:
                await self._attempt("partitions", self._make_partitions)
                partitioned = now

    async def end(self) -> None:
        """This process writes no more."""
        if self._writer_id and self._database.reason is None:
            await self._database.run(lambda conn: identities.end_writer(conn, self._writer_id))
        await self._database.close()

    async def _keep_alive(self, conn: Conn) -> bool:
        return await identities.keep_alive(conn, self._writer_id)

    async def _attempt(self, task: str, work: Callable[[], Awaitable[None]]) -> None:
        """Does what can wait for the next time: weeks of partitions are there already."""
        try:
            await work()
        except Exception:
            metrics.KEEPER_FAILURES.labels(task).inc()
            log.exception("housekeeping in the store failed", task=task)

    async def _make_partitions(self) -> None:
        await self._database.run(partitions.make_ahead)

    async def _clear_up(self) -> None:
        await self._database.run(lambda conn: identities.bury_silent(conn, DEAD_SECONDS))
        if lost := await self._database.run(identities.clear_up):
            log.warning("sessions of a dead ingest process marked as lost", sessions=lost)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
