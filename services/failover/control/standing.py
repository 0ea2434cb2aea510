"""How both providers stand, as one posture."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import structlog

from services.failover.acting.actuator import ActionError
from services.failover.policy.model import Posture, Site
from services.failover.policy.rules import Reach

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from services.failover.providers.announcing import Announcing
    from services.failover.providers.cloudflare.actuator import Preference

log = structlog.get_logger(__name__)


class Announcers(Protocol):
    """Who announces for the sites."""

    async def announcing(self) -> Announcing:
        """Which are told to announce the prefix."""
        ...


class Preferrer(Protocol):
    """The routes to the sites."""

    async def preference(self) -> Preference:
        """Which site is preferred. Raises ActionError."""
        ...


class Standing:
    """Implements `Providers` of the controller."""

    def __init__(
        self,
        announcers: Announcers,
        preferrer: Preferrer,
        *,
        expected_routes: int | None,
        max_routes: int,
        max_age: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        """`max_age`: how long what was read last stands for what cannot be read."""
        self._announcers = announcers
        self._preferrer = preferrer
        self._expected_routes = expected_routes
        self._max_routes = max_routes
        self._max_age = max_age
        self._now = now
        self._whole_at = now()

    @property
    def unread(self) -> Reach:
        """Before the routes have been read."""
        return self._reach(0)

    async def posture(self) -> tuple[Posture, Reach] | None:
        """None where it could not be read: then what was read last stands, and grows old.

        A site whose announcer cannot be read for too long is one of which nothing is known: so
        people can move the traffic away from it.
        """
        at = self._now()
        try:
            announcing, preference = await asyncio.gather(
                self._announcers.announcing(), self._preferrer.preference()
            )
        except ActionError as error:
            log.warning("posture not read", reason=str(error))
            return None
        facts = announcing.facts
        if any("error" in _mapping(facts.get(site.value)) for site in Site):
            log.warning("posture not read", reason=announcing.detail)
            if at - self._whole_at <= self._max_age:
                return None
        else:
            self._whole_at = at
        posture = Posture(
            at=at,
            advertised=announcing.advertised,
            preferred=preference.preferred,
            detail="; ".join(part for part in (announcing.detail, preference.detail) if part),
            facts={"gcp": facts, "cloudflare": preference.facts},
        )
        return posture, self._reach(preference.matched)

    def _reach(self, routes: int) -> Reach:
        return Reach(routes, self._expected_routes, self._max_routes)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
