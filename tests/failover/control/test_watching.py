"""What observers say becomes what is believed, and one that misbehaves blinds nobody else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from services.failover.control.watching import Smoothing, Watch
from services.failover.policy.model import Health, Reading, Role, Site

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEALTHY, UNHEALTHY, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Eye:
    """An observer that says what it is told to."""

    site = Site.LOCAL

    def __init__(self, time: Time, health: Health = HEALTHY, name: str = "eye") -> None:
        self.name = name
        self.health = health
        self._time = time

    async def read(self) -> Reading:
        return Reading(self.name, self.site, Role.SERVICE, self.health, self._time(), "seen")


class Hanging(Eye):
    """One that never answers."""

    async def read(self) -> Reading:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets the event")


class Failing(Eye):
    """One that breaks its word."""

    async def read(self) -> Reading:
        raise LookupError("an error of ours")


def watch(time: Time, *eyes: Eye, rise: int = 1, fall: int = 1) -> Watch:
    smoothing = Smoothing(rise, fall, max_age=timedelta(seconds=60), quorum=None)
    return Watch([(Role.SERVICE, eye) for eye in eyes], smoothing, seconds=0.05, now=time)


async def believed(it: Watch) -> Health:
    return (await it.look()).service[Site.LOCAL].health


async def test_a_change_is_believed_when_it_was_seen_so_often_in_a_row() -> None:
    time = Time()
    eye = Eye(time)
    it = watch(time, eye, rise=2, fall=3)
    seen = []
    for health in [HEALTHY] * 2 + [UNHEALTHY, UNHEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY]:
        eye.health = health
        time.goes_on(1)
        seen.append(await believed(it))
    assert seen == [UNKNOWN, *[HEALTHY] * 6, UNHEALTHY]


async def test_since_when_it_is_so_is_remembered() -> None:
    time = Time()
    it = watch(time, Eye(time))
    await it.look()
    time.goes_on(30)
    assert (await it.look()).service[Site.LOCAL].since == START


async def test_what_was_seen_too_long_ago_is_not_known_any_more() -> None:
    time = Time()
    eye = Eye(time)
    it = watch(time, eye)
    assert await believed(it) is HEALTHY
    eye.health = UNKNOWN
    time.goes_on(60)
    assert await believed(it) is HEALTHY
    time.goes_on(1)
    assert await believed(it) is UNKNOWN


async def test_more_than_half_have_to_agree() -> None:
    time = Time()
    eyes = [Eye(time, health) for health in (HEALTHY, UNHEALTHY, UNHEALTHY)]
    assert await believed(watch(time, *eyes)) is UNHEALTHY
    assert await believed(watch(time, *eyes[:2])) is UNKNOWN


async def test_one_that_hangs_and_one_that_fails_are_blind_and_say_why() -> None:
    time = Time()
    it = watch(time, Eye(time), Hanging(time, name="hanging"), Failing(time, name="failing"))
    verdict = (await it.look()).service[Site.LOCAL]
    assert {one.observer: (one.health, one.detail) for one in verdict.readings} == {
        "eye": (HEALTHY, "seen"),
        "hanging": (UNKNOWN, "it took longer than 0.05 s"),
        "failing": (UNKNOWN, "an unexpected error: LookupError"),
    }
    assert verdict.health is UNKNOWN


async def test_a_site_that_nobody_looks_at_is_not_known() -> None:
    time = Time()
    inputs = await watch(time, Eye(time)).look()
    assert inputs.service[Site.REMOTE].health is UNKNOWN
    assert inputs.bgp[Site.LOCAL].health is UNKNOWN
