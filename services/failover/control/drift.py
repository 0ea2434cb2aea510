"""Sees that an announcement changed though nothing of ours changed it, and says by whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import structlog

from services.failover import metrics
from services.failover.policy.model import Site

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from services.failover.control.controller import Providers
    from services.failover.policy.model import Posture
    from services.failover.policy.rules import Reach

log = structlog.get_logger(__name__)


class Attribution(Protocol):
    """Who may know."""

    async def who_changed(self, site: Site, since: datetime) -> str:
        """Half a sentence on who changed what a site announces; never an error."""
        ...


class DriftWatch:
    """Implements `Providers`: the posture, with what others changed in its detail.

    A change is told as long as it lasts, and counted once.
    """

    def __init__(
        self,
        inner: Providers,
        attribution: Attribution,
        acted: Callable[[Site, datetime], Awaitable[bool]],
    ) -> None:
        """`acted` says whether a step of ours for a site was under way since then."""
        self._inner = inner
        self._attribution = attribution
        self._acted = acted
        self._before: dict[Site, tuple[datetime, bool]] = {}
        self._told: dict[Site, str] = {}

    async def posture(self) -> tuple[Posture, Reach] | None:
        """See `Providers`."""
        read = await self._inner.posture()
        if read is None:
            return None
        posture, reach = read
        for site in Site:
            now = posture.advertised[site]
            if now is not None:
                await self._compare(site, posture.at, now)
        told = [self._told[site] for site in Site if site in self._told]
        detail = "; ".join(part for part in (posture.detail, *told) if part)
        return replace(posture, detail=detail), reach

    async def _compare(self, site: Site, at: datetime, now: bool) -> None:
        seen = self._before.get(site)
        if seen is not None and seen[1] is not now:
            was_told = self._told.pop(site, None)
            if not await self._acted(site, seen[0]):
                await self._tell(site, since=seen[0], announces=now)
                if was_told is not None:
                    del self._told[site]  # it is again as it was before others changed it
        self._before[site] = (at, now)

    async def _tell(self, site: Site, *, since: datetime, announces: bool) -> None:
        metrics.DRIFTS.labels(site.value).inc()
        verb = "announces" if announces else "no longer announces"
        who = await self._attribution.who_changed(site, since)
        self._told[site] = f"the {site.value} site {verb} the prefix, by no step of ours: {who}"
        log.warning("drift", site=site.value, announces=announces, who=who)
