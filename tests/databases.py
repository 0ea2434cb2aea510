"""Databases of tests."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def new_database(dsn: str, template: str = "template1") -> AsyncIterator[str]:
    """The URL of a new one on the server at `dsn`, dropped afterwards.

    It has what the database `template` has, to which nobody may be connected.
    """
    name = f"test_{uuid.uuid4().hex}"
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
        finally:
            await _drop(conn, name)
    finally:
        await conn.close()


async def _drop(conn: asyncpg.Connection[Any], name: str) -> None:
    # Not WITH (FORCE): only a superuser may end an autovacuum worker with it, and the plain
    # statement sends those away by itself, and waits for them.
    await conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = $1 AND backend_type = 'client backend'",
        name,
    )
    await conn.execute(f"DROP DATABASE {name}")


def name_of(url: str) -> str:
    """The name of the database at a URL of `new_database`."""
    return urlsplit(url).path.removeprefix("/")
