"""What the failover service answers to whatever its description allows, and to much else.

No answer is an error of ours, and none is outside the description, while cycles come and traffic
moves. BGPILOT_API_EXAMPLES sets how often each endpoint is asked.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.failover.app import create_app
from tests.failover.configured import configured
from tests.whole import Whole, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("BGPILOT_API_EXAMPLES", "40"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
DOCUMENT = create_app(configured()).openapi()
DESCRIPTION = openapi.from_dict(DOCUMENT)
OPERATIONS: dict[tuple[str, str], APIOperation] = {
    (one.method.upper(), one.path.removeprefix("/api/v1/failover")): one
    for one in (each.ok() for each in DESCRIPTION.get_all_operations())
    if one.path.startswith("/api/v1/failover")
}

fuzzing = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

sites = st.sampled_from(["local", "remote"])
seconds = st.sampled_from([0.001, 1, 60, 3600])
reasons = st.sampled_from(["works", "é" * 1000, "'; DROP TABLE failover.plan; --", "\U0001f6e0"])
rules = st.lists(st.sampled_from(["target_is_well", "selector_matches", "routes_touched"]))
spans = st.sampled_from([-3600, -1, 0, 1, 3600, 400 * 86_400])
moments = st.builds(lambda n: (datetime.now(UTC) + timedelta(seconds=n)).isoformat(), spans)
breakers = st.sampled_from(["cloudflare/write", "gcp/us-east1/read", "none"])


def body(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A command with a reason and what else it has to have, with or without an owner."""
    owner = {"owner": st.sampled_from(["", "ada"])}
    return st.fixed_dictionaries({"reason": reasons} | fields, optional=owner)


BODIES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("POST", "/switchover"): st.fixed_dictionaries(
        {"from": sites, "to": sites, "reason": reasons},
        optional={"scheduled_at": moments, "within_s": seconds, "lifted_rules": rules},
    ),
    ("PUT", "/override"): body(
        mode=st.sampled_from(["local", "remote", "hold"]),
        ttl_s=seconds,
        expected_state=st.sampled_from([None, "both", "neither"]),
        lifted_rules=rules,
    ),
    ("POST", "/pause"): body(ttl_s=seconds),
    ("POST", "/resume"): body(),
    ("POST", "/ack"): body(),
    ("POST", "/abort"): body(pause_s=st.none() | seconds),
    ("POST", "/practice"): body(
        mode=st.sampled_from(["dry", "real"]), stay_s=st.none() | seconds, within_s=seconds
    ),
    ("POST", "/breakers/{name}/force"): body(
        state=st.sampled_from(["open", "closed"]), ttl_s=st.sampled_from([0.001, 1])
    ),
    ("POST", "/breakers/{name}/reset"): body(),
}


@st.composite
def commands(draw: st.DrawFn) -> tuple[tuple[str, str], dict[str, Any]]:
    """Any call, with a body that means something."""
    name = draw(st.sampled_from(sorted(OPERATIONS)))
    sent: dict[str, Any] = {}
    if name in BODIES:
        sent = {"body": draw(BODIES[name]), "media_type": "application/json"}
        if draw(st.booleans()):
            sent["headers"] = {"Idempotency-Key": draw(st.sampled_from(["one", "two"]))}
    if "{name}" in name[1]:
        sent["path_parameters"] = {"name": draw(breakers)}
    if name in {("POST", "/switchover"), ("PUT", "/override")} and draw(st.booleans()):
        sent["query"] = {"dry_run": "true"}
    return name, sent


@pytest.fixture(scope="module")
def stack(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole(postgres_dsn, tmp_path_factory.mktemp("files")) as parts:
        yield parts


@pytest.mark.timeout(60 + 10 * EXAMPLES)
@DESCRIPTION.parametrize()
@fuzzing
def test_whatever_is_asked_is_answered_as_described(case: schemathesis.Case, stack: Whole) -> None:
    case.call_and_validate(base_url=stack.failover, checks=CHECKS, timeout=20)


@pytest.mark.timeout(60 + 100 * EXAMPLES)
def test_whatever_operators_say_is_answered_as_described(stack: Whole) -> None:
    answered: dict[tuple[str, str], set[int]] = {name: set() for name in OPERATIONS}

    @settings(fuzzing, max_examples=5 * EXAMPLES)
    @given(st.lists(commands(), min_size=5, max_size=15))
    def ask(several: list[tuple[tuple[str, str], dict[str, Any]]]) -> None:
        for name, sent in several:
            case = OPERATIONS[name].Case(**sent)
            answer = case.call_and_validate(base_url=stack.failover, checks=CHECKS, timeout=20)
            answered[name].add(answer.status_code)

    ask()
    # What there is to delete depends on when the cycles come.
    refused = {name for name, codes in answered.items() if 200 not in codes}
    assert {name for name in refused if name[0] != "DELETE"} == set()
    assert all(answered.values())
