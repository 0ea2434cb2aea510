"""The merged API description."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import APIRouter, FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from gateway.openapi import merged
from gateway.specs import Spec, SpecBook
from gateway.upstreams import READING, TABLE, Forward, upstreams
from shared.web.app import create_service
from tests.gateway.harness.client import ask
from tests.gateway.harness.serving import gateway, refusing, serving, settings, speaking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WRITABLE = (*TABLE, Forward("/api/v1/peers", "routes", READING | {"POST"}))


class Item(BaseModel):
    """The same name in two services."""

    name: str


@contextlib.asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


def service(name: str, *paths: str) -> FastAPI:
    api = APIRouter()

    async def show() -> list[Item]:
        """Shows."""
        return []

    async def change(item: Item) -> Item:
        return item

    for path in paths:
        api.add_api_route(path, show, methods=["GET"], tags=["some"])
        api.add_api_route(path, change, methods=["POST"])
    return create_service(
        name, description=f"About {name}.", lifespan=nothing, endpoints=[api], checks={}
    )


def current(app: FastAPI) -> Spec:
    return Spec("current", app.openapi(), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def both() -> dict[str, Spec]:
    return {
        "ingest": current(service("ingest", "/api/v1/ingest/stats", "/internal")),
        "routes": current(service("routes", "/api/v1/routes/summary", "/api/v1/peers")),
    }


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def resolve(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_it_shows_what_the_table_lets_through_and_nothing_else() -> None:
    assert set(operations(merged(both(), TABLE, version="1"))) == {
        ("GET", "/api/v1/ingest/stats"),
        ("GET", "/api/v1/routes/summary"),
        ("GET", "/api/v1/peers"),
    }


def test_a_path_of_another_service_cannot_be_claimed() -> None:
    specs = {"ingest": current(service("ingest", "/api/v1/routes"))}
    assert merged(specs, TABLE, version="1")["paths"] == {}


def test_names_that_two_services_share_stay_apart_and_every_reference_leads_somewhere() -> None:
    document = merged(both(), TABLE, version="1")
    schemas = document["components"]["schemas"]
    assert {"ingest_Item", "routes_Item", "gateway_Problem"} <= set(schemas)
    assert "Item" not in schemas
    assert references(document)
    for reference in references(document):
        assert resolve(document, reference), reference
    ids = [each["operationId"] for each in operations(document).values()]
    assert len(ids) == len(set(ids))
    assert all(re.match("(ingest|routes)_", each) for each in ids)


def test_operations_are_tagged_by_service() -> None:
    document = merged(both(), TABLE, version="1")
    assert {each["name"]: each["description"] for each in document["tags"]} == {
        "ingest": "About ingest.",
        "routes": "About routes.",
    }
    assert operations(document)["GET", "/api/v1/peers"]["tags"] == ["routes"]


def test_only_what_changes_state_asks_for_the_operators_token() -> None:
    document = merged(both(), (WRITABLE[-1], *TABLE), version="1")
    read, change = (operations(document)[each, "/api/v1/peers"] for each in ("GET", "POST"))
    assert "security" not in read
    assert change["security"] == [{"operatorToken": []}]
    assert document["components"]["securitySchemes"]["operatorToken"]["scheme"] == "bearer"
    assert {"400", "502", "503", "504"} <= set(read["responses"])
    assert not {"401", "403", "413"} & set(read["responses"])
    assert {"401", "403", "413"} <= set(change["responses"])


def test_only_streams_can_be_refused_for_want_of_a_place() -> None:
    entry = Forward("/api/v1/stream", "routes", kind="stream")
    document = {"openapi": "3.1.0", "paths": {entry.path: {"get": {"responses": {}}}}}
    specs = {"routes": Spec("current", document)}
    for table, expected in (((entry,), True), ((Forward(entry.path, "routes"),), False)):
        paths = merged(specs, table, version="1")["paths"]
        assert ("429" in paths[entry.path]["get"]["responses"]) is expected


def test_what_a_service_says_of_a_status_wins_over_the_gateways_words() -> None:
    spec = current(service("ingest", "/api/v1/ingest/stats"))
    spec.document["paths"]["/api/v1/ingest/stats"]["get"]["responses"]["503"] = {
        "description": "theirs"
    }
    document = merged({"ingest": spec}, TABLE, version="1")
    responses = operations(document)["GET", "/api/v1/ingest/stats"]["responses"]
    assert responses["503"] == {"description": "theirs"}
    assert responses["502"] == {"$ref": "#/components/responses/gateway_502"}


def test_every_kind_of_reference_is_renamed() -> None:
    spec = Spec(
        "current",
        {
            "openapi": "3.1.0",
            "security": [{"key": ["read"]}],
            "servers": [{"url": "http://127.0.0.1:8081"}],
            "paths": {
                "/api/v1/ingest/stats": {
                    "servers": [{"url": "http://127.0.0.1:8081"}],
                    "parameters": [{"$ref": "#/components/parameters/Limit"}],
                    "get": {
                        "operationId": "stats",
                        "servers": [{"url": "http://127.0.0.1:8081"}],
                        "responses": {"200": {"$ref": "#/components/responses/Fine"}},
                    },
                }
            },
            "components": {
                "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {}}},
                "responses": {"Fine": {"description": "fine"}},
                "schemas": {
                    "Either": {
                        "discriminator": {
                            "propertyName": "mapping",
                            "mapping": {"a": "#/components/schemas/Either"},
                        },
                        "properties": {
                            "mapping": {"$ref": "#/components/schemas/Either"},
                            "operationId": {"$ref": "https://json-schema.org/x"},
                        },
                    }
                },
                "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "K"}},
            },
        },
    )
    document = merged({"ingest": spec}, TABLE, version="1")
    item = document["paths"]["/api/v1/ingest/stats"]
    assert item["parameters"] == [{"$ref": "#/components/parameters/ingest_Limit"}]
    assert item["get"]["responses"]["200"] == {"$ref": "#/components/responses/ingest_Fine"}
    assert item["get"]["security"] == [{"ingest_key": ["read"]}]
    assert "servers" not in item
    assert "servers" not in item["get"]
    either = document["components"]["schemas"]["ingest_Either"]
    assert either["discriminator"]["mapping"] == {"a": "#/components/schemas/ingest_Either"}
    assert either["properties"] == {
        "mapping": {"$ref": "#/components/schemas/ingest_Either"},
        "operationId": {"$ref": "https://json-schema.org/x"},
    }
    assert document["servers"] == [{"url": "./", "description": "This gateway"}]
    assert "ingest_key" in document["components"]["securitySchemes"]


def test_what_a_service_gave_is_not_changed() -> None:
    specs = both()
    before = repr(specs)
    merged(specs, TABLE, version="1")
    assert repr(specs) == before


def test_it_is_valid_by_the_openapi_3_1_schema() -> None:
    for table in (TABLE, (WRITABLE[-1], *TABLE)):
        OpenAPIV31SpecValidator(merged(both(), table, version="1")).validate()
        OpenAPIV31SpecValidator(merged({}, table, version="1")).validate()


def states(document: dict[str, Any]) -> dict[str, str]:
    return {name: each["status"] for name, each in document["x-bgpilot-services"].items()}


async def test_services_that_are_away_are_marked_and_the_others_shown() -> None:
    app = service("routes", "/api/v1/peers")
    with refusing() as nowhere:
        async with serving(app) as routes:
            url = f"http://127.0.0.1:{routes}"
            async with gateway(gateway_routes_url=url, gateway_ingest_url=nowhere) as port:
                document = (await ask(port, "/openapi.json")).json
    assert states(document) == {
        "routes": "current",
        "ingest": "unreachable",
        "failover": "disabled",
    }
    assert set(operations(document)) == {("GET", "/api/v1/peers")}
    assert "ingest (unreachable)" in document["info"]["description"]
    assert document["x-bgpilot-services"]["ingest"]["fault"]


async def test_a_disabled_service_is_marked_as_such() -> None:
    async with gateway() as port:
        document = (await ask(port, "/openapi.json")).json
    assert states(document) == {
        "routes": "disabled",
        "ingest": "disabled",
        "failover": "disabled",
    }


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"openapi": "3.0.3"}', b'{"swagger": "2.0"}'])
async def test_what_is_no_openapi_3_1_is_not_merged(body: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with speaking(raw) as url, gateway(gateway_routes_url=url) as port:
        document = (await ask(port, "/openapi.json")).json
    assert states(document)["routes"] == "unreachable"
    assert document["paths"] == {}


async def test_the_last_good_description_is_kept_and_refreshed_when_it_is_old() -> None:
    now = 0.0
    services = None
    async with serving(service("routes", "/api/v1/peers")) as port:
        services = upstreams(TABLE, settings(gateway_routes_url=f"http://127.0.0.1:{port}"))
        book = SpecBook(services, max_age=60, monotonic=lambda: now)
        async with services["routes"].opened():
            assert (await book.read())["routes"].state == "current"
    # The service has stopped; what it said is young, then old.
    async with services["routes"].opened():
        now = 59.0
        assert (await book.read())["routes"].state == "current"
        now = 61.0
        stale = (await book.read())["routes"]
        assert (stale.state, bool(stale.document)) == ("stale", True)
        document = merged({"routes": stale}, TABLE, version="1")
        assert set(operations(document)) == {("GET", "/api/v1/peers")}
        assert "as last seen" in document["tags"][0]["description"]


async def test_a_service_that_comes_up_is_shown_within_seconds() -> None:
    now = 0.0
    with refusing() as url:
        services = upstreams(TABLE, settings(gateway_routes_url=url))
        book = SpecBook(services, max_age=60, monotonic=lambda: now)
        async with services["routes"].opened():
            assert (await book.read())["routes"].state == "unreachable"
    async with serving(service("routes", "/api/v1/peers")) as port:
        services["routes"].url = f"http://127.0.0.1:{port}"
        async with services["routes"].opened():
            assert (await book.read())["routes"].state == "unreachable"
            now = 3.0
            assert (await book.read())["routes"].state == "current"
