"""A backend that comes and goes for ten minutes, by a clock that is moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.failover.building import smoothing
from services.failover.control.watching import Watch
from services.failover.policy.decide import Situation, decide
from services.failover.policy.model import Health, Posture, Reading, Role, Site
from services.failover.policy.rules import Reach
from tests.failover.configured import configured

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.failover.policy.decide import Decision

HEALTHY, UNHEALTHY = Health.HEALTHY, Health.UNHEALTHY
QUIET = timedelta(minutes=2)
"""It is well for so long first, and is known to be."""
FLAPPING = timedelta(minutes=10)


class Flapping:
    """Two sites, of which the local one's service is well and ill by turns."""

    def __init__(self, every_s: float, **settings: Any) -> None:
        """`every_s` is how long it is the one before it is the other."""
        self.settings = configured(**settings)
        self.moves: list[Site] = []
        self._every_s = every_s
        self._now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self._flaps_from = self._now + QUIET
        self._serving = Site.LOCAL
        self._flips: list[datetime] = []
        eyes = [(role, Eye(self, role, site)) for role in Role for site in Site]
        self._watch = Watch(eyes, smoothing(self.settings), seconds=1, now=self.now)

    def now(self) -> datetime:
        return self._now

    def health(self, role: Role, site: Site) -> Health:
        turn = int((self._now - self._flaps_from).total_seconds() // self._every_s)
        is_ill = turn >= 0 and turn % 2 == 0
        return UNHEALTHY if (role, site) == (Role.SERVICE, Site.LOCAL) and is_ill else HEALTHY

    async def decisions(self) -> AsyncIterator[Decision]:
        """One each cycle; what it wants is done at once."""
        interval = timedelta(seconds=self.settings.check_interval_seconds)
        for cycle in range((QUIET + FLAPPING) // interval):
            decision = decide(await self._situation(cycle), self.settings.limits)
            if decision.plan is not None:
                self._serving = decision.plan.target
                self._flips.append(self._now)
                self.moves.append(self._serving)
            yield decision
            self._now += interval

    async def _situation(self, cycle: int) -> Situation:
        return Situation(
            inputs=await self._watch.look(),
            posture=Posture(
                self._now, {site: site is self._serving for site in Site}, self._serving
            ),
            reach=Reach(routes=2, expected_routes=2, max_routes=10),
            is_leader=True,
            plan_in_flight=False,
            cycles=cycle,
            flips=tuple(self._flips),
        )


class Eye:
    """An observer that sees what there is."""

    name = "eye"

    def __init__(self, world: Flapping, role: Role, site: Site) -> None:
        self.site = site
        self._world = world
        self._role = role

    async def read(self) -> Reading:
        health = self._world.health(self._role, self.site)
        return Reading(self.name, self.site, self._role, health, self._world.now(), "seen")


@pytest.mark.parametrize("failback", ["manual", "auto"])
@pytest.mark.parametrize("every_s", [20, 30, 60])
async def test_one_that_never_stays_ill_for_long_moves_nothing(every_s: int, failback: str) -> None:
    it = Flapping(every_s, failover_failback=failback)
    assert not [decision async for decision in it.decisions() if decision.is_alarm]
    assert it.moves == []


@pytest.mark.parametrize("failback", ["manual", "auto"])
@pytest.mark.parametrize("every_s", [150, 180, 240, 299])
async def test_one_that_is_ill_for_minutes_moves_the_traffic_once(
    every_s: int, failback: str
) -> None:
    it = Flapping(every_s, failover_failback=failback)
    assert [decision async for decision in it.decisions()]
    assert it.moves == [Site.REMOTE]


async def test_without_any_patience_the_budget_ends_it_with_an_alarm() -> None:
    it = Flapping(
        20,
        check_interval_seconds=10,
        max_retries=0,
        failover_observer_seconds=5,
        failover_rise=1,
        failover_fall=1,
        failover_failback="auto",
        failover_hold_down_seconds=0,
        failover_failback_hold_down_seconds=0,
        failover_min_interval_seconds=0,
        failover_max_flips=3,
    )
    alarms = {decision.rule async for decision in it.decisions() if decision.is_alarm}
    assert it.moves == [Site.REMOTE, Site.LOCAL, Site.REMOTE]
    assert alarms == {"flip_budget"}
