"""Practice runs and plans that are stopped, where real routers see what becomes of them."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from services.failover.policy.model import Site
    from tests.failover.end_to_end.stage import Stage

REAL = {"reason": "the first of the month", "owner": "ada", "mode": "real"}


def begun(stage: Stage, stay: float) -> Site:
    """The site that the traffic is at, once it is on its way to the other one."""
    home = stage.serving()
    stage.timeline.note(f"somebody practises, from the {home.value} site")
    stage.asks("POST", "/practice", json=REAL | {"stay_s": stay})
    stage.until_moved(home.other)
    return home


def until_over(stage: Stage) -> dict[str, Any]:
    def check() -> dict[str, Any]:
        run: dict[str, Any] = stage.asks("GET", "/practice?limit=1")[0]
        if run["outcome"] is None or run["state"] != "ended":
            raise NotYetError(f"{run['state']}: {run['detail']}")
        return run

    return eventually(check, 20.0)


def test_the_prefix_goes_to_the_other_site_and_comes_back(stage: Stage) -> None:
    home = begun(stage, stay=0.5)
    run = until_over(stage)
    sys.stdout.write(f"\n{stage.told()}\n")
    assert (run["outcome"], run["home"]) == ("succeeded", home.value)
    assert run["out"]["convergence_s"] > 0
    assert run["back"]["convergence_s"] > 0
    assert stage.serving() is home


def test_another_replica_brings_it_back_when_the_first_one_is_killed(stage: Stage) -> None:
    home = begun(stage, stay=1.0)
    killed = stage.signal_leader(signal.SIGKILL)
    stage.until_leads(stage.other_than(killed))
    assert until_over(stage)["outcome"] == "succeeded"
    assert stage.serving() is home
    killed.restart()


def test_it_comes_back_at_once_where_the_other_site_fails(stage: Stage) -> None:
    home = begun(stage, stay=600)
    stage.break_site(home.other)
    run = until_over(stage)
    assert run["outcome"] == "failed"
    assert f"the {home.other.value} site was not well" in run["detail"]
    assert stage.serving() is home


def test_a_plan_is_stopped_by_a_word_to_a_replica_that_does_not_lead(stage: Stage) -> None:
    home = stage.serving()
    stage.clouds.lie(home.other)
    stage.switch(home.other)
    stage.until(lambda status: status["plan_in_flight"] is not None)
    follower = stage.other_than(stage.leader())
    follower.asks("POST", "/abort", json={"reason": "the wrong moment", "owner": "bob"})
    plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("undone", "aborted")
    assert "bob (" in plan["detail"]
    assert stage.serving() is home
