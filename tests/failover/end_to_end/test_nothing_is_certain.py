"""Blind observers, two sites that are ill, a BMP feed that stops: it holds, and says so."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.failover.end_to_end.stage import Stage

HEALTH = "getHealth|getRouterStatus|backendServices"
ALL_OF_GCP = "/compute/v1/"


@pytest.mark.parametrize(
    ("hidden", "rule"),
    [(HEALTH, "blind"), (ALL_OF_GCP, "posture_unclear")],
    ids=["what they watch", "all of GCP"],
)
def test_nothing_moves_while_the_observers_are_blind(stage: Stage, hidden: str, rule: str) -> None:
    ill = stage.serving()
    stage.clouds.trouble(hidden, times=None, status=503)
    with bmp_is_silent(stage):
        status = stage.until_says(rule)
        assert status["is_alarm"]
        stage.break_site(ill)
        stage.until_cycles(3)
        assert stage.asks("GET", "")["rule"] == rule
        assert stage.plans() == []
    stage.timeline.note("they see again")
    stage.clouds.end_troubles()
    stage.until_moved(ill.other)


def test_nothing_moves_while_both_sites_are_ill(stage: Stage) -> None:
    ill = stage.serving()
    stage.break_site(ill.other)
    stage.until_knows(ill.other, "unhealthy")
    stage.break_site(ill)
    status = stage.until_says("both_unhealthy")
    assert status["is_alarm"]
    stage.until_cycles(3)
    assert stage.plans() == []
    assert stage.serving() is ill
    stage.clouds.set_backends(ill.other, "HEALTHY")
    stage.until_moved(ill.other)


def test_a_plan_that_bmp_cannot_confirm_at_first_is_taken_back(stage: Stage) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    with bmp_is_silent(stage, before="confirm_seen begun"):
        plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("undone", "bmp_silent")
    assert stage.serving() is ill


def test_a_plan_that_bmp_cannot_confirm_at_last_stays_as_it_is(stage: Stage) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    with bmp_is_silent(stage, before="confirm_moved begun"):
        plan = stage.until_ended()
    assert (plan["state"], plan["alarm"]) == ("unconfirmed", "bmp_silent")
    assert stage.serving() is ill.other


def test_what_a_router_says_while_nobody_hears_it_counts_once_it_is_heard_again(
    stage: Stage,
) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    with stage.store.held_up("withdraw begun"):
        stage.store.until_held_up()
        stage.timeline.note("the station stops")
        stage.station.stop_ingest()
    with stage.store.held_up("confirm_moved begun"):
        stage.store.until_held_up()
        stage.timeline.note("the station starts again")
        stage.station.start_ingest()
    assert stage.until_moved(ill.other)["alarm"] is None


@contextlib.contextmanager
def bmp_is_silent(stage: Stage, *, before: str = "") -> Iterator[None]:
    """The routes service hangs; from just before a write of the journal, if one is named."""
    if before:
        with stage.store.held_up(before):
            stage.store.until_held_up()
            stage.station.signal_routes(signal.SIGSTOP)
    else:
        stage.station.signal_routes(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.station.signal_routes(signal.SIGCONT)
