"""A journal of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from services.failover.repository import leases
from tests.failover.acting.journals import Held, HeldInMemory, HeldInPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of plans would fill a page each."""
    with capture_logs():
        yield


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> AsyncEngine | None:
    """Where the journal is; None: in memory."""
    return request.getfixturevalue("engine") if request.param == "postgres" else None


@pytest.fixture
async def held(store: AsyncEngine | None) -> Held:
    """A journal whose lease is held."""
    if store is None:
        return HeldInMemory()
    async with store.begin() as conn:
        generation = await leases.take(conn, "one", 60)
    assert generation is not None
    return HeldInPostgres(store, generation)
