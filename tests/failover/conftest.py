"""A database with the schema, and the service on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from shared.db.engine import create_engine
from tests.failover.running import running
from tests.failover.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.failover.running import Service


@pytest.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database with the schema and nothing in it."""
    engine = create_engine(SecretStr(migrated_url), application="test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def service(engine: AsyncEngine) -> AsyncIterator[Service]:
    """The service, in a world of its own."""
    async with running(World(), engine) as service:
        yield service
