"""Writes batches, each exactly once, in order."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics, repository
from services.ingest.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from services.ingest.batch import Batch, Batcher
    from services.ingest.database import Conn

log = structlog.get_logger(__name__)


class Writer:
    """Takes batches from the batcher and commits them to PostgreSQL.

    A batch and its number commit together. When the connection is lost in the middle of a
    commit, the next connection looks at the number, and never writes a batch again that is in.
    """

    def __init__(self, url: SecretStr, batcher: Batcher, clock: Callable[[], float]) -> None:
        self._writer_id = uuid.uuid4()
        self._database = Database(
            url, application="bgpilot ingest writer", on_connect=self._take_over
        )
        self._batcher = batcher
        self._clock = clock
        self._in_doubt = False
        self.committed_routes = 0
        self.committed_batches = 0

    @property
    def reason(self) -> str | None:
        """Why nothing can be written now; None while all is well."""
        return self._database.reason

    async def connect(self) -> None:
        """Returns once the database takes our batches."""
        await self._database.run(_nothing)

    async def run(self) -> None:
        """Writes until the batcher is closed and empty."""
        while (batch := await self._batcher.next()) is not None:
            started = self._clock()
            await self._write(batch)
            finished = self._clock()
            self._batcher.written(batch)
            self.committed_batches += 1
            self.committed_routes += len(batch.events)
            metrics.BATCHES.inc()
            metrics.COMMITTED.inc(len(batch.events))
            metrics.BATCH_SECONDS.observe(finished - started)
            metrics.LAG_SECONDS.observe(finished - batch.opened)
            log.debug("batch committed", batch=batch.number, routes=len(batch.events))
        await self._database.close()

    async def _write(self, batch: Batch) -> None:
        async def work(conn: Conn) -> None:
            if self._in_doubt and await self._is_committed(conn, batch):
                metrics.FOUND_COMMITTED.inc()
                log.info("batch was committed before the connection was lost", batch=batch.number)
                return
            await repository.write_batch(conn, self._writer_id, batch)

        self._in_doubt = False
        await self._database.run(work, on_retry=self._note_retry)

    async def _is_committed(self, conn: Conn, batch: Batch) -> bool:
        return await repository.last_batch(conn, self._writer_id) >= batch.number

    def _note_retry(self) -> None:
        self._in_doubt = True
        metrics.RETRIES.inc()

    async def _take_over(self, conn: Conn) -> None:
        await repository.start_writer(conn, self._writer_id)


async def _nothing(_: Conn) -> None:
    await asyncio.sleep(0)
