"""Statements past SQLAlchemy, for questions that are asked often or answered with very many rows.

They are written with `:names` like all others. Outside a transaction each sees its own moment,
which saves a request the three round trips of BEGIN, ROLLBACK and what is between.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncConnection

    Row = Mapping[str, Any]

# Whole tables are sorted and hashed, and only as many at once as ROUTES_HEAVY_QUERIES.
_OF_TABLES = "SET LOCAL idle_in_transaction_session_timeout = '2min'; SET LOCAL work_mem = '64MB'"
_NAME = re.compile(r"(?<![:\w]):([a-z]\w*)")


async def fetch(conn: AsyncConnection, sql: str, values: Mapping[str, Any]) -> list[Row]:
    """All rows of a statement."""
    driver = await _driver(conn)
    statement, names = _positional(sql)
    rows: Any = await driver.fetch(statement, *[values[name] for name in names])
    return cast("list[Row]", rows)


async def chunks(
    conn: AsyncConnection, sql: str, values: Mapping[str, Any], *, first: int, rows: int
) -> AsyncGenerator[list[Row], None]:
    """The rows as they come, from a cursor of the server: `first`, then `rows` at a time.

    They are all of one moment. Whoever reads too slowly for two minutes loses the connection.
    """
    driver = await _driver(conn)
    statement, names = _positional(sql)
    async with driver.transaction(isolation="repeatable_read", readonly=True):
        await driver.execute(_OF_TABLES)
        cursor = await driver.cursor(statement, *[values[name] for name in names])
        while chunk := await cursor.fetch(first):
            yield cast("list[Row]", chunk)
            first = rows


async def _driver(conn: AsyncConnection) -> asyncpg.Connection[Any]:
    raw = await conn.get_raw_connection()
    return cast("asyncpg.Connection[Any]", raw.driver_connection)


@lru_cache(maxsize=1000)
def _positional(sql: str) -> tuple[str, tuple[str, ...]]:
    """With `$1` for the first of the names, and so on, and the names."""
    names: dict[str, int] = {}

    def number(name: re.Match[str]) -> str:
        return f"${names.setdefault(name[1], len(names) + 1)}"

    return _NAME.sub(number, sql), tuple(names)
