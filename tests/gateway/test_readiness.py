"""`/readyz` of the gateway is that of the services behind it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from shared.web.app import create_service
from shared.web.health import NotReady
from tests.gateway.harness.client import ask
from tests.gateway.harness.serving import gateway, refusing, serving, silent, speaking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fastapi import FastAPI


@contextlib.asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


def service(name: str, *, fault: str | None = None) -> FastAPI:
    """A service of bgpilot whose one check says this."""

    async def database() -> Mapping[str, str]:
        if fault:
            raise NotReady(fault)
        return {"schema": "current"}

    return create_service(
        name, description="", lifespan=nothing, endpoints=[], checks={"database": database}
    )


async def test_it_is_ready_when_every_service_is() -> None:
    async with serving(service("routes")) as routes, serving(service("ingest")) as ingest:
        routes_url, ingest_url = f"http://127.0.0.1:{routes}", f"http://127.0.0.1:{ingest}"
        async with gateway(gateway_routes_url=routes_url, gateway_ingest_url=ingest_url) as port:
            answer = await ask(port, "/readyz")
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["checks"]["routes"] == {
        "status": "ok",
        "url": routes_url,
        "checks": {"database": {"status": "ok", "schema": "current"}},
    }


async def test_it_is_503_and_says_what_a_service_that_is_not_ready_says() -> None:
    app = service("routes", fault="the schema is behind")
    async with (
        serving(app) as routes,
        gateway(gateway_routes_url=f"http://127.0.0.1:{routes}") as port,
    ):
        answer = await ask(port, "/readyz")
    assert answer.status == 503
    check = answer.json["checks"]["routes"]
    assert (check["status"], check["reason"]) == ("not ready", "it answers 503")
    assert check["checks"]["database"]["reason"] == "the schema is behind"


async def test_a_service_that_is_disabled_is_not_down() -> None:
    async with gateway(gateway_routes_url="", gateway_ingest_url="") as port:
        answer = await ask(port, "/readyz")
    assert answer.status == 200
    assert answer.json["checks"] == {
        "failover": {"status": "disabled", "reason": "GATEWAY_FAILOVER_URL is empty"},
        "ingest": {"status": "disabled", "reason": "GATEWAY_INGEST_URL is empty"},
        "routes": {"status": "disabled", "reason": "GATEWAY_ROUTES_URL is empty"},
    }


async def test_a_service_that_cannot_be_reached_makes_it_503() -> None:
    with refusing() as url:
        async with gateway(gateway_routes_url=url) as port:
            answer = await ask(port, "/readyz")
    assert answer.status == 503
    assert answer.json["checks"]["routes"] == {
        "status": "not ready",
        "reason": "it cannot be reached",
        "url": url,
    }


async def test_services_that_hang_are_waited_for_side_by_side_and_not_for_long() -> None:
    loop = asyncio.get_running_loop()
    with silent() as routes, silent() as ingest:
        async with gateway(gateway_routes_url=routes, gateway_ingest_url=ingest) as port:
            started = loop.time()
            answer = await ask(port, "/readyz")
            seconds = loop.time() - started
    assert answer.status == 503
    reasons = [each["reason"] for each in answer.json["checks"].values() if "url" in each]
    assert reasons == ["it does not answer in time"] * 2
    assert seconds < 3.5


async def test_a_stranger_at_the_address_of_a_service_does_not_break_it() -> None:
    raw = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n<html"
    async with speaking(raw) as url, gateway(gateway_routes_url=url) as port:
        answer = await ask(port, "/readyz")
    assert answer.status == 503
    assert answer.json["checks"]["routes"]["reason"] == "it answers 404"


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/version", "/metrics"])
async def test_it_is_alive_whatever_the_services_are(path: str) -> None:
    with refusing() as url:
        async with gateway(gateway_routes_url=url) as port:
            assert (await ask(port, path)).status == 200
