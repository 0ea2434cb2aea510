"""Everything together: what the services have is there through the gateway."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import SecretStr
from starlette.routing import Route, WebSocketRoute

from gateway.upstreams import TABLE, find
from services.failover.endpoints import ALL as FAILOVER
from services.ingest.endpoints import api as ingest_api
from services.routes.app import create_app
from services.routes.endpoints import ALL
from services.routes.settings import RoutesSettings
from tests.gateway.harness.sockets import attach
from tests.whole import Whole, whole
from tests.world import FLAPPING, FLAPPING_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDPOINTS = [
    (service, route)
    for service, apis in (("ingest", [ingest_api]), ("routes", ALL), ("failover", FAILOVER))
    for api in apis
    for route in api.routes
]


@pytest.fixture(scope="module")
def stack(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(postgres_dsn, tmp_path_factory.mktemp("files"), demo=True) as parts:
        yield parts


@pytest.mark.parametrize(
    ("service", "route"), ENDPOINTS, ids=lambda value: getattr(value, "path", value)
)
def test_an_endpoint_is_reached_through_the_gateway(service: str, route: object) -> None:
    assert isinstance(route, Route | WebSocketRoute)
    entry = find(TABLE, route.path.encode())
    assert entry is not None
    assert entry.service == service
    assert (entry.kind == "websocket") is isinstance(route, WebSocketRoute)


def test_the_merged_description_is_valid_and_has_every_operation(stack: Whole) -> None:
    document = httpx.get(f"{stack.gateway}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    settings = RoutesSettings(_env_file=None, database_url=SecretStr("postgresql://x"))
    assert create_app(settings).openapi()["paths"].keys() <= document["paths"].keys()
    assert "/api/v1/ingest/stats" in document["paths"]


@pytest.mark.parametrize("prefix", ["203.0.113.0%2F24", "203.0.113.0/24", "203.0.113.0%2f24"])
def test_a_prefix_in_a_path_may_have_its_slash_encoded_or_not(stack: Whole, prefix: str) -> None:
    answer = httpx.get(f"{stack.gateway}/api/v1/routes/{prefix}")
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["prefix"] == "203.0.113.0/24"
    assert data["routes"]


@pytest.mark.parametrize("path", ["/v1/ws/", "/v1/ws/?client=test", "/api/v1/stream/ws"])
async def test_a_client_of_ris_live_hears_of_changes(stack: Whole, path: str) -> None:
    asked = {"prefix": FLAPPING_PREFIX, "socketOptions": {"acknowledge": True}}
    async with attach(int(stack.gateway.rpartition(":")[2]), path) as ws, asyncio.timeout(20):
        await ws.send(json.dumps({"type": "ping", "data": None}))
        assert json.loads(await ws.recv())["type"] == "pong"
        await ws.send(json.dumps({"type": "ris_subscribe", "data": asked}))
        assert json.loads(await ws.recv())["type"] == "ris_subscribe_ok"
        for _ in range(5):
            message = json.loads(await ws.recv())
            assert message["type"] == "ris_message"
            assert message["data"]["peer"] == FLAPPING.address
            assert message["data"]["host"] == "edge4"
