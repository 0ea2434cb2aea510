"""What the query service answers to whatever its description allows, and to much else.

No answer is an error of ours, and none is outside the description. BGPILOT_API_EXAMPLES sets how
many questions each endpoint is asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis import APIOperation, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.routes import endpoints
from services.routes.app import create_app
from services.routes.asking.routes import FILTERS, filters
from services.routes.settings import RoutesSettings
from tests.whole import Whole, whole
from tests.world import FLAPPING_PREFIX, MOVED_MAC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant
    from hypothesis.strategies import SearchStrategy

EXAMPLES = int(os.environ.get("BGPILOT_API_EXAMPLES", "40"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
DOCUMENT = create_app(
    RoutesSettings(_env_file=None, database_url=SecretStr("postgresql://x"))
).openapi()
DESCRIPTION = openapi.from_dict(DOCUMENT).exclude(path="/api/v1/stream")  # has no end
OPERATIONS: list[APIOperation] = [each.ok() for each in DESCRIPTION.get_all_operations()]

fuzzing = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

PREFIXES = [
    *("203.0.113.0/24", "203.0.113.7", "10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "10.20.0.0/16"),
    *("10.0.0.1/8", "2001:db8::/32", "2001:db8:1:2::7", "::/0", "10.30.0.0/16", FLAPPING_PREFIX),
]
TIMES = ["-1h", "-1d", "0", "1700000000", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
LIKELY: dict[str, list[Any]] = {
    "prefix": PREFIXES,
    "a": [1, 2, 3, 5, 6],
    "b": [1, 2, 3, 5, 6],
    "router_id": [1, 2],
    "peer_id": [1, 2, 3, 4, 5, 6, 7],
    "router": ["1", "2", "edge2", "127.0.0.2"],
    "peer": ["1", "2", "192.0.2.101", "2001:db8::7"],
    "peer_asn": ["64501", "AS4200000001", "65000"],
    "origin_asn": ["64502", "AS65000", "0"],
    "asn": ["64501", "AS64502", "65000", "4294967295"],
    "as_path": ["64502$", "^64501", "64501,64502", "64501", "!64999$", "[64510,64511]$"],
    "next_hop": ["192.0.2.1", "2001:db8::1"],
    "community": ["64501:100", "65535:65281"],
    "large_community": ["4200000001:1:2"],
    "ext_community": ["rt:64501:100"],
    "rd": ["65000:100"],
    "mac": [MOVED_MAC, "0200.0000.0001", "02:00:00:00:00:02"],
    "esi": ["00:11:22:33:44:55:66:77:88:99"],
    "route_type": [1, 2, 3, 4, 5],
    "timestamp": TIMES,
    "starttime": TIMES,
    "endtime": TIMES,
}


def parameters(operation: APIOperation) -> list[dict[str, Any]]:
    """The operation's own in the description."""
    found: list[dict[str, Any]] = DOCUMENT["paths"][operation.path]["get"].get("parameters", [])
    return [each for each in found if each["in"] in {"path", "query"} and each["name"] != "cursor"]


def words(schema: dict[str, Any]) -> Iterator[Any]:
    """Values that the description itself names for a parameter."""
    yield from schema.get("enum", [])
    yield from (schema[key] for key in ("const", "minimum", "maximum") if key in schema)
    for below in [schema.get("items", {}), *schema.get("anyOf", [])]:
        yield from words(below) if below else ()


def values(parameter: dict[str, Any]) -> SearchStrategy[Any]:
    known = [*LIKELY.get(parameter["name"], []), *words(parameter["schema"])] or ["1"]
    one = st.sampled_from(known)
    schema = parameter["schema"]
    is_list = any(each.get("type") == "array" for each in [schema, *schema.get("anyOf", [])])
    return st.lists(one, min_size=1, max_size=2, unique=True) if is_list else one


@st.composite
def questions(draw: st.DrawFn, operation: APIOperation) -> dict[str, dict[str, Any]]:
    """A question that leads somewhere in most cases: a few parameters, with likely values."""
    everything = parameters(operation)
    needed = [each for each in everything if each.get("required")]
    others = [each for each in everything if not each.get("required")]
    few = draw(st.lists(st.sampled_from(others), max_size=3, unique_by=id)) if others else []
    asked: dict[str, dict[str, Any]] = {"path": {}, "query": {}}
    for each in [*needed, *few]:
        asked[each["in"]][each["name"]] = draw(values(each))
    return asked


@pytest.fixture(scope="module")
def stack(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(postgres_dsn, tmp_path_factory.mktemp("files")) as parts:
        yield parts


@pytest.mark.timeout(60 + 10 * EXAMPLES)
@DESCRIPTION.parametrize()
@fuzzing
def test_whatever_is_asked_is_answered_as_described(case: schemathesis.Case, stack: Whole) -> None:
    case.call_and_validate(base_url=stack.routes, checks=CHECKS, timeout=20)


@pytest.mark.timeout(60 + 10 * EXAMPLES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_what_people_ask_is_answered_as_described_page_by_page(
    operation: APIOperation, stack: Whole
) -> None:
    found = 0

    @fuzzing
    @given(questions(operation))
    def ask(asked: dict[str, dict[str, Any]]) -> None:
        nonlocal found
        cursor: dict[str, str] | None = {}
        for _ in range(3):
            if cursor is None:
                break
            case = operation.Case(path_parameters=asked["path"], query=asked["query"] | cursor)
            answer = case.call_and_validate(base_url=stack.routes, checks=CHECKS, timeout=20)
            body = answer.json() if answer.headers["content-type"][0] == "application/json" else {}
            found += bool(body.get("data"))
            following = body.get("meta", {}).get("next_cursor")
            cursor = following and {"cursor": following}

    ask()
    assert found, "no question was answered with anything"


def test_whoever_reads_the_filters_describes_them_and_nobody_else_does() -> None:
    def reads(dependant: Dependant) -> bool:
        return dependant.call is filters or any(map(reads, dependant.dependencies))

    routes = [
        route
        for router in (endpoints.routes, endpoints.history, endpoints.inventory)
        for route in router.api.routes
        if isinstance(route, APIRoute)
    ]
    described = {route.path for route in routes if route.openapi_extra is FILTERS}
    assert described == {route.path for route in routes if reads(route.dependant)}
    assert len(described) == 5
