"""From what observers see now and then to what is held to be so.

A change has to be seen several times in a row before it is believed. Not to see is no evidence:
it neither confirms nor denies, but what was last seen grows old, and then nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.failover.policy.model import Health, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from services.failover.policy.model import Reading


@dataclass(frozen=True, slots=True)
class Streak:
    """One observer's readings of one thing, so far."""

    believed: Health
    last: Reading | None
    """The last that saw something."""
    times: int
    """How often in a row that was seen, as far as it differs from what is believed."""


NOTHING_SEEN = Streak(believed=Health.UNKNOWN, last=None, times=0)


def seen(streak: Streak, reading: Reading, *, rise: int, fall: int) -> Streak:
    """The streak after one more reading; one that was counted already changes nothing."""
    last = streak.last
    if reading.health is Health.UNKNOWN or (last is not None and reading.at <= last.at):
        return streak
    if reading.health is streak.believed:
        return replace(streak, last=reading, times=0)
    again = last is not None and last.health is reading.health
    times = streak.times + 1 if again else 1
    if times >= (rise if reading.health is Health.HEALTHY else fall):
        return Streak(believed=reading.health, last=reading, times=0)
    return replace(streak, last=reading, times=times)


def aged(streak: Streak, now: datetime, max_age: timedelta) -> Streak:
    """The streak as it is now: what was seen too long ago is not known any more."""
    if streak.last is None or now - streak.last.at <= max_age:
        return streak
    return replace(NOTHING_SEEN, last=streak.last)


def agreed(healths: Iterable[Health], quorum: int | None = None) -> Health:
    """What at least `quorum` observers say; by default more than half of all there are.

    Observers that know nothing are counted among all, so that half of them gone is no majority.
    """
    votes = list(healths)
    needed = quorum or len(votes) // 2 + 1
    well = votes.count(Health.HEALTHY) >= needed
    ill = votes.count(Health.UNHEALTHY) >= needed
    if well is ill:
        return Health.UNKNOWN
    return Health.HEALTHY if well else Health.UNHEALTHY


def followed(
    before: Verdict | None, health: Health, readings: tuple[Reading, ...], now: datetime
) -> Verdict:
    """The verdict now, which remembers since when it has been so."""
    same = before is not None and before.health is health
    return Verdict(health, before.since if same and before is not None else now, readings)
