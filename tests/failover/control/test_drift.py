"""Announcements that change without us."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.failover.control.drift import DriftWatch
from services.failover.policy.model import Posture, Site
from services.failover.policy.plan import switch
from services.failover.policy.rules import Reach
from services.failover.repository import acts, plans
from tests.failover.acting.journals import new_id
from tests.failover.policy.situations import posture as a_posture

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

LOCAL, REMOTE = Site.LOCAL, Site.REMOTE
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Told:
    """What is read, and what was asked."""

    local: bool | None = True
    remote: bool | None = False
    is_ours: bool = False
    readable: bool = True
    at: datetime = START
    asked: list[tuple[Site, datetime]] = field(default_factory=list)

    async def posture(self) -> tuple[Posture, Reach] | None:
        self.at += timedelta(seconds=30)
        if not self.readable:
            return None
        advertised = {LOCAL: self.local, REMOTE: self.remote}
        return Posture(self.at, advertised, LOCAL, "as it is"), Reach(2, None, 50)

    async def who_changed(self, site: Site, since: datetime) -> str:
        self.asked.append((site, since))
        return "changed by terraform"

    async def acted(self, site: Site, since: datetime) -> bool:
        return self.is_ours

    def watch(self) -> DriftWatch:
        return DriftWatch(self, self, self.acted)


async def detail(watch: DriftWatch) -> str:
    read = await watch.posture()
    assert read is not None
    return read[0].detail


async def test_what_was_there_at_the_first_look_is_nobody_s_change() -> None:
    told = Told()
    assert await detail(told.watch()) == "as it is"
    assert told.asked == []


async def test_a_change_by_others_is_told_as_long_as_it_lasts() -> None:
    told = Told()
    watch = told.watch()
    await watch.posture()
    before = told.at
    told.local = False
    said = (
        "as it is; the local site no longer announces the prefix, by no step of ours: "
        "changed by terraform"
    )
    assert await detail(watch) == said
    assert await detail(watch) == said
    assert told.asked == [(LOCAL, before)]
    told.is_ours, told.local = True, True
    assert await detail(watch) == "as it is"


async def test_a_change_that_others_take_back_is_over_and_was_two() -> None:
    told = Told()
    watch = told.watch()
    await watch.posture()
    told.local = False
    assert "no longer announces" in await detail(watch)
    told.local = True
    assert await detail(watch) == "as it is"
    assert len(told.asked) == 2


async def test_what_we_changed_ourselves_is_nothing_to_tell() -> None:
    told = Told(is_ours=True)
    watch = told.watch()
    await watch.posture()
    told.local, told.remote = False, True
    assert await detail(watch) == "as it is"
    assert told.asked == []


async def test_a_site_that_begins_to_announce_without_us_is_told_too() -> None:
    told = Told()
    watch = told.watch()
    await watch.posture()
    told.remote = True
    assert (await detail(watch)).endswith(
        "the remote site announces the prefix, by no step of ours: changed by terraform"
    )


async def test_what_cannot_be_read_is_compared_with_what_was_read_last() -> None:
    told = Told()
    watch = told.watch()
    await watch.posture()
    before = told.at
    told.readable = False
    assert await watch.posture() is None
    told.readable, told.local = True, None
    assert await detail(watch) == "as it is"
    told.local = False
    await watch.posture()
    assert told.asked == [(LOCAL, before)]


async def test_a_step_of_ours_is_known_by_the_journal(engine: AsyncEngine) -> None:
    now = datetime.now(UTC)
    plan = switch(a_posture(), REMOTE, reason="a test")
    async with engine.begin() as conn:
        plan_id = new_id()
        await plans.insert(conn, plan_id, plan, asked_by=None, decision_id=None, generation=1)
        assert not await acts.acted(conn, REMOTE, now), "it was not begun"
        await plans.begin_step(conn, plan_id, 0, request_id=new_id(), requests=[], generation=1)
        assert await acts.acted(conn, REMOTE, now)
        assert not await acts.acted(conn, LOCAL, now)
        await plans.finish_step(
            conn,
            plan_id,
            0,
            state=plans.StepState.DONE,
            evidence={},
            detail=None,
            generation=1,
        )
        assert await acts.acted(conn, REMOTE, now)
        assert not await acts.acted(conn, REMOTE, now + timedelta(minutes=1))
