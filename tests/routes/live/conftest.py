"""The live stream over a store that ingest fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest.conftest import ingest
from tests.routes.live.listening import server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.routes.live.listening import Listener, Server

__all__ = ["ingest", "listener", "live"]


@pytest.fixture
async def live(migrated_url: str) -> AsyncIterator[Server]:
    async with server(migrated_url) as live:
        yield live


@pytest.fixture
async def listener(live: Server) -> AsyncIterator[Listener]:
    async with live.websocket() as listener:
        yield listener
