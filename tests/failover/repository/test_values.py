"""What a decision is made of survives being written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.failover.policy.decide import (
    Decision,
    Limits,
    Mode,
    Override,
    Pause,
    Situation,
    decide,
)
from services.failover.policy.model import Health, Reading, Role, Site, Verdict
from services.failover.repository.values import from_json, to_json
from tests.failover.policy.situations import (
    LIMITS,
    LOCAL,
    NOW,
    QUIET,
    REMOTE,
    UNHEALTHY,
    ago,
    inputs,
    posture,
)

HEALTHS = st.sampled_from(Health)
MOMENTS = st.timedeltas(timedelta(days=-30), timedelta(days=1)).map(lambda span: NOW + span)
OVERRIDES = st.builds(
    Override,
    st.sampled_from(Mode),
    st.text(),
    st.text(),
    MOMENTS,
    st.frozensets(st.sampled_from(["target_is_well", "routes_touched"])),
)
SITUATIONS = st.builds(
    lambda healths, since, serving, both, **others: replace(
        QUIET, inputs=inputs(*healths, since=since), posture=posture(serving, both), **others
    ),
    st.tuples(HEALTHS, HEALTHS, HEALTHS, HEALTHS),
    MOMENTS,
    st.sampled_from(Site) | st.none(),
    st.booleans(),
    is_leader=st.booleans(),
    cycles=st.integers(0, 10),
    flips=st.lists(MOMENTS, max_size=4).map(tuple),
    override=OVERRIDES | st.none(),
    pause=st.builds(Pause, st.text(), st.text(), MOMENTS) | st.none(),
)


def stored(kind: type, value: object) -> object:
    return from_json(kind, orjson.loads(orjson.dumps(to_json(value))))


@given(SITUATIONS)
@settings(max_examples=200, deadline=None)
def test_a_decision_that_was_written_down_is_made_again(situation: Situation) -> None:
    decision = decide(situation, LIMITS)
    assert stored(Situation, situation) == situation
    assert stored(Decision, decision) == decision
    again = decide(from_json(Situation, to_json(situation)), from_json(Limits, to_json(LIMITS)))
    assert again == decision


def test_readings_and_a_plan_survive_too() -> None:
    reading = Reading("probe", LOCAL, Role.SERVICE, UNHEALTHY, ago(seconds=1.5), "it is gone")
    ill = replace(
        QUIET,
        inputs=replace(
            inputs(local=UNHEALTHY),
            service={
                LOCAL: Verdict(UNHEALTHY, ago(hours=1), (reading,)),
                REMOTE: Verdict(Health.HEALTHY, None),
            },
        ),
        posture=posture(facts={"routes": [{"id": "r1", "priority": 100}]}),
    )
    decision = decide(ill, LIMITS)
    assert decision.plan is not None
    assert stored(Situation, ill) == ill
    assert stored(Decision, decision) == decision


def test_a_span_of_less_than_a_second_survives() -> None:
    limits = replace(LIMITS, hold_down=timedelta(microseconds=1_234_567), failback="auto")
    assert stored(Limits, limits) == limits


def test_what_is_no_situation_is_refused() -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(Situation, {"inputs": {"at": "yesterday"}})
