"""What Prometheus reads of a database that was away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.ingest.database import Database

if TYPE_CHECKING:
    from services.ingest.database import Conn

NAME = "a test of metrics"


def count(name: str) -> float:
    return (
        REGISTRY.get_sample_value(f"bgpilot_ingest_database_{name}_total", {"connection": NAME})
        or 0.0
    )


async def test_each_attempt_and_the_time_in_between_are_counted(database_url: str) -> None:
    attempts = 0

    async def work(conn: Conn) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ConnectionResetError("an example")
        await conn.execute("SELECT 1")

    loop = asyncio.get_running_loop()
    database = Database(SecretStr(database_url), application=NAME)
    began = loop.time()
    await database.run(work)
    away, took = count("away_seconds"), loop.time() - began
    assert count("retries") == 2
    assert 0.125 <= away <= took  # two waits, of half a quarter of a second at least
    await database.run(work)
    assert count("away_seconds") == away
    await database.close()
