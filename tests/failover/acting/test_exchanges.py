"""What is kept of a request and its answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.failover.acting.exchanges import Call, Exchange, redacted
from services.failover.policy.model import Site, StepKind
from services.failover.policy.plan import switch
from tests.failover.acting.world import Fault, World, run

CALL = Call("change of a router", "PATCH", "https://example.com/router", {"bgp": {}}, writes=True)


def exchange(**changed: object) -> Exchange:
    values = {"provider": "GCP", "call": CALL, "at": datetime(2026, 3, 1, tzinfo=UTC)}
    return Exchange(**{**values, "seconds": 0.5, "status": 200, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"md5": [{"name": "a", "key": "hunter2"}]}, {"md5": [{"name": "a", "key": "***"}]}),
        ({"api_token": "hunter2", "private_key": {}}, {"api_token": "***", "private_key": "***"}),
        ({"password": None, "monkey": "kept"}, {"password": None, "monkey": "kept"}),
        ([1, "text", None], [1, "text", None]),
    ],
)
def test_what_is_called_a_secret_is_left_out(value: object, kept: object) -> None:
    assert redacted(value) == kept


def test_no_secret_of_a_request_or_an_answer_is_in_the_row() -> None:
    call = Call("a call", "PUT", "https://example.com", {"secret": "hunter2"}, writes=True)
    row = exchange(call=call, answer={"token": "hunter2"}).as_row()
    assert "hunter2" not in str(row)


def test_an_answer_without_end_is_left_out_and_its_size_is_told() -> None:
    row = exchange(answer=["x" * 100_000]).as_row()
    assert row["answer"] == "left out: 100004 bytes"


@pytest.mark.parametrize(("faults", "statuses"), [([], [200]), ([Fault.REFUSED], [403])])
def test_a_step_keeps_what_was_sent_for_it_and_answered(
    faults: list[Fault], statuses: list[int]
) -> None:
    world = World()
    world.faults[StepKind.ADVERTISE] += faults
    plan = switch(world.posture(), Site.REMOTE, reason="a test")
    record = run(world.executor().carry_out(plan))
    assert [one["status"] for one in record.steps[0].exchanges] == statuses
    assert record.steps[1].exchanges == ()


def test_what_a_request_without_an_answer_came_to_is_kept_beside_the_next() -> None:
    world = World()
    world.faults[StepKind.ADVERTISE].append(Fault.TIMEOUT_BEFORE)
    plan = switch(world.posture(), Site.REMOTE, reason="a test")
    record = run(world.executor().carry_out(plan))
    assert len(record.steps[0].exchanges) == len(record.steps[0].requests) == 2
