"""Ways to look at the store, and to make it look old."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncpg

from services.ingest.repository import partitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from services.ingest.database import Conn

_END_CONNECTIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
 WHERE locktype = 'advisory' AND objid = $1 AND database = (
       SELECT oid FROM pg_database WHERE datname = current_database())
"""
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Conn]:
    """A connection of the test's own."""
    conn: Conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def end_connections(conn: Conn, writer_id: int) -> None:
    """Ends the connections through which this writer writes, as the end of its process does."""
    await conn.execute(_END_CONNECTIONS, writer_id)


async def make_partitions(url: str, *moments: datetime) -> None:
    """Makes partitions for what happened at these moments."""
    async with connected(url) as conn, conn.transaction():
        await partitions.make_for(conn, moments)


async def until_somebody_waits(conn: Conn) -> None:
    """Waits until a statement waits for a lock."""
    async with asyncio.timeout(10):
        while not await conn.fetchval(_WAITING):
            await asyncio.sleep(0.01)
