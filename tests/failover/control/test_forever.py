"""Cycles come, whatever becomes of each; and who hangs is found out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from services.failover.app import create_app
from services.failover.control.forever import forever
from tests.failover.world import World

if TYPE_CHECKING:
    from services.failover.control.controller import Controller
    from services.failover.policy.decide import Decision


class OverError(Exception):
    """Ends what has no end."""


class Cycles:
    """A controller whose cycles fail, and a sleep that says when it is enough."""

    def __init__(self, enough: int) -> None:
        self.ended_at: float | None = None
        self.began = 0
        self.slept: list[float] = []
        self._enough = enough

    async def cycle(self) -> Decision:
        self.began += 1
        raise LookupError("a bad cycle")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._enough:
            raise OverError


async def test_a_bad_cycle_is_not_the_last() -> None:
    cycles = Cycles(enough=3)
    controller: Controller = cycles  # type: ignore[assignment] # its cycle is all that is called
    with pytest.raises(OverError):
        await forever(controller, interval=10, clock=lambda: 5.0, sleep=cycles.sleep)
    assert cycles.began == 3
    assert cycles.slept == [10.0] * 3
    assert cycles.ended_at == 5.0


async def test_it_is_alive_without_a_database_and_not_ready() -> None:
    world = World()
    app = create_app(world.settings(), transport=world.transport)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://failover") as client,
    ):
        while app.state.parts.controller.ended_at is None:
            await asyncio.sleep(0.01)
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["cycles"]["status"] == "not ready"
        assert (await client.get("/api/v1/failover")).status_code == 503
        app.state.parts.controller.ended_at -= 3600
        hanging = await client.get("/livez")
    assert (hanging.status_code, hanging.json()["reason"]) == (503, "the cycles hang")
