"""Google Cloud Logging as an operator sees it: what a service did is there, also after its end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from shared import log
from shared.settings import LogSettings
from tests.failover.running import running
from tests.failover.world import World
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine


@pytest.fixture(autouse=True)
def _as_a_service_logs() -> Iterator[None]:
    root = logging.getLogger()
    before, level, config = root.handlers[:], root.level, structlog.get_config()
    log.configure("failover", LogSettings(_env_file=None, log_format="json"))
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**config)


async def test_decisions_and_steps_are_told_and_the_end_sends_what_is_left(
    engine: AsyncEngine,
) -> None:
    world = World()
    async with running(world, engine, enable_gcp_logging=True) as service:
        world.break_site("us-east1")
        assert await service.cycle() == "failover"
        findings = await service.asks("GET", "/preflight")
        assert {"what": "Cloud Logging"}.items() <= findings[-1].items()
        assert findings[-1]["is_fault"] is False
    told = [entry["jsonPayload"] for entry in world.gcp.logging.entries.values()]
    rules = [one["rule"] for one in told if one["message"] == "decision"]
    assert rules == ["all_well", "failover"]
    done = [one["step"] for one in told if one["message"] == "step done"]
    assert done == [
        "advertise remote",
        "confirm_seen remote",
        "prefer remote",
        "withdraw local",
        "confirm_moved remote",
    ]
    assert [one["state"] for one in told if one["message"] == "plan ended"] == ["done"]
    assert "fake-token" not in str(told)
    assert world.gcp.logging.entries.popitem()[1]["logName"] == (
        "projects/demo/logs/bgpilot-failover"
    )


async def test_a_failover_does_not_wait_for_it(engine: AsyncEngine) -> None:
    world = World()
    world.gcp.troubles.append(Trouble("entries:write", times=None, status=503, body={}))
    async with running(world, engine, enable_gcp_logging=True) as service:
        world.break_site("us-east1")
        assert await service.cycle() == "failover"
        (plan,) = await service.asks("GET", "/plans")
        assert plan["state"] == "done"
    assert world.gcp.logging.entries == {}


async def test_it_is_off_unless_it_is_asked_for(engine: AsyncEngine) -> None:
    world = World()
    async with running(world, engine) as service:
        await service.cycle()
        status = await service.asks("GET", "")
    assert world.gcp.logging.entries == {}
    assert "gcp/logging/write" not in {one["name"] for one in status["breakers"]}
