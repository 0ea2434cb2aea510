"""Providers that lie, fall silent, or do half of what they were asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.failover.end_to_end.clouds import PUT, patch
from tests.fakes.cloudflare import Fault, Kind

if TYPE_CHECKING:
    from tests.failover.end_to_end.stage import Stage


def test_a_provider_that_says_yes_and_does_nothing_is_found_out_and_told_of(stage: Stage) -> None:
    ill = stage.serving()
    stage.clouds.lie(ill.other)
    stage.break_site(ill)
    plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("undone", "bmp_disagrees")
    (advertised, seen, *_) = stage.store.steps()
    assert advertised["evidence"]["seen"] == {"peer-a": True}
    assert (seen["kind"], seen["state"]) == ("confirm_seen", "failed")
    assert stage.serving() is ill
    assert "BMP shows no active route" in stage.asks("GET", "")["plan_alarm"]


def test_a_withdrawal_that_does_not_happen_is_found_out_and_told_of(stage: Stage) -> None:
    ill = stage.serving()
    stage.clouds.lie(ill)
    stage.break_site(ill)
    plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("unconfirmed", "bmp_disagrees")
    assert stage.edge.sources() == {ill, ill.other}
    assert "not less preferred" in stage.asks("GET", "")["plan_alarm"]


def test_an_answer_that_never_comes_is_looked_up_and_nothing_is_sent_twice(stage: Stage) -> None:
    ill = stage.serving()
    requests = [f"PATCH {patch(ill.other)}", f"PATCH {patch(ill)}", f"PUT {PUT}"]
    silent = [stage.clouds.trouble(f"^{request}", silent=True) for request in requests]
    stage.break_site(ill)
    assert stage.until_moved(ill.other)["alarm"] is None
    assert [trouble.times for trouble in silent] == [0, 0, 0]
    assert [one.partition("?")[0] for one in stage.clouds.writes()] == requests


def test_a_request_to_gcp_that_never_arrives_is_sent_again_with_the_same_id(stage: Stage) -> None:
    ill = stage.serving()
    stage.clouds.trouble(f"^PATCH {patch(ill.other)}", lost=True)
    stage.break_site(ill)
    stage.until_moved(ill.other)
    sent = [one for one in stage.clouds.writes() if patch(ill.other) in one]
    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_half_of_a_change_at_cloudflare_is_made_whole(stage: Stage) -> None:
    ill = stage.serving()
    stage.clouds.cloudflare.faults.append(Fault(Kind.PARTIAL, rows=2))
    stage.break_site(ill)
    stage.until_moved(ill.other)
    halved, whole = stage.clouds.cloudflare.history[-2:]
    assert len({address for shares in halved.values() for address in shares}) == 2
    assert len({address for shares in whole.values() for address in shares}) == 1


def test_a_change_that_cloudflare_keeps_halving_is_taken_back(stage: Stage) -> None:
    ill = stage.serving()
    stage.clouds.cloudflare.faults.append(Fault(Kind.PARTIAL, rows=0, times=3))
    stage.break_site(ill)
    plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("undone", "step_failed")
    assert stage.serving() is ill


def test_a_plan_that_cannot_be_finished_nor_undone_rests_with_both_sites_announced(
    stage: Stage,
) -> None:
    ill = stage.serving()
    away = stage.clouds.trouble("^(PUT|GET) .*/magic/routes", times=0, status=503)
    stage.break_site(ill)
    with stage.store.held_up("prefer begun"):
        stage.store.until_held_up()
        away.times = None
    plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("resting", "step_failed")
    assert stage.edge.sources() == {ill, ill.other}
    stage.clouds.end_troubles()
    stage.asks("POST", "/ack", json={"reason": "Cloudflare is back"})
    stage.until_moved(ill.other)
