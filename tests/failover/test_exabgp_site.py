"""A service one of whose sites announces through an ExaBGP, as operators see it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.failover.providers.exabgp.speaker import Speaker
from tests.failover.running import LOCAL_SERVES, REMOTE_SERVES, Service, running
from tests.failover.world import PREFIX, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

ANNOUNCE = f"announce route {PREFIX} next-hop 192.0.2.9 community [ 65002:7 ]"
MOVE = {"from": "local", "to": "remote", "reason": "maintenance", "owner": "ada"}


@asynccontextmanager
async def a_service(engine: AsyncEngine, speaker: Speaker) -> AsyncIterator[Service]:
    """The local site has a Cloud Router, the remote one an ExaBGP."""
    world = World()
    speaker.hook = lambda _, is_announced: world._saw("us-west1", announced=is_announced)
    async with running(
        world,
        engine,
        failover_remote_announcer="exabgp",
        remote_bgp_region=None,
        remote_bgp_router=None,
        failover_remote_exabgp_pipe=speaker.path,
        failover_remote_exabgp_next_hop="192.0.2.9",
        failover_remote_exabgp_communities="65002:7",
    ) as service:
        yield service


async def test_traffic_moves_from_a_cloud_router_to_an_exabgp(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    speaker = Speaker(tmp_path)
    with speaker.listening():
        async with a_service(engine, speaker) as service:
            assert service.world.traffic() == LOCAL_SERVES
            service.world.break_site("us-east1")
            assert await service.cycle() == "failover"
            assert service.world.traffic() == REMOTE_SERVES
            (plan,) = await service.asks("GET", "/plans")
            status = await service.asks("GET", "")
    assert (plan["state"], plan["alarm"]) == ("done", None)
    first, last = plan["steps"][0], plan["steps"][3]
    assert first["requests"] == [{"method": "WRITE", "url": f"{speaker.path}.in", "body": ANNOUNCE}]
    assert first["exchanges"][-1]["answer"] == ["done"]
    assert first["evidence"]["holding"] == ["192.0.2.1"]
    assert last["requests"][0]["method"] == "PATCH"
    readings = status["inputs"]["bgp"]["remote"]["readings"]
    assert {"observer": "exabgp_bgp", "health": "healthy"}.items() <= readings[0].items()
    assert {"exabgp/remote/read", "exabgp/remote/write"} <= {
        one["name"] for one in status["breakers"]
    }


async def test_a_dry_run_has_the_exact_command_and_what_exabgp_says(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    speaker = Speaker(tmp_path)
    with speaker.listening():
        async with a_service(engine, speaker) as service:
            done = await service.asks("POST", "/switchover?dry_run=true", json=MOVE)
            findings = await service.asks("GET", "/preflight")
    first = done["steps"][0]
    assert first["requests"] == [{"method": "WRITE", "url": f"{speaker.path}.in", "body": ANNOUNCE}]
    assert first["asked"]["body"] == "show neighbor summary"
    assert first["said"] == ["192.0.2.1"]
    assert speaker.routes == set()
    told = {one["what"]: one["detail"] for one in findings}
    assert told["the remote site's ExaBGP"] == "ExaBGP has sessions to 192.0.2.1"
    assert "the remote site's router" not in told


async def test_an_exabgp_that_says_yes_and_tells_nobody_is_found_out(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    speaker = Speaker(tmp_path)
    with speaker.listening():
        async with a_service(engine, speaker) as service:
            speaker.hook = lambda prefix, is_announced: None
            service.world.break_site("us-east1")
            await service.cycle()
            (plan,) = await service.asks("GET", "/plans")
            assert service.world.traffic() == LOCAL_SERVES
    assert (plan["state"], plan["alarm"]) == ("undone", "bmp_disagrees")
    assert speaker.routes == set()


async def test_nothing_moves_to_an_exabgp_that_is_gone(engine: AsyncEngine, tmp_path: Path) -> None:
    speaker = Speaker(tmp_path)
    async with a_service(engine, speaker) as service:
        service.world.break_site("us-east1")
        assert await service.cycle() not in ("failover", "all_well")
        assert service.world.traffic() == LOCAL_SERVES
        findings = await service.asks("GET", "/preflight")
    (found,) = (one for one in findings if one["what"] == "the remote site's ExaBGP")
    assert found["is_fault"]
    assert "nobody reads" in found["detail"]
