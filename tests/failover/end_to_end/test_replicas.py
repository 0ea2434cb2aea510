"""Two replicas at once: one acts, and one that was frozen does nothing more when it wakes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.failover.end_to_end.clouds import PUT, patch
from tests.failover.end_to_end.test_crashes import until_met
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from tests.failover.end_to_end.replicas import Replica
    from tests.failover.end_to_end.stage import Stage


def test_of_two_replicas_only_the_one_that_leads_acts(stage: Stage) -> None:
    ill, leader = stage.serving(), stage.leader()
    (other,) = (replica for replica in stage.replicas if replica is not leader)
    stage.break_site(ill)
    stage.until_moved(ill.other)
    assert other.asks("GET", "")["rule"] == "not_leader"
    assert len({step["generation"] for step in stage.store.steps()}) == 1
    sent = [one.partition("?")[0] for one in stage.clouds.writes()]
    assert sent == [f"PATCH {patch(ill.other)}", f"PATCH {patch(ill)}", f"PUT {PUT}"]


def test_a_leader_that_freezes_within_a_transaction_keeps_nobody_from_taking_over(
    stage: Stage,
) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    with stage.store.held_up("withdraw begun"):
        stage.store.until_held_up()
        frozen = stage.signal_leader(signal.SIGSTOP)
    try:
        stage.until_moved(ill.other)
        before = stage.clouds.writes()
    finally:
        frozen.signal(signal.SIGCONT)
    until_it_follows(frozen)
    assert stage.clouds.writes() == before
    assert stage.serving() is ill.other


def test_a_leader_that_wakes_after_the_traffic_went_back_does_not_finish_its_withdrawal(
    stage: Stage,
) -> None:
    ill = stage.serving()
    lost = stage.clouds.trouble(f"^PATCH {patch(ill)}", lost=True)
    stage.break_site(ill)
    until_met(lost)
    frozen = stage.signal_leader(signal.SIGSTOP)
    try:
        stage.until_moved(ill.other)
        stage.clouds.heal()
        stage.switch(ill)
        stage.until_moved(ill)
        before = stage.clouds.writes()
    finally:
        frozen.signal(signal.SIGCONT)
    until_it_follows(frozen)
    assert stage.clouds.writes() == before
    assert stage.serving() is ill


def until_it_follows(replica: Replica) -> None:
    """It has noticed that another one leads, and has left the plan that it was at."""

    def check() -> None:
        status = replica.asks("GET", "")
        if status["rule"] != "not_leader" or "plan left" not in replica.output():
            raise NotYetError(f"{replica.name}: {status['sentence']}")

    eventually(check)
