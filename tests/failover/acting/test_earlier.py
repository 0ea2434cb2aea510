"""Whether what was sent before may still be carried out, from the journal alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.failover.acting.actuator import Request
from services.failover.acting.earlier import Earlier, opposite
from services.failover.acting.journal import StepRecord, StepState
from services.failover.policy.model import Site, Step, StepKind

PUT = Request("PUT", "https://example.com", None)
STEP = StepRecord(
    0, Step(StepKind.PREFER, Site.REMOTE), state=StepState.FAILED, request_id="1", requests=(PUT,)
)


def write(number: int = 1, *, is_in_doubt: bool = False) -> dict[str, object]:
    return {"number": number, "writes": True, "is_in_doubt": is_in_doubt, "ids": {}}


READ = {"number": 1, "writes": False, "is_in_doubt": False}
DOUBT = write(is_in_doubt=True)


@pytest.mark.parametrize(
    ("exchanges", "requests", "state", "is_in_doubt"),
    [
        ((write(),), 1, StepState.FAILED, False),
        ((DOUBT,), 1, StepState.FAILED, True),
        ((DOUBT,), 1, StepState.DONE, False),
        ((DOUBT, write(2)), 2, StepState.DONE, True),
        ((DOUBT, write(2, is_in_doubt=True)), 2, StepState.DONE, True),
        ((), 1, StepState.FAILED, True),
        ((), 1, StepState.DONE, False),
        ((), 2, StepState.DONE, True),
        ((write(2),), 2, StepState.DONE, True),
        ((READ,), 1, StepState.FAILED, False),
    ],
    ids=[
        "answered",
        "no answer",
        "no answer, and its effect was seen",
        "no answer to the first of two",
        "one effect of two without an answer",
        "nobody wrote down what came of it",
        "nobody did, and its effect was seen",
        "one effect of two that nobody wrote down",
        "the first sender ended before it could write it down",
        "it was found that it must not be sent",
    ],
)
def test_a_request_is_in_doubt_unless_its_end_is_known(
    exchanges: tuple[dict[str, object], ...], requests: int, state: StepState, is_in_doubt: bool
) -> None:
    record = replace(STEP, exchanges=exchanges, requests=(PUT,) * requests, state=state)
    earlier = Earlier(record, 10.0)
    assert earlier.is_in_doubt is is_in_doubt
    assert earlier.may_land(11.0) is is_in_doubt
    assert not earlier.may_land(10.0)


def test_an_operation_is_named_once() -> None:
    named = write() | {"ids": {"operation": "op-1", "request": "1"}}
    record = replace(STEP, exchanges=(READ, named, named, write()))
    assert Earlier(record, 0.0).operations == ("op-1",)


@pytest.mark.parametrize("site", Site)
def test_each_step_has_one_that_would_end_it(site: Site) -> None:
    for kind in (StepKind.ADVERTISE, StepKind.WITHDRAW, StepKind.PREFER):
        step = Step(kind, site)
        assert opposite(step) != step
        assert opposite(opposite(step)) == step
