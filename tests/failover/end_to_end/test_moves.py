"""A site's backends fail, and its traffic moves: seen in the table of a real router, over BMP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.failover.end_to_end.stage import Stage


def test_a_site_whose_backends_fail_loses_the_prefix_to_the_other_one(stage: Stage) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    plan = stage.until_moved(ill.other)
    sys.stdout.write(f"\n{stage.told()}\n")
    assert plan["asked_by"] is None
    assert plan["convergence_s"] > 0


def test_an_operator_takes_the_traffic_back(stage: Stage) -> None:
    away = stage.serving()
    stage.switch(away.other)
    plan = stage.until_moved(away.other)
    sys.stdout.write(f"\n{stage.told()}\n")
    assert plan["asked_by"].startswith("ada ")
    assert plan["convergence_s"] > 0
