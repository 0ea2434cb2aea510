"""GCP as an observer of a site: its backends, and its BGP sessions.

`read` never raises for what GCP does: what could not be read is a reading of unknown health.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from services.failover.acting.actuator import ActionError
from services.failover.policy.model import Health, Reading, Role, Site
from services.failover.providers.gcp.compute import GLOBAL, Compute, Resource, RouterName
from services.failover.providers.gcp.readings import (
    BgpRule,
    Count,
    Groups,
    Rule,
    endpoints,
    groups,
    sessions,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Now: TypeAlias = Callable[[], datetime]

_AT_ONCE = 8
BACKENDS, BGP = "gcp_backends", "gcp_bgp"


@dataclass(frozen=True, slots=True)
class _Service:
    place: str
    """Its region, or `global`."""
    name: str
    groups: Groups

    @property
    def label(self) -> str:
        """A global service may have the name of a regional one."""
        return f"{self.name} (global)" if self.place == GLOBAL else self.name


class BackendsObserver:
    """Whether the load balancers find a site's backends healthy."""

    name = BACKENDS

    def __init__(
        self,
        compute: Compute,
        *,
        site: Site,
        project: str,
        region: str,
        now: Now,
        rule: Rule | None = None,
        services: frozenset[str] | None = None,
    ) -> None:
        """`rule` is for the endpoints of each service; `services` the ones that count, or all."""
        self.site = site
        self._compute = compute
        self._project = project
        self._region = region
        self._now = now
        self._rule = rule or Rule(min_fraction=0.5)
        self._wanted = services
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def read(self) -> Reading:
        """What GCP found last; its own thresholds have been passed by then."""
        try:
            health, detail = await self._read()
        except ActionError as error:
            health, detail = Health.UNKNOWN, str(error)
        return Reading(BACKENDS, self.site, Role.SERVICE, health, self._now(), detail)

    async def _read(self) -> tuple[Health, str]:
        listings = await asyncio.gather(
            *(
                self._compute.backend_services(self._project, place)
                for place in (self._region, GLOBAL)
            )
        )
        missing = [listing.missing for listing in listings if listing.missing]
        if missing:
            return Health.UNKNOWN, f"GCP's list of backend services is partial: {missing[0]}"
        found = [
            service
            for place, listing in zip((self._region, GLOBAL), listings, strict=True)
            for resource in listing.items
            if (service := self._service(place, resource)) is not None
        ]
        absent = (self._wanted or frozenset()) - {service.name for service in found}
        if absent:
            return Health.UNKNOWN, f"no group of {', '.join(sorted(absent))} is in {self._region}"
        if not found:
            return Health.UNKNOWN, f"no backend service has a group in {self._region}"
        read = dict(
            zip(
                [service.label for service in found],
                await asyncio.gather(*(self._judged(service) for service in found)),
                strict=True,
            )
        )
        health = together({name: health for name, (health, _) in read.items()})
        return health, "; ".join(f"{name}: {detail}" for name, (_, detail) in read.items())

    def _service(self, place: str, resource: Resource) -> _Service | None:
        name = str(resource.get("name", ""))
        if self._wanted is not None and name not in self._wanted:
            return None
        there = groups(resource, self._region)
        return _Service(place, name, there) if there else None

    async def _judged(self, service: _Service) -> tuple[Health, str]:
        left_out = "".join(f", {reason}" for reason in service.groups.left_out)
        if not service.groups.counted:
            return Health.UNKNOWN, f"no group counts{left_out}"
        try:
            answers = await asyncio.gather(
                *(self._endpoints(service, group) for group in service.groups.counted)
            )
        except ActionError as error:
            # How many endpoints there are is not known either, so no rule can be applied.
            return Health.UNKNOWN, str(error)
        count = Count.of(health for answer in answers for health in answer)
        return self._rule.judge(count), f"{count}{left_out}"

    async def _endpoints(self, service: _Service, group: str) -> list[Health]:
        async with self._turn:
            answer = await self._compute.backend_health(
                self._project, service.place, service.name, group
            )
        return endpoints(answer)


class BgpObserver:
    """Whether a site's Cloud Router has BGP sessions to announce over."""

    name = BGP

    def __init__(
        self,
        compute: Compute,
        *,
        site: Site,
        router: RouterName,
        now: Now,
        rule: BgpRule | None = None,
    ) -> None:
        self.site = site
        self._compute = compute
        self._router = router
        self._now = now
        self._rule = rule or BgpRule()
        self._uptimes: Mapping[str, int | None] = {}

    async def read(self) -> Reading:
        """What the router says; a session that was down since the last reading was down."""
        try:
            status = await self._compute.router_status(self._router)
        except ActionError as error:
            return self._reading(Health.UNKNOWN, str(error))
        found = sessions(status, self._rule, self._uptimes)
        self._uptimes = {session.name: session.uptime for session in found}
        if not found:
            return self._reading(Health.UNKNOWN, f"{self._router.router} has no BGP peers")
        health = self._rule.sessions.judge(Count.of(session.health for session in found))
        return self._reading(health, "; ".join(session.detail for session in found))

    def _reading(self, health: Health, detail: str) -> Reading:
        return Reading(BGP, self.site, Role.BGP, health, self._now(), detail)
