"""Writes batches, each exactly once, in order, in two stages that work at the same time.

First the history, then the current RIB: while one batch goes into the RIB, the next goes into the
history. So whatever the RIB says, the history says too.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.ingest import metrics
from services.ingest.database import Database
from services.ingest.repository import copying, current, history, partitions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import SecretStr

    from services.ingest.batch import Batch
    from services.ingest.batcher import Batcher
    from services.ingest.database import Conn
    from services.ingest.repository.copying import Stage

log = structlog.get_logger(__name__)


class StageWriter:
    """One stage: it commits each batch that it is given, exactly once.

    A batch and its number commit together. When the connection is lost in the middle of a
    commit, the next connection looks at the number, and never writes a batch again that is in.
    """

    def __init__(
        self,
        url: SecretStr,
        stage: Stage,
        *,
        staging: str,
        write: Callable[[Conn, int, Batch], Awaitable[object]],
        clock: Callable[[], float],
    ) -> None:
        self._stage: Stage = stage
        self._staging = staging
        self._write = write
        self._clock = clock
        self._database = Database(
            url, application=f"bgpilot ingest {stage}", on_connect=self._prepare
        )
        self._writer_id = 0
        self._in_doubt = False

    @property
    def reason(self) -> str | None:
        """Why nothing can be written now; None while all is well."""
        return self._database.reason

    async def connect(self, writer_id: int) -> None:
        """Returns once the database takes the batches of this writer."""
        self._writer_id = writer_id
        await self._database.run(_nothing)

    async def commit(self, batch: Batch) -> None:
        """Returns once the batch is committed."""

        async def work(conn: Conn) -> None:
            if self._in_doubt and await self._is_committed(conn, batch):
                metrics.FOUND_COMMITTED.labels(self._stage).inc()
                log.info(
                    "batch was committed before the connection was lost",
                    stage=self._stage,
                    batch=batch.number,
                )
                return
            await self._write(conn, self._writer_id, batch)

        started = self._clock()
        self._in_doubt = False
        try:
            await self._database.run(work, on_retry=self._note_retry)
        except asyncpg.CheckViolationError as error:
            if not partitions.is_missing(error):
                raise
            # A clock has jumped, or nobody has kept house for weeks.
            log.warning("no partition for the time of a batch, making it", stage=self._stage)
            moments = history.moments(batch)
            await self._database.run(lambda conn: partitions.make_for(conn, moments))
            await self._database.run(work, on_retry=self._note_retry)
        metrics.BATCH_SECONDS.labels(self._stage).observe(self._clock() - started)

    async def close(self) -> None:
        """Closes the connection."""
        await self._database.close()

    async def _is_committed(self, conn: Conn, batch: Batch) -> bool:
        return await copying.last_batch(conn, self._stage, self._writer_id) >= batch.number

    def _note_retry(self) -> None:
        self._in_doubt = True

    async def _prepare(self, conn: Conn) -> None:
        if self._writer_id:
            await copying.take_over(conn, self._stage, self._writer_id)
        await conn.execute(self._staging)


class Writer:
    """Takes batches from the batcher and commits them to PostgreSQL.

    `on_taken_over` is called with the ids of peers whose router has a newer connection, to another
    process: what ours says of them is not heard any more.
    """

    def __init__(
        self,
        url: SecretStr,
        batcher: Batcher,
        clock: Callable[[], float],
        *,
        on_taken_over: Callable[[set[int]], None],
    ) -> None:
        self._batcher = batcher
        self._clock = clock
        self._on_taken_over = on_taken_over
        self._history = StageWriter(
            url, "history", staging=history.STAGING, write=history.write, clock=clock
        )
        self._current = StageWriter(
            url, "current", staging=current.STAGING, write=self._write_current, clock=clock
        )
        self._between: asyncio.Queue[Batch | None] = asyncio.Queue(maxsize=1)
        self.committed_routes = 0
        self.committed_batches = 0

    @property
    def reason(self) -> str | None:
        """Why nothing can be written now; None while all is well."""
        return self._history.reason or self._current.reason

    async def connect(self, writer_id: int) -> None:
        """Returns once the database takes our batches."""
        await self._history.connect(writer_id)
        await self._current.connect(writer_id)

    async def run(self) -> None:
        """Writes until the batcher is closed and empty."""
        try:
            async with asyncio.TaskGroup() as stages:
                stages.create_task(self._run_history())
                stages.create_task(self._run_current())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # one fails, and the other is cancelled for it
        await self._history.close()
        await self._current.close()

    async def _run_history(self) -> None:
        while (batch := await self._batcher.next()) is not None:
            await self._history.commit(batch)
            await self._between.put(batch)
        await self._between.put(None)

    async def _run_current(self) -> None:
        while (batch := await self._between.get()) is not None:
            await self._current.commit(batch)
            self._batcher.written(batch)
            self.committed_batches += 1
            self.committed_routes += batch.size
            metrics.BATCHES.inc()
            metrics.COMMITTED.inc(batch.size)
            metrics.BATCH_ROUTES.observe(batch.size)
            log.debug("batch committed", batch=batch.number, routes=batch.size)

    async def _write_current(self, conn: Conn, writer_id: int, batch: Batch) -> None:
        if taken_over := await current.write(conn, writer_id, batch):
            self._on_taken_over(taken_over)


async def _nothing(_: Conn) -> None:
    await asyncio.sleep(0)
