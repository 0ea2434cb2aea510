"""ExaBGP as an observer of a site: whether it has sessions to announce over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError
from services.failover.policy.model import Health, Reading, Role
from services.failover.providers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.failover.policy.model import Site
    from services.failover.providers.exabgp.client import ExaBgp


class SessionsObserver:
    """Whether a site's ExaBGP has a BGP session."""

    name = "exabgp_bgp"

    def __init__(self, client: ExaBgp, *, site: Site, now: Callable[[], datetime]) -> None:
        self.site = site
        self._client = client
        self._now = now

    async def read(self) -> Reading:
        """One session that is up is enough; an ExaBGP that does not answer is not known."""
        try:
            peers = await self._client.sessions()
        except ActionError as error:
            return self._reading(Health.UNKNOWN, str(error))
        if not peers:
            return self._reading(Health.UNHEALTHY, "ExaBGP has no session up")
        return self._reading(Health.HEALTHY, f"ExaBGP has sessions to {', '.join(peers)}")

    def _reading(self, health: Health, detail: str) -> Reading:
        return Reading(self.name, self.site, Role.BGP, health, self._now(), detail)


async def check(observer: SessionsObserver) -> Finding:
    """Whether a site's ExaBGP would do what will be asked of it; nothing is changed."""
    reading = await observer.read()
    what = f"the {observer.site.value} site's ExaBGP"
    return Finding(what, reading.health is not Health.HEALTHY, reading.detail)
