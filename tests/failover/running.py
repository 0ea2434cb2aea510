"""The failover service as it runs, with cycles that come when they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx

from services.failover.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.failover.parts import Parts
    from tests.failover.world import World

EAST, WEST = "192.0.2.1", "192.0.2.2"
LOCAL_SERVES = ([EAST], {"10.0.0.1": 1.0})
REMOTE_SERVES = ([WEST], {"10.0.1.1": 1.0})


class Service:
    """A running service."""

    def __init__(self, world: World, parts: Parts, client: httpx.AsyncClient) -> None:
        self.world = world
        self.parts = parts
        self._client = client

    async def cycle(self) -> str:
        """The rule of the decision that it comes to; what follows from it is done."""
        decision = await self.parts.controller.cycle()
        await self.parts.controller.rest()
        return decision.rule

    async def asks(self, method: str, path: str, **sent: Any) -> Any:
        """The data of an answer that must be good."""
        answer = await self._client.request(method, f"/api/v1/failover{path}", **sent)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def is_refused(self, status: int, method: str, path: str, **sent: Any) -> str:
        """Why an answer is bad that must be."""
        answer = await self._client.request(method, f"/api/v1/failover{path}", **sent)
        assert answer.status_code == status, answer.text
        return str(answer.json()["detail"])


@contextlib.asynccontextmanager
async def running(world: World, engine: AsyncEngine, **changed: Any) -> AsyncIterator[Service]:
    """After its first cycle; those that are not asked for are an hour apart."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = world.settings(
        **{
            "database_url": url,
            "check_interval_seconds": 3600,
            "circuit_breaker_timeout_seconds": 3600,
            "failover_max_age_seconds": 7200,
            "failover_lease_seconds": 7200,
        }
        | changed
    )
    app = create_app(settings, transport=world.transport)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://failover") as client,
    ):
        while app.state.parts.controller.last is None:
            await asyncio.sleep(0.01)
        yield Service(world, app.state.parts, client)
