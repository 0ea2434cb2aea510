"""The fixtures that the integration tests stand on."""

from __future__ import annotations

import asyncpg
import pytest


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_each_test_gets_an_empty_database_of_its_own(database_url: str, turn: str) -> None:
    conn = await asyncpg.connect(database_url)
    try:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert await conn.fetchval(tables) == 0
        await conn.execute("CREATE TABLE left_behind (x int)")
        assert await conn.fetchval(tables) == 1
    finally:
        await conn.close()
