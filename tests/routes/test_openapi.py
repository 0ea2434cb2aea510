"""What the query service answers to whatever its description allows, and to much else.

No answer is an error of ours, and none is outside the description. BGPILOT_API_EXAMPLES sets how
many questions each endpoint is asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from tests.whole import Whole, whole
from tests.world import FLAPPING_PREFIX, MOVED_MAC

if TYPE_CHECKING:
    from collections.abc import Iterator

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
DESCRIPTION = openapi.from_dict(
    create_app(RoutesSettings(_env_file=None, database_url=SecretStr("postgresql://x"))).openapi()
).exclude(path="/api/v1/stream")  # has no end

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


def likely(values: dict[str, Any] | None) -> SearchStrategy[dict[str, Any] | None]:
    """The same parameters, some of them with values that lead somewhere."""
    if not values:
        return st.just(values)
    drawn = {
        name: st.just(value) | st.sampled_from(LIKELY[name]) if name in LIKELY else st.just(value)
        for name, value in values.items()
    }
    return st.fixed_dictionaries(drawn)


@DESCRIPTION.hook
def flatmap_query(
    _: schemathesis.HookContext, query: dict[str, Any] | None
) -> SearchStrategy[dict[str, Any] | None]:
    return likely(query)


@DESCRIPTION.hook
def flatmap_path_parameters(
    _: schemathesis.HookContext, path_parameters: dict[str, Any] | None
) -> SearchStrategy[dict[str, Any] | None]:
    return likely(path_parameters)


@pytest.fixture(scope="module")
def stack(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(postgres_dsn, tmp_path_factory.mktemp("files")) as parts:
        yield parts


@pytest.mark.timeout(60 + 10 * EXAMPLES)
@DESCRIPTION.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: schemathesis.Case, stack: Whole) -> None:
    case.call_and_validate(base_url=stack.routes, checks=CHECKS, timeout=20)
