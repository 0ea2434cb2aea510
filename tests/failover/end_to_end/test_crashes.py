"""Whoever leads is killed at every step of a plan, and the next one goes on from there."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from services.failover.policy.model import Site, StepKind
from tests.failover.end_to_end.clouds import PUT, patch
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.failover.end_to_end.stage import Stage
    from tests.fakes.trouble import Trouble

STEPS = [kind.value for kind in StepKind]


@pytest.mark.parametrize(
    "writes",
    [
        ["plan running", *(f"{step} begun" for step in STEPS)],
        [*(f"{step} done" for step in STEPS), "plan done"],
    ],
    ids=["before each step is begun", "before each step is noted as done"],
)
def test_a_leader_that_is_killed_at_every_write_of_the_journal(
    stage: Stage, writes: Sequence[str]
) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    for write in writes:
        with stage.store.held_up(write):
            stage.store.until_held_up()
            stage.timeline.note(f"{write!r} is about to be written")
            stage.replace_leader()
    check_moved_once(stage, ill.other)


@pytest.mark.parametrize("effect", ["lost", "silent"], ids=["before", "after"])
def test_a_leader_that_is_killed_at_every_request_before_and_after_its_effect(
    stage: Stage, effect: str
) -> None:
    ill = stage.serving()
    requests = [f"^PATCH {patch(ill.other)}", f"^PUT {PUT}", f"^PATCH {patch(ill)}"]
    met = [stage.clouds.trouble(request, **{effect: True}) for request in requests]
    stage.break_site(ill)
    for trouble in met:
        until_met(trouble)
        stage.timeline.note(f"{trouble.match} was sent, and is {effect}")
        stage.replace_leader()
    check_moved_once(stage, ill.other)


def test_a_plan_that_all_replicas_left_when_they_were_killed_is_carried_on(stage: Stage) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    with stage.store.held_up("withdraw begun"):
        stage.store.until_held_up()
        stage.timeline.note("all replicas are killed")
        for replica in stage.replicas:
            replica.signal(signal.SIGKILL)
        for replica in stage.replicas:
            replica.restart()
    check_moved_once(stage, ill.other)


def test_a_database_that_ends_all_connections_at_every_write_of_the_journal(stage: Stage) -> None:
    ill = stage.serving()
    stage.break_site(ill)
    for write in ["plan running", *(f"{step} begun" for step in STEPS), "plan done"]:
        with stage.store.held_up(write):
            stage.store.until_held_up()
            stage.timeline.note(f"{write!r} is about to be written, and all connections end")
            stage.store.end_connections("bgpilot failover")
    check_moved_once(stage, ill.other)


def test_a_leader_that_is_asked_to_end_in_the_middle_leaves_the_rest_to_the_other_one(
    stage: Stage,
) -> None:
    ill = stage.serving()
    silent = stage.clouds.trouble(f"^PUT {PUT}", silent=True)
    stage.break_site(ill)
    until_met(silent)
    stage.replace_leader(signal.SIGTERM)
    check_moved_once(stage, ill.other)


def until_met(trouble: Trouble) -> None:
    def check() -> None:
        if trouble.times:
            raise NotYetError(f"nobody has sent {trouble.match} yet")

    eventually(check)


def check_moved_once(stage: Stage, site: Site) -> None:
    """In one plan, which ended well; a router was sent one request, however often."""
    stage.until_moved(site)
    (plan,) = stage.plans()
    assert plan["alarm"] is None
    patches = [one for one in stage.clouds.writes() if one.startswith("PATCH ")]
    assert {one.partition("?")[0] for one in patches} == {f"PATCH {patch(one)}" for one in Site}
    assert len(set(patches)) == 2
