"""Who announces the prefix for a site: each site may have another kind of announcer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from services.failover.acting.actuator import Actuator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from services.failover.acting.actuator import Done, NotDone, Rehearsal, Request
    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Site, Step


@dataclass(frozen=True, slots=True)
class Announcing:
    """Which sites' routers are told to announce the prefix."""

    advertised: Mapping[Site, bool | None]
    """None: could not be read, or some of its sessions are told to and some are not."""
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)
    """By the name of a site; one that could not be read has an `error` in it."""


class Announcer(Actuator, Protocol):
    """Announces and withdraws for one or more sites."""

    async def announcing(self) -> Announcing:
        """Its sites, as they are told now."""
        ...

    async def who_changed(self, site: Site, since: datetime) -> str:
        """Half a sentence on who changed last what a site announces; never an error."""
        ...


class Announcers:
    """The `Announcer` of all sites, each of which has its own."""

    def __init__(self, of: Mapping[Site, Announcer]) -> None:
        self._of = of

    async def announcing(self) -> Announcing:
        """Both sites, each as its own announcer says."""
        parts = list(dict.fromkeys(self._of.values()))
        found = await asyncio.gather(*(part.announcing() for part in parts))
        told = dict(zip(parts, found, strict=True))
        return Announcing(
            {site: told[part].advertised[site] for site, part in self._of.items()},
            "; ".join(one.detail for one in found if one.detail),
            {site.value: told[part].facts[site.value] for site, part in self._of.items()},
        )

    async def who_changed(self, site: Site, since: datetime) -> str:
        """See `Announcer`."""
        return await self._of[site].who_changed(site, since)

    async def preview(self, step: Step) -> list[Request]:
        """See `Actuator`."""
        return await self._of[step.site].preview(step)

    async def rehearse(self, step: Step) -> Rehearsal:
        """See `Actuator`."""
        return await self._of[step.site].rehearse(step)

    async def apply(self, step: Step, *, request_id: str) -> None:
        """See `Actuator`."""
        await self._of[step.site].apply(step, request_id=request_id)

    async def verify(self, step: Step) -> Done | NotDone:
        """See `Actuator`."""
        return await self._of[step.site].verify(step)

    async def pending(self, step: Step, earlier: Sequence[Earlier]) -> str | None:
        """See `Actuator`."""
        return await self._of[step.site].pending(step, earlier)
