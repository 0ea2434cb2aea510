"""Two replicas at once: one acts, and one that was frozen does nothing more when it wakes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from services.failover.policy.model import StepKind
from tests.failover.end_to_end.clouds import PUT, patch
from tests.failover.end_to_end.test_crashes import check_moved_once, until_met
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from tests.failover.end_to_end.replicas import Replica
    from tests.failover.end_to_end.stage import Stage


def test_of_two_replicas_only_the_one_that_leads_acts(stage: Stage) -> None:
    ill, leader = stage.serving(), stage.leader()
    stage.break_site(ill)
    stage.until_moved(ill.other)
    assert stage.other_than(leader).asks("GET", "")["rule"] == "not_leader"
    assert len({step["generation"] for step in stage.store.steps()}) == 1
    sent = [one.partition("?")[0] for one in stage.clouds.writes()]
    assert sent == [f"PATCH {patch(ill.other)}", f"PATCH {patch(ill)}", f"PUT {PUT}"]


def test_a_leader_that_freezes_at_every_write_of_the_journal_and_wakes_when_the_other_one_leads(
    stage: Stage,
) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    for write in ["plan running", *(f"{kind.value} begun" for kind in StepKind), "plan done"]:
        with stage.store.held_up(write):
            stage.store.until_held_up()
            stage.timeline.note(f"{write!r} is about to be written")
            frozen = stage.signal_leader(signal.SIGSTOP)
        try:
            stage.until_leads(stage.other_than(frozen))
        finally:
            frozen.signal(signal.SIGCONT)
    check_moved_once(stage, ill.other)
    assert len(stage.clouds.writes()) == 3


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
        stage.heal()
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
