"""Fixtures of the whole suite: a PostgreSQL server, and an empty database for each test."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from shared.stack.temporary import temporary_postgres
from tests.databases import empty_database

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
    async with empty_database(postgres_dsn) as url:
        yield url
