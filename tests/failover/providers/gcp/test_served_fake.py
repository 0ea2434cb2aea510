"""The fake as a server, with real sockets and what they do to a request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn

from services.failover.acting.actuator import Done, OutcomeUnknownError
from services.failover.providers.gcp.auth import metadata_server
from services.failover.providers.gcp.cloud_router import CloudRouters, Patience
from services.failover.providers.gcp.connect import connect
from tests.failover.providers.gcp.harness import (
    ADVERTISE_REMOTE,
    PREFIX,
    QUICK,
    REQUEST_ID,
    SITES,
    Clock,
)
from tests.fakes.gcp import FakeGcp, two_sites
from tests.fakes.gcp_state import Change
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def served(fake: FakeGcp) -> AsyncIterator[str]:
    """The fake's host and port."""
    config = uvicorn.Config(fake, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    main = asyncio.create_task(server.main_loop())
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        await main
        await server.shutdown()


@pytest.fixture
def changes() -> asyncio.Queue[Change]:
    return asyncio.Queue()


@pytest.fixture
def fake(changes: asyncio.Queue[Change]) -> FakeGcp:
    fake = FakeGcp(hook=changes.put)
    two_sites(fake)
    return fake


@asynccontextmanager
async def routers(address: str) -> AsyncIterator[CloudRouters]:
    clock = Clock()
    async with httpx.AsyncClient() as http:
        gcp = connect(
            metadata_server(http, clock.now, host=address),
            http=http,
            clock=clock,
            now=clock.now,
            registry=None,
            limits=replace(QUICK, call_seconds=5.0),
            origin=f"http://{address}",
        )
        yield CloudRouters(
            gcp.compute, SITES, generation=lambda: 1, patience=Patience(first_poll=0.01)
        )


ALREADY = Change("us-east1", "rt-east", str(PREFIX), True)


async def test_a_change_reaches_who_listens_before_it_is_done(
    fake: FakeGcp, changes: asyncio.Queue[Change]
) -> None:
    fake.state.operation_seconds = 0.05
    async with served(fake) as address, routers(address) as actuator:
        assert await changes.get() == ALREADY
        await actuator.apply(ADVERTISE_REMOTE, request_id=REQUEST_ID)
        assert await changes.get() == Change("us-west1", "rt-west", str(PREFIX), True)
        assert isinstance(await actuator.verify(ADVERTISE_REMOTE), Done)


async def test_an_operation_ends_also_while_nobody_asks(
    fake: FakeGcp, changes: asyncio.Queue[Change]
) -> None:
    fake.state.operation_seconds = 0.05
    async with served(fake) as address, httpx.AsyncClient() as http:
        url = f"http://{address}/compute/v1/projects/demo/regions/us-east1/routers/rt-east"
        body = {"bgp": {"advertisedIpRanges": []}}
        headers = {"authorization": "Bearer fake-token"}
        answer = await http.patch(url, json=body, headers=headers)
        assert answer.json()["status"] == "RUNNING"
        assert await changes.get() == ALREADY
        assert await changes.get() == Change("us-east1", "rt-east", str(PREFIX), False)


async def test_a_connection_that_breaks_in_the_answer_leaves_doubt(
    fake: FakeGcp, changes: asyncio.Queue[Change]
) -> None:
    fake.troubles.append(Trouble("^PATCH", torn=True))
    async with served(fake) as address, routers(address) as actuator:
        with pytest.raises(OutcomeUnknownError, match="connection broke before the answer"):
            await actuator.apply(ADVERTISE_REMOTE, request_id=REQUEST_ID)
        assert [await changes.get(), await changes.get()][0] == ALREADY
        assert isinstance(await actuator.verify(ADVERTISE_REMOTE), Done)


async def test_what_happens_can_be_controlled_over_http(fake: FakeGcp) -> None:
    async with served(fake) as address, httpx.AsyncClient(base_url=f"http://{address}") as http:
        await http.put("/control/health", json={"g": ["HEALTHY"]})
        session = {"status": "DOWN", "state": "Idle"}
        await http.put(
            "/control/session",
            json={"router": ["demo", "us-east1", "rt-east"], "peer": "peer-a", **session},
        )
        troubles = [{"match": "nothing", "latency": 1.0}]
        assert (await http.put("/control/troubles", json=troubles)).status_code == 204
        assert (await http.put("/control/troubles", json=[{"x": 1}])).status_code == 422
    assert fake.state.health["g"][0]["healthState"] == "HEALTHY"
    assert fake.state.routers["demo", "us-east1", "rt-east"].announced == set()
    assert fake.troubles == [Trouble("nothing", latency=1.0)]
