"""The state code is a total function of what may be known."""

from __future__ import annotations

import itertools

import pytest

from services.failover.policy.model import Health
from services.failover.policy.states import StateCode, determine_state_code, usable
from tests.failover.policy.situations import HEALTHY, UNHEALTHY, UNKNOWN

TABLE = """
healthy   healthy   healthy   both
healthy   healthy   unhealthy local_only
healthy   healthy   unknown   local_well
healthy   unhealthy healthy   local_only
healthy   unhealthy unhealthy local_only
healthy   unhealthy unknown   local_only
healthy   unknown   healthy   local_well
healthy   unknown   unhealthy local_only
healthy   unknown   unknown   local_well
unhealthy healthy   healthy   remote_only
unhealthy healthy   unhealthy neither
unhealthy healthy   unknown   local_ill
unhealthy unhealthy healthy   neither
unhealthy unhealthy unhealthy neither
unhealthy unhealthy unknown   neither
unhealthy unknown   healthy   local_ill
unhealthy unknown   unhealthy neither
unhealthy unknown   unknown   local_ill
unknown   healthy   healthy   remote_well
unknown   healthy   unhealthy remote_ill
unknown   healthy   unknown   blind
unknown   unhealthy healthy   remote_ill
unknown   unhealthy unhealthy remote_ill
unknown   unhealthy unknown   remote_ill
unknown   unknown   healthy   blind
unknown   unknown   unhealthy remote_ill
unknown   unknown   unknown   blind
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(("local", "remote", "remote_bgp", "code"), ROWS)
def test_each_of_the_27_inputs_has_its_code(
    local: str, remote: str, remote_bgp: str, code: str
) -> None:
    found = determine_state_code(Health(local), Health(remote), Health(remote_bgp))
    assert found is StateCode(code)


def test_there_are_27_and_no_input_twice() -> None:
    asked = {tuple(row[:3]) for row in ROWS}
    assert asked == set(itertools.product([one.value for one in Health], repeat=3))


def test_a_site_can_serve_if_both_are_known_to_be_well_and_cannot_if_one_is_known_not_to_be() -> (
    None
):
    assert usable(HEALTHY, HEALTHY) is HEALTHY
    assert {usable(UNHEALTHY, one) for one in Health} == {UNHEALTHY}
    assert {usable(one, UNHEALTHY) for one in Health} == {UNHEALTHY}
    assert {usable(UNKNOWN, HEALTHY), usable(HEALTHY, UNKNOWN), usable(UNKNOWN, UNKNOWN)} == {
        UNKNOWN
    }
