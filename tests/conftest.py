"""Fixtures of the whole suite: a PostgreSQL server, and an empty database for each test."""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.stack.temporary import temporary_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The URL of a role that may create databases (BGPILOT_TEST_DATABASE_URL, or our own)."""
    external = os.environ.get("BGPILOT_TEST_DATABASE_URL")
    with contextlib.nullcontext(external) if external else temporary_postgres() as dsn:
        yield dsn


@pytest.fixture
async def database_url(postgres_dsn: str) -> AsyncIterator[str]:
    """The URL of an empty database, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    conn = await asyncpg.connect(postgres_dsn)
    try:
        await conn.execute(f"CREATE DATABASE {name}")
        yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
        # Not WITH (FORCE): only a superuser may end an autovacuum worker with it, and the plain
        # statement sends those away by itself, and waits for them.
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND backend_type = 'client backend'",
            name,
        )
        await conn.execute(f"DROP DATABASE {name}")
    finally:
        await conn.close()
