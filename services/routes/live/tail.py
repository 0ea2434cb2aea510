"""Follows the history while somebody listens: one tail for all subscribers of this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from services.routes.live import metrics
from services.routes.live.reader import Reader
from services.routes.live.telling import Teller
from shared.backoff import Backoff
from shared.db.engine import CONNECT_SECONDS, plain_url
from shared.db.errors import is_away, reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic import SecretStr

    from services.routes.live.message import Message

    Conn = asyncpg.Connection[Any]

log = structlog.get_logger(__name__)

_STATEMENT_SECONDS = 60.0
_SERVER_SETTINGS = {
    "application_name": "bgpilot routes live",
    "default_transaction_read_only": "on",
    "jit": "off",
    # What a read costs depends on how much is new.
    "plan_cache_mode": "force_custom_plan",
    # A week of the history is never read as a whole, whatever the statistics say of it.
    "enable_seqscan": "off",
    "max_parallel_workers_per_gather": "0",
}


class Tail:
    """`publish` is given the messages of each read; `report` what subscribers must be told."""

    def __init__(
        self,
        url: SecretStr,
        *,
        poll_seconds: float,
        most_behind: int,
        publish: Callable[[Sequence[Message]], Awaitable[None]],
        report: Callable[[str], None],
    ) -> None:
        self._url = url
        self._poll_seconds = poll_seconds
        self._most_behind = most_behind
        self._publish = publish
        self._report = report
        self._backoff = Backoff(first=0.25, longest=5.0)
        self._wanted = asyncio.Event()
        self._following = asyncio.Event()

    def start(self) -> None:
        """Follows from the moment at which it first reads."""
        self._wanted.set()

    def stop(self) -> None:
        """Reads no more, and forgets where it was."""
        self._wanted.clear()

    async def until_following(self, seconds: float) -> bool:
        """Whether, within a time, it knows where it is: what is committed from then on is told."""
        try:
            async with asyncio.timeout(seconds):
                await self._following.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._wanted.wait()
            await self._follow()

    async def _follow(self) -> None:
        reader = Reader(most_behind=self._most_behind)
        teller: Teller | None = None
        failures = 0
        while self._wanted.is_set():
            try:
                conn = await self._connect()
                try:
                    if teller is None:
                        teller = Teller(await reader.begin(conn))
                        self._following.set()
                    while self._wanted.is_set():
                        await self._step(conn, reader, teller)
                        failures = 0
                    # Whoever comes from here on waits for the next beginning.
                    self._following.clear()
                finally:
                    await _close(conn)
            except Exception as error:
                failures += 1
                metrics.READ_FAILURES.inc()
                if is_away(error):
                    log.warning("live stream waits for the database", reason=reason(error))
                else:
                    log.exception("live stream failed, and tries again")
                await asyncio.sleep(self._backoff.delay(failures))
        self._following.clear()

    async def _step(self, conn: Conn, reader: Reader, teller: Teller) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        found = await reader.find(conn, teller.opens_of)
        if found.passed_over:
            metrics.SKIPPED.inc(found.passed_over)
            log.warning("live stream was too far behind", routes=found.passed_over)
            self._report(
                f"{found.passed_over} routes changed before the stream could tell of them, and "
                "were left out; it goes on from now"
            )
            return
        messages = teller.tell(found, reader.names, reader.attributes)
        reader.advance(found)
        if found.missing:
            metrics.SKIPPED.inc(found.missing)
            self._report(f"{found.missing} changed routes could not be found, and were left out")
        await self._publish(messages)
        if found.writers:
            metrics.LAG_SECONDS.observe(found.commit_age + clock() - started)
        if not found.has_more:
            await asyncio.sleep(self._poll_seconds)

    async def _connect(self) -> Conn:
        return await asyncpg.connect(
            plain_url(self._url),
            timeout=CONNECT_SECONDS,
            command_timeout=_STATEMENT_SECONDS,
            server_settings=_SERVER_SETTINGS,
        )


async def _close(conn: Conn) -> None:
    try:
        await conn.close(timeout=CONNECT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        conn.terminate()  # it was lost before
