"""The skeleton of every HTTP app: health, problems, request ids."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query

from shared.web.app import create_service
from shared.web.health import NotReady
from shared.web.problem import MEDIA_TYPE, parameter_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

api = APIRouter()


@api.get("/wrong")
async def wrong() -> None:
    raise parameter_error("prefix", "has bits set outside its mask", "10.0.0.0/8")


@api.get("/crash")
async def crash() -> None:
    raise ZeroDivisionError("a secret detail")


@api.get("/typed")
async def typed(limit: Annotated[int, Query(le=10)]) -> int:
    return limit


class Ready:
    """A readiness check that a test can turn."""

    reason: str | None = None
    hangs = False

    async def __call__(self) -> Mapping[str, object]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.reason is not None:
            raise NotReady(self.reason)
        return {"pending": 3}


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture
def ready() -> Ready:
    return Ready()


@pytest.fixture
async def client(ready: Ready) -> AsyncIterator[httpx.AsyncClient]:
    app = create_service(
        "thing", description="", lifespan=nothing, endpoints=[api], checks={"database": ready}
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://thing") as client:
        yield client


async def test_a_live_process_says_so_without_asking_anybody(
    client: httpx.AsyncClient, ready: Ready
) -> None:
    ready.reason = "the database is away"
    for path in ("/livez", "/healthz"):
        assert (await client.get(path)).json() == {"status": "ok"}


async def test_readiness_tells_each_check(client: httpx.AsyncClient, ready: Ready) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": {"status": "ok", "pending": 3}}
    ready.reason = "the database is away"
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["reason"] == "the database is away"


async def test_a_check_that_hangs_makes_the_service_not_ready(
    client: httpx.AsyncClient, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.web.health.CHECK_SECONDS", 0.05)
    ready.hangs = True
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "no answer" in answer.json()["checks"]["database"]["reason"]


async def test_metrics_count_requests_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/typed?limit=3")
    metrics = (await client.get("/metrics")).text
    assert 'bgpilot_http_requests_total{method="GET",route="/typed",status="200"}' in metrics


async def test_a_wrong_parameter_is_answered_with_a_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/wrong")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert body["errors"] == [
        {
            "parameter": "prefix",
            "detail": "has bits set outside its mask",
            "suggestion": "10.0.0.0/8",
        }
    ]
    assert body["instance"] == "/wrong"
    assert body["request_id"] == answer.headers["x-request-id"]


async def test_fastapi_s_own_refusals_are_problems_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/typed?limit=11")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "limit"
    answer = await client.get("/nowhere")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "/nowhere" in answer.json()["detail"]
    answer = await client.post("/typed")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


async def test_a_crash_tells_the_client_nothing_but_where_to_look(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/crash")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_good_request_id_is_kept_and_a_bad_one_replaced(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/livez", headers={"X-Request-ID": "deploy-2026.11_a"})
    assert answer.headers["x-request-id"] == "deploy-2026.11_a"
    for bad in ("short", "has space in it", "x" * 129, "newline%0a<script>"):
        answer = await client.get("/livez", headers={"X-Request-ID": bad})
        assert answer.headers["x-request-id"] != bad
        assert len(answer.headers["x-request-id"]) == 32


def test_refusals_are_described_as_the_problems_that_they_are() -> None:
    app = create_service("thing", description="", lifespan=nothing, endpoints=[api], checks={})
    document = app.openapi()
    responses = {path: item["get"]["responses"] for path, item in document["paths"].items()}
    assert set(responses["/typed"]) == {"200", "422", "default"}
    assert set(responses["/wrong"]) == {"200", "default"}
    assert list(responses["/typed"]["422"]["content"]) == [MEDIA_TYPE]
    assert set(document["components"]["schemas"]) == {"Problem", "ParameterFault"}
    assert app.openapi() is document
