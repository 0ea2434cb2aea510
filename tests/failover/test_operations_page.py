"""Whoever is woken by an alarm finds it in docs/operations.md."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from services.failover.acting import outcome
from services.failover.policy import decide, rules

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
OF_DECISIONS = re.findall(r"self\.alarm\(\s*\"(\w+)\"", inspect.getsource(decide))
OF_RULES = re.findall(r"Violation\(\s*\"(\w+)\"", inspect.getsource(rules))
OF_PLANS = ["step_failed", "bmp_disagrees", "bmp_silent", outcome.ABORTED]


def test_the_alarms_are_found_in_the_source() -> None:
    assert {"blind", "nothing_advertised", "not_at_rest"} <= set(OF_DECISIONS)
    assert set(OF_RULES) >= rules.NEVER_LIFTED
    source = inspect.getsource(outcome.alarm)
    named = {name for name in OF_PLANS if f'"{name}"' in source or name == outcome.ABORTED}
    assert named == set(OF_PLANS)


@pytest.mark.parametrize("name", sorted({*OF_DECISIONS, *OF_RULES, *OF_PLANS}))
def test_every_alarm_is_explained_with_what_to_do(name: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if re.match(rf"\|[^|]*`{name}`[^|]*\|", line))
    _, _, what, then, _ = row.split("|")
    assert what.strip()
    assert then.strip()
