"""A whole ingest service in the test's own event loop, on a real database."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import SecretStr

from services.ingest.collector import Collector
from services.ingest.settings import IngestSettings
from shared.web.health import NotReady

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE = 15.0


class Ingest:
    """A running collector, and ways to speak to it and to look at what it stored."""

    def __init__(self, collector: Collector, port: int, conn: asyncpg.Connection[Any]) -> None:
        self.collector = collector
        self.port = port
        self._conn = conn

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncio.StreamWriter]:
        """A router's connection, which the station has accepted."""
        accepted = self.collector.station.accepted
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        async with asyncio.timeout(DEADLINE):
            while self.collector.station.accepted == accepted:
                await asyncio.sleep(0.001)
        try:
            yield writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def say(self, *data: bytes) -> None:
        """A router that connects, says this, and goes."""
        async with self.connected() as writer:
            writer.writelines(data)
            await writer.drain()
        await self.until_idle()

    async def until(self, query: str, *wanted: Any) -> None:
        """Waits until the query's only row is what is wanted."""
        row: tuple[Any, ...] | None = None
        try:
            async with asyncio.timeout(DEADLINE):
                while (row := await self.row(query)) != wanted:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{query!r} gives {row}, not {wanted}")

    async def until_committed(self, routes: int) -> None:
        """Waits until so many announcements and withdrawals are in the current RIB, all told."""
        query = "SELECT coalesce(sum(routes), 0) FROM rib.progress WHERE stage = 'current'"
        await self.until(query, routes)

    async def until_idle(self) -> None:
        """Waits until no connection is open and everything is committed."""
        async with asyncio.timeout(DEADLINE):
            while self.collector.station.connections or not self.collector.batcher.is_idle:
                await asyncio.sleep(0.01)

    async def until_connected(self, count: int) -> None:
        """Waits until so many connections are open."""
        async with asyncio.timeout(DEADLINE):
            while self.collector.station.connections != count:
                await asyncio.sleep(0.01)

    async def row(self, query: str) -> tuple[Any, ...] | None:
        """The first row of a query."""
        row = await self._conn.fetchrow(query)
        return None if row is None else tuple(row.values())

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return [tuple(row.values()) for row in await self._conn.fetch(query)]

    async def value(self, query: str) -> Any:
        """The first field of the first row of a query."""
        return await self._conn.fetchval(query)

    async def column(self, query: str) -> list[Any]:
        """The first field of every row of a query."""
        return [row[0] for row in await self._conn.fetch(query)]


@contextlib.asynccontextmanager
async def running(
    url: str, *, look: str | None = None, host: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[Ingest]:
    """A collector that uses the database at `url`; tests look at it through `look`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, dualstack_ipv6=":" in host)
    collector = Collector(
        IngestSettings(
            database_url=SecretStr(url),
            **{"ingest_batch_seconds": 0.02, "ingest_batch_rows": 100} | settings,
        ),
        listener,
        on_failure=lambda: None,  # `stop` raises it
    )
    conn = await asyncpg.connect(look or url)
    collector.start()
    try:
        await until_ready(collector)
        yield Ingest(collector, listener.getsockname()[1], conn)
    finally:
        await collector.stop()
        await conn.close()


async def until_ready(collector: Collector) -> None:
    """Waits until routers can connect."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await collector.check_station()
                await collector.check_database()
            except NotReady:
                await asyncio.sleep(0.01)
            else:
                return


@pytest.fixture
async def ingest(migrated_url: str) -> AsyncIterator[Ingest]:
    """An ingest service with an empty store."""
    async with running(migrated_url) as ingest:
        yield ingest
