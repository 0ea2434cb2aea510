"""Fixtures of the whole suite: a PostgreSQL server, and an empty database for each test."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from shared.db.migrate import migrate
from shared.stack.temporary import temporary_postgres
from tests.databases import name_of, new_database

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
    async with new_database(postgres_dsn) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_dsn: str) -> Iterator[str | None]:
    """The name of a database with the schema and nothing in it: to copy it is quicker.

    None on a server that is not ours: where it has TimescaleDB, that stays connected to each of its
    databases, and then none can be copied.
    """
    if os.environ.get("BGPILOT_TEST_DATABASE_URL"):
        yield None
        return
    # A loop of its own making: that of the tests stays as it is.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database = new_database(postgres_dsn)
        url = runner.run(database.__aenter__())
        try:
            runner.run(migrate(SecretStr(url)))
            yield name_of(url)
        finally:
            runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def migrated_url(postgres_dsn: str, migrated_template: str | None) -> AsyncIterator[str]:
    """The URL of a database with the schema and nothing in it."""
    if migrated_template is not None:
        async with new_database(postgres_dsn, migrated_template) as url:
            yield url
    else:
        async with new_database(postgres_dsn) as url:
            await migrate(SecretStr(url))
            yield url
