"""Connections to PostgreSQL that come back by themselves."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog

from services.ingest import metrics
from shared.db import errors
from shared.db.engine import CONNECT_SECONDS, describe, plain_url
from shared.db.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import SecretStr

    Conn = asyncpg.Connection[Any]

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_FIRST_WAIT = 0.25
_LONGEST_WAIT = 5.0
SILENT_SECONDS = 20.0
STATEMENT_SECONDS = 60.0
TRANSACTION_SECONDS = 300.0
_SERVER_SETTINGS = {
    "jit": "off",
    # So that the server soon ends what it hears no more of, and with it the writer's lock.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "60s",
}
_NOTICE_SECONDS = 1.0
_CLOSE_SECONDS = 5.0


class Backoff:
    """Waits that double, with jitter: so that many clients do not come back in step."""

    def __init__(self) -> None:
        self._wait = _FIRST_WAIT

    async def wait(self) -> None:
        """Waits, and longer the next time."""
        # Jitter needs no cryptography.
        await asyncio.sleep(self._wait * random.uniform(0.5, 1.0))  # noqa: S311
        self._wait = min(self._wait * 2, _LONGEST_WAIT)


class Database:
    """One connection, opened when first needed and again whenever it was lost.

    `on_connect` runs on each new connection before anything else. A transaction that takes longer
    than `silent_seconds` is taken for a database that hangs, as far as `reason` goes.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        application: str,
        on_connect: Callable[[Conn], Awaitable[None]] | None = None,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._url = url
        self._application = application
        self._on_connect = on_connect
        self._conn: Conn | None = None
        self._lock = asyncio.Lock()
        self._silent_seconds = silent_seconds
        self._asked_at: float | None = None
        self._away_since: float | None = None
        self._away_at: float | None = None
        self._reason: str | None = "not connected yet"

    @property
    def reason(self) -> str | None:
        """Why the database cannot be used now, or seems so; None while it can."""
        if self._reason is None and self._asked_at is not None:
            silent = asyncio.get_running_loop().time() - self._asked_at
            if silent > self._silent_seconds:
                return f"the database has not answered for {silent:.0f} s"
        return self._reason

    async def run(
        self,
        work: Callable[[Conn], Awaitable[Result]],
        *,
        on_retry: Callable[[], None] | None = None,
    ) -> Result:
        """Runs `work` in one transaction until it is done, however long the database is away.

        `work` may run again after its outcome is unknown, so it must look before it repeats.
        Errors that are not the server's absence are raised.
        """
        backoff = Backoff()
        async with self._lock:
            while True:
                self._asked_at = asyncio.get_running_loop().time()
                try:
                    conn = await self._connected()
                    result = await _in_transaction(conn, work)
                except Exception as error:
                    await self._drop()
                    if not errors.is_away(error):
                        raise
                    self._note_away(error)
                    metrics.RETRIES.labels(self._application).inc()
                    if on_retry is not None:
                        on_retry()
                else:
                    self._note_back()
                    return result
                finally:
                    self._asked_at = None
                await backoff.wait()

    async def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._conn is not None:
            try:
                await self._conn.close(timeout=_CLOSE_SECONDS)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                reason = errors.reason(error)
                log.warning("database connection closed without a goodbye", reason=reason)
                self._conn.terminate()
            self._conn = None

    async def _connected(self) -> Conn:
        if self._conn is None or self._conn.is_closed():
            self._conn = await asyncpg.connect(
                plain_url(self._url),
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings=_SERVER_SETTINGS | {"application_name": self._application},
            )
            if self._on_connect is not None:
                await self._on_connect(self._conn)
            log.info("database connected", application=self._application)
        return self._conn

    async def _drop(self) -> None:
        if self._conn is not None:
            # Not close(): a dead connection would make us wait for its goodbye.
            self._conn.terminate()
            self._conn = None

    def _note_away(self, error: Exception) -> None:
        now, reason = asyncio.get_running_loop().time(), errors.reason(error)
        self._count_away(now)
        self._away_since = self._away_since or now
        if self._reason != reason:
            log.warning(
                "database away, trying again",
                application=self._application,
                database=describe(self._url),
                reason=reason,
            )
        self._reason = reason

    def _note_back(self) -> None:
        self._count_away(None)
        if self._away_since is not None:
            away = asyncio.get_running_loop().time() - self._away_since
            log.info("database back", application=self._application, seconds=round(away, 1))
        self._reason = self._away_since = None

    def _count_away(self, at: float | None) -> None:
        """Counts the time since it was last found away; it is so at `at`, None: not any more."""
        if self._away_at is not None:
            now = asyncio.get_running_loop().time()
            metrics.AWAY_SECONDS.labels(self._application).inc(now - self._away_at)
        self._away_at = at


async def _in_transaction(conn: Conn, work: Callable[[Conn], Awaitable[Result]]) -> Result:
    """Runs `work` in a transaction; ConnectionError where the connection ends meanwhile.

    The end is watched from outside: asyncpg 0.32 waits for ever for room to write when the
    connection is lost within a COPY.
    """
    task = asyncio.ensure_future(_transact(conn, work))
    ended = asyncio.get_running_loop().create_future()

    def note_end(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    conn.add_termination_listener(note_end)
    try:
        await asyncio.wait(
            {task, ended}, timeout=TRANSACTION_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        # The statement itself knows better why it failed, where it does notice.
        await asyncio.wait({task}, timeout=_NOTICE_SECONDS)
        if not task.done():
            raise ConnectionError("the connection was lost, or gave no answer in time")
        return task.result()
    finally:
        await _give_up(task)


async def _give_up(task: asyncio.Future[Result]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=_NOTICE_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()  # heard of, so that the loop does not report it


async def _transact(conn: Conn, work: Callable[[Conn], Awaitable[Result]]) -> Result:
    # Not `async with`: on a connection that is gone its exit hides the error that says why.
    transaction = conn.transaction()
    await transaction.start()
    result = await work(conn)
    await transaction.commit()
    return result


async def await_schema(url: SecretStr, set_reason: Callable[[str], None]) -> None:
    """Waits for the database and brings its schema up to date."""
    backoff = Backoff()
    while True:
        try:
            with errors.translated(url):
                await migrate(url)
        except errors.DatabaseUnavailable as error:
            log.warning("database away, waiting for it", reason=str(error))
            set_reason(str(error))
            await backoff.wait()
        else:
            return
