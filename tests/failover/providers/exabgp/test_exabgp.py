"""ExaBGP as an announcer and as an observer, over pipes whose other end does as it is told."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.failover.acting.actuator import (
    ActionError,
    Done,
    NotDone,
    OutcomeUnknownError,
    Request,
)
from services.failover.acting.exchanges import Exchange, recording
from services.failover.policy.model import Health, Site, Step, StepKind
from services.failover.providers.exabgp.actuator import ExaBgpAnnouncer
from services.failover.providers.exabgp.client import ExaBgp
from services.failover.providers.exabgp.observer import SessionsObserver, check
from services.failover.providers.exabgp.pipes import Pipes
from services.failover.providers.exabgp.words import Announcement
from services.failover.providers.faults import CallError, Fault
from services.failover.providers.guard import Limits
from shared.breaker import Registry
from tests.failover.providers.exabgp.speaker import HEADER, SILENT, Speaker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX = "203.0.113.0/24"
ADVERTISE, WITHDRAW = (Step(kind, Site.LOCAL) for kind in (StepKind.ADVERTISE, StepKind.WITHDRAW))
ANNOUNCE = f"announce route {PREFIX} next-hop self"
SUMMARY = [HEADER, "192.0.2.1       65001     0:00:04 established   1   0", "done"]
REQUEST_ID = "6f0d4a2e-0000-4000-8000-000000000001"
SECONDS = 0.3


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def speaker(tmp_path: Path) -> Iterator[Speaker]:  # type: ignore[misc]  # it is a generator
    made = Speaker(tmp_path)
    with made.listening():
        yield made


def a_client(path: str, registry: Registry | None = None) -> ExaBgp:
    limits = Limits(call_seconds=SECONDS, attempts=1, initial_backoff=0.0, max_backoff=0.0)
    return ExaBgp(
        Pipes(path),
        site=Site.LOCAL,
        limits=limits,
        registry=registry,
        now=now,
        clock=time.monotonic,
    )


def an_announcer(path: str, *communities: str) -> ExaBgpAnnouncer:
    announcement = Announcement(ip_network(PREFIX), communities=communities)
    return ExaBgpAnnouncer(Site.LOCAL, a_client(path), announcement)


async def test_a_prefix_is_announced_and_withdrawn_and_its_own_rib_is_the_evidence(
    speaker: Speaker,
) -> None:
    it = an_announcer(speaker.path)
    assert await it.verify(ADVERTISE) == NotDone(
        f"{PREFIX} is announced to nobody by ExaBGP, since no peer is told of it",
        {"pipe": f"{speaker.path}.in", "sessions": ["192.0.2.1"], "holding": []},
    )
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    assert speaker.heard[-1] == ANNOUNCE
    seen = await it.verify(ADVERTISE)
    assert seen == Done(
        {"pipe": f"{speaker.path}.in", "sessions": ["192.0.2.1"], "holding": ["192.0.2.1"]}
    )
    assert isinstance(await it.verify(WITHDRAW), NotDone)
    assert (await it.announcing()).advertised == {Site.LOCAL: True}
    await it.apply(WITHDRAW, request_id=REQUEST_ID)
    assert speaker.heard[-1] == f"withdraw route {PREFIX} next-hop self"
    assert isinstance(await it.verify(WITHDRAW), Done)
    assert (await it.announcing()).advertised == {Site.LOCAL: False}


async def test_what_is_so_already_is_not_told_again(speaker: Speaker) -> None:
    speaker.routes.add(PREFIX)
    it = an_announcer(speaker.path)
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    assert await it.preview(ADVERTISE) == []
    assert not [one for one in speaker.heard if one.startswith("announce")]


async def test_a_preview_has_the_exact_command_and_changes_nothing(speaker: Speaker) -> None:
    it = an_announcer(speaker.path, "65000:1", "65000:2", "65000:1:2")
    command = f"{ANNOUNCE} community [ 65000:1 65000:2 ] large-community [ 65000:1:2 ]"
    wanted = [Request("WRITE", f"{speaker.path}.in", command)]
    assert await it.preview(ADVERTISE) == wanted
    rehearsal = await it.rehearse(ADVERTISE)
    assert rehearsal.requests == wanted
    assert rehearsal.asked == Request("WRITE", f"{speaker.path}.in", "show neighbor summary")
    assert rehearsal.said == ["192.0.2.1"]
    assert speaker.routes == set()


async def test_a_rehearsal_without_a_session_says_so(speaker: Speaker) -> None:
    speaker.peers = []
    with pytest.raises(ActionError, match="no session up to announce over"):
        await an_announcer(speaker.path).rehearse(ADVERTISE)


async def test_a_prefix_that_nobody_hears_is_not_announced(speaker: Speaker) -> None:
    speaker.peers, speaker.routes = [], {PREFIX}
    seen = await an_announcer(speaker.path).verify(ADVERTISE)
    assert isinstance(seen, NotDone)
    assert seen.detail.endswith("since no BGP session is up")


async def test_what_it_does_not_understand_fails_and_is_not_tried_again(speaker: Speaker) -> None:
    speaker.instead.extend([None, None, None, ["error"]])
    with pytest.raises(CallError, match="ExaBGP does not understand it") as failed:
        await an_announcer(speaker.path).apply(ADVERTISE, request_id=REQUEST_ID)
    assert failed.value.fault is Fault.REFUSED
    assert not isinstance(failed.value, OutcomeUnknownError)


async def test_a_command_without_an_answer_may_have_been_done(speaker: Speaker) -> None:
    speaker.instead.extend([None, None, None, SILENT])
    with pytest.raises(OutcomeUnknownError, match=r"no answer came from .* within 0.3 s"):
        await an_announcer(speaker.path).apply(ADVERTISE, request_id=REQUEST_ID)


async def test_a_command_that_was_never_written_has_not_been_done(speaker: Speaker) -> None:
    speaker.instead.extend([SILENT])
    with pytest.raises(CallError) as failed:
        await a_client(speaker.path).tell(ANNOUNCE)
    assert failed.value.fault is Fault.UNREACHABLE
    assert speaker.heard == ["show neighbor summary"]


@pytest.mark.parametrize(
    "late",
    [
        ["done"],
        ["error"],
        [f"neighbor 192.0.2.1 ipv4 unicast {PREFIX} next-hop self", "done"],
        ["192.0.2.1       65001     0:00:04 established   1   0", "done"],
        ["exabgp 4.2.21", "done", "done"],
    ],
)
async def test_an_answer_that_came_too_late_is_not_taken_for_the_next(
    speaker: Speaker, late: list[str]
) -> None:
    speaker.late = late
    seen = await an_announcer(speaker.path).verify(ADVERTISE)
    assert isinstance(seen, NotDone)
    assert seen.evidence["holding"] == []


async def test_a_summary_that_came_too_late_stands_for_the_next_and_that_is_left_out(
    speaker: Speaker,
) -> None:
    speaker.late = SUMMARY
    speaker.routes.add(PREFIX)
    assert isinstance(await an_announcer(speaker.path).verify(ADVERTISE), Done)


async def test_a_command_that_waits_in_the_pipe_is_carried_out_before_anything_is_seen(
    speaker: Speaker,
) -> None:
    it = an_announcer(speaker.path)
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    speaker.stops_at = "withdraw"
    with pytest.raises(OutcomeUnknownError):
        await it.apply(WITHDRAW, request_id=REQUEST_ID)
    for look in (it.verify(ADVERTISE), it.pending(WITHDRAW, ())):
        with pytest.raises(CallError, match="no answer came"):
            await look
    # It keeps the pipe open, and its answers come before who asks next has asked.
    answers = os.open(f"{speaker.path}.out", os.O_RDWR)
    speaker.stops_at = None
    speaker.go_on()
    assert await it.pending(WITHDRAW, ()) is None
    assert isinstance(await it.verify(ADVERTISE), NotDone)
    os.close(answers)


async def test_answers_that_are_left_over_do_not_put_it_out_of_step(speaker: Speaker) -> None:
    it = an_announcer(speaker.path)
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    route = f"neighbor 192.0.2.1 ipv4 unicast {PREFIX} next-hop self"
    held_open = os.open(f"{speaker.path}.out", os.O_RDWR)
    await it.apply(WITHDRAW, request_id=REQUEST_ID)
    os.write(held_open, "\n".join([*SUMMARY, route, "done", ""]).encode())
    assert isinstance(await it.verify(ADVERTISE), NotDone)
    os.close(held_open)


@pytest.mark.parametrize("path", ["nothing", "file", "exabgp"])
async def test_pipes_that_nobody_reads_fail_at_once(tmp_path: Path, path: str) -> None:
    for end in ("in", "out"):
        (tmp_path / f"file.{end}").write_text("")
        os.mkfifo(tmp_path / f"exabgp.{end}")
    expected = {
        "nothing": r"there is no pipe .*nothing\.out: make it before ExaBGP starts",
        "file": r"file\.out is no named pipe",
        "exabgp": r"nobody reads .*exabgp\.in: is ExaBGP running",
    }
    with pytest.raises(CallError, match=expected[path]):
        await a_client(str(tmp_path / path)).sessions()


async def test_one_process_at_a_time_reads_the_answers(speaker: Speaker) -> None:
    it = an_announcer(speaker.path)
    other = os.open(f"{speaker.path}.out", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    waiting = asyncio.create_task(it.announcing())
    await asyncio.sleep(0)
    os.close(other)
    assert (await waiting).advertised == {Site.LOCAL: False}


async def test_many_exchanges_at_once_are_not_mixed_up(speaker: Speaker) -> None:
    client = a_client(speaker.path)
    prefixes = [f"198.51.{number}.0/24" for number in range(20)]
    await asyncio.gather(*(client.tell(f"announce route {p} next-hop self") for p in prefixes))
    found = await asyncio.gather(*(client.standing(ip_network(p)) for p in prefixes))
    assert {one.holding for one in found} == {("192.0.2.1",)}


async def test_an_exabgp_that_does_not_answer_has_no_posture_and_is_unknown(tmp_path: Path) -> None:
    path = str(tmp_path / "exabgp")
    found = await an_announcer(path).announcing()
    assert found.advertised == {Site.LOCAL: None}
    assert "there is no pipe" in str(found.facts["local"])
    observer = SessionsObserver(a_client(path), site=Site.LOCAL, now=now)
    assert (await observer.read()).health is Health.UNKNOWN
    assert (await check(observer)).is_fault


@pytest.mark.parametrize(
    ("peers", "health", "detail"),
    [
        (["192.0.2.1", "2001:db8::1"], Health.HEALTHY, "sessions to 192.0.2.1, 2001:db8::1"),
        ([], Health.UNHEALTHY, "ExaBGP has no session up"),
    ],
)
async def test_a_session_that_is_up_is_enough(
    speaker: Speaker, peers: list[str], health: Health, detail: str
) -> None:
    speaker.peers = peers
    observer = SessionsObserver(a_client(speaker.path), site=Site.LOCAL, now=now)
    reading = await observer.read()
    assert reading.health is health
    assert detail in reading.detail
    assert (await check(observer)).is_fault is (health is not Health.HEALTHY)


async def test_what_was_written_and_answered_is_recorded(speaker: Speaker) -> None:
    records: list[Exchange] = []
    with recording(records.append):
        await an_announcer(speaker.path).apply(ADVERTISE, request_id=REQUEST_ID)
    read, write = (one.as_row() for one in records)
    assert (read["body"], read["answer"]) == ("show adj-rib out", None)
    assert write | {"seconds": 0} == {
        "provider": "ExaBGP",
        "what": f"`{ANNOUNCE}`",
        "method": "WRITE",
        "url": f"{speaker.path}.in",
        "body": ANNOUNCE,
        "at": now().isoformat(),
        "seconds": 0,
        "status": None,
        "ids": {},
        "error": None,
        "answer": ["done"],
        "writes": True,
        "is_in_doubt": False,
    }


async def test_an_exabgp_that_is_gone_opens_its_breaker_for_reads_alone(tmp_path: Path) -> None:
    registry = Registry()
    client = a_client(str(tmp_path / "exabgp"), registry)
    for _ in range(5):
        with pytest.raises(CallError):
            await client.sessions()
    with pytest.raises(CallError) as held:
        await client.sessions()
    assert held.value.fault is Fault.HELD_BACK
    assert {one.name: one.state.value for one in registry} == {
        "exabgp/local/read": "open",
        "exabgp/local/write": "closed",
    }


async def test_a_step_of_another_site_or_kind_is_refused(speaker: Speaker) -> None:
    for step in (Step(StepKind.PREFER, Site.LOCAL), Step(StepKind.ADVERTISE, Site.REMOTE)):
        with pytest.raises(ActionError, match="the local site's ExaBGP has no part in"):
            await an_announcer(speaker.path).verify(step)
