"""A database with the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from shared.db.engine import create_engine
from shared.db.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database with the schema and nothing in it."""
    url = SecretStr(database_url)
    await migrate(url)
    engine = create_engine(url, application="test")
    yield engine
    await engine.dispose()
