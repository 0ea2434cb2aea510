"""One ingest process without its sockets: what connections say goes to the database as in earnest.

Time stands still until the test moves it, so that the test decides what falls into one batch.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from services.ingest.batcher import Batcher
from services.ingest.connection import RouterConnection
from services.ingest.keeper import Keeper
from services.ingest.registry import Registry
from services.ingest.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

BATCH_SECONDS = 0.002
TABLE_SECONDS = 600.0
DEADLINE = 20.0
_NO_PROCESS = 1 << 30
_LOCKS = (0x6268, 0x6263)


class NumberedBatcher(Batcher):
    """Remembers the last number that it gave to a message."""

    last_given = 0

    def next_seq(self) -> int:
        self.last_given = super().next_seq()
        return self.last_given


class Worker:
    """A writer, and the connections that it reads. `now_us` is the wall clock of all workers."""

    def __init__(self, url: str, rows: int, now_us: Callable[[], int]) -> None:
        self.now = 100.0
        self._rows = rows
        self._now_us = now_us
        self._url = SecretStr(url)
        self._connection_ids = count(1)
        self.taken_over: set[int] = set()
        self.writer_id = 0

    async def start(self) -> Worker:
        """Starts as a process does, burying those that died."""
        self.batcher = NumberedBatcher(
            rows=self._rows, seconds=BATCH_SECONDS, queue_batches=4, clock=self._clock
        )
        self.registry = Registry(self._url)
        self._keeper = Keeper(self._url, self._clock)
        self._writer = Writer(
            self._url, self.batcher, self._clock, on_taken_over=self.taken_over.update
        )
        self.writer_id = await self._keeper.start()
        self.batcher.number_for(self.writer_id)
        await self._writer.connect(self.writer_id)
        self._task = asyncio.create_task(self._writer.run())
        return self

    def connect(self, address: str) -> RouterConnection:
        """A connection of the router with this address."""
        return RouterConnection(
            address,
            connection_id=next(self._connection_ids),
            registry=self.registry,
            batcher=self.batcher,
            max_message=1 << 20,
            now_us=self._now_us,
            clock=self._clock,
            complete_seconds=TABLE_SECONDS,
        )

    async def flush(self) -> None:
        """Returns when all that was said is committed."""
        self.now += 1.0
        async with asyncio.timeout(DEADLINE):
            while not self.batcher.is_idle:
                if self._task.done():
                    self._task.result()
                await asyncio.sleep(0.001)

    async def crash(self, turns: int, look: asyncpg.Connection[Any]) -> int:
        """Dies after some turns of the loop; gives the last message's number in the history."""
        for _ in range(turns):
            await asyncio.sleep(0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._hang_up()
        for lock in _LOCKS:  # what the server still works on, it finishes or gives up
            await look.fetch("SELECT pg_advisory_lock($1, $2)", lock, self.writer_id)
            await look.fetch("SELECT pg_advisory_unlock($1, $2)", lock, self.writer_id)
        await look.execute(
            "UPDATE rib.writer SET pid = $2 WHERE writer_id = $1", self.writer_id, _NO_PROCESS
        )
        return int(
            await look.fetchval(
                "SELECT last_seq FROM rib.progress WHERE writer_id = $1 AND stage = 'history'",
                self.writer_id,
            )
            or 0
        )

    async def stop(self) -> None:
        """Stops in order."""
        self.batcher.close()
        async with asyncio.timeout(DEADLINE):
            await self._task
            await self._keeper.end()
            await self.registry.close()

    def _clock(self) -> float:
        return self.now

    async def _hang_up(self) -> None:
        stages = (self._writer._history, self._writer._current)
        for part in (*stages, self.registry, self._keeper):
            await part._database._drop()
