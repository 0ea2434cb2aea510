"""How both providers stand, also where one of them cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.failover.acting.actuator import ActionError
from services.failover.control.standing import Standing
from services.failover.policy.decide import Mode, Override, decide
from services.failover.policy.model import Site
from services.failover.providers.announcing import Announcing
from services.failover.providers.cloudflare.actuator import Preference
from tests.failover.policy.situations import LIMITS, NOW, QUIET, UNKNOWN, inputs

LOCAL, REMOTE = Site.LOCAL, Site.REMOTE
MAX_AGE = timedelta(seconds=60)


class Clouds:
    """Implements `Announcers` and `Preferrer`."""

    def __init__(self) -> None:
        self.unread: set[Site] = set()
        self.no_cloudflare = False

    async def announcing(self) -> Announcing:
        told = {LOCAL: True, REMOTE: False}
        return Announcing(
            {site: None if site in self.unread else told[site] for site in Site},
            "GCP of us-east1 does not answer" if self.unread else "",
            {site.value: {"error": "503"} if site in self.unread else {} for site in Site},
        )

    async def preference(self) -> Preference:
        if self.no_cloudflare:
            raise ActionError("Cloudflare does not answer")
        return Preference(LOCAL, 2, "the routes to the local site are preferred")


class Times:
    """What time it is."""

    now = NOW


def standing(clouds: Clouds, times: Times) -> Standing:
    return Standing(
        clouds, clouds, expected_routes=2, max_routes=10, max_age=MAX_AGE, now=lambda: times.now
    )


async def test_a_site_that_cannot_be_read_for_a_moment_is_as_it_was_read_last() -> None:
    clouds, times = Clouds(), Times()
    it = standing(clouds, times)
    assert await it.posture() is not None
    clouds.unread = {LOCAL}
    times.now += MAX_AGE
    assert await it.posture() is None
    clouds.unread = set()
    assert await it.posture() is not None
    clouds.unread = {LOCAL}
    times.now += MAX_AGE
    assert await it.posture() is None


async def test_people_can_move_traffic_away_from_a_region_that_is_gone_with_its_api() -> None:
    clouds, times = Clouds(), Times()
    it = standing(clouds, times)
    await it.posture()
    clouds.unread = {LOCAL}
    times.now += MAX_AGE + timedelta(seconds=1)
    read = await it.posture()
    assert read is not None
    posture, reach = read
    assert posture.advertised == {LOCAL: None, REMOTE: False}
    gone = replace(
        QUIET,
        inputs=inputs(local=UNKNOWN, local_bgp=UNKNOWN, at=times.now),
        posture=posture,
        reach=reach,
    )
    held = decide(gone, LIMITS)
    assert (held.rule, held.is_alarm, held.plan) == ("posture_unclear", True, None)
    assert "GCP of us-east1 does not answer" in held.sentence
    until = times.now + timedelta(hours=1)
    order = Override(Mode.REMOTE, "ada", "the region is gone", until)
    going = decide(replace(gone, override=order), LIMITS)
    assert going.plan is not None
    assert going.plan.target is REMOTE


async def test_without_cloudflare_nothing_is_known() -> None:
    clouds, times = Clouds(), Times()
    it = standing(clouds, times)
    clouds.no_cloudflare = True
    times.now += 10 * MAX_AGE
    assert await it.posture() is None
