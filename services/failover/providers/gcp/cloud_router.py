"""The actuator of GCP: sites' Cloud Routers announce the prefix, or do not.

A router has no version that could be compared, and the last who writes it wins. So each change
reads, changes what differs, waits until GCP says that it is done, and reads again; one at a time
for each router.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.failover.acting.actuator import (
    ActionError,
    Done,
    NotDone,
    OutcomeUnknownError,
    Rehearsal,
    Request,
)
from services.failover.policy.model import Step, StepKind
from services.failover.providers.announcing import Announcing
from services.failover.providers.faults import CallError, Fault
from services.failover.providers.gcp.advertising import (
    Goal,
    Network,
    change,
    check_touches_only,
    merged,
    seen,
    told,
)
from services.failover.providers.gcp.attribution import last_change, under_way
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Site
    from services.failover.providers.gcp.compute import Compute, Resource, RouterName

_ADVERTISED = {StepKind.ADVERTISE: True, StepKind.WITHDRAW: False}


@dataclass(frozen=True, slots=True)
class SiteRouter:
    """Who announces what at a site."""

    name: RouterName
    prefix: Network


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    operation: float = 120.0
    """Until an operation is done."""
    first_poll: float = 0.5
    last_poll: float = 5.0
    """Polls of an operation are further and further apart, up to this."""
    conflict: float = 30.0
    """While another change of the router is under way."""
    conflict_pause: float = 2.0
    landing: float = 120.0
    """After the end of its step a request without an answer that GCP has no operation of is given
    up: it is not carried out any more."""


class CloudRouters:
    """The `Actuator` for ADVERTISE and WITHDRAW."""

    def __init__(
        self,
        compute: Compute,
        sites: Mapping[Site, SiteRouter],
        *,
        generation: Callable[[], int],
        patience: Patience | None = None,
        edits_attachments: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`generation` is of the lease that is held now.

        `sites` are those that have a Cloud Router. Raises ConfigurationError if both have the
        same one: what is withdrawn for the one would be gone from the other.
        """
        if len({site.name for site in sites.values()}) < len(sites):
            raise ConfigurationError(
                "LOCAL_BGP_ROUTER and REMOTE_BGP_ROUTER are the same router in the same region: "
                "name two"
            )
        self._compute = compute
        self._sites = sites
        self._generation = generation
        self._patience = patience or Patience()
        self._edits_attachments = edits_attachments
        self._sleep = sleep
        self._clock = clock
        self._locks: defaultdict[RouterName, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def preview(self, step: Step) -> list[Request]:
        """See `Actuator`. `REQUEST_ID` stands for the id that the step is given when it is made."""
        name = self._sites[step.site].name
        body = change(await self._compute.router(name), self._goal(step, is_fenced=False))
        return self._requests(name, body)

    async def rehearse(self, step: Step) -> Rehearsal:
        """See `Actuator`. GCP says what the router would be (`routers.preview`).

        Raises ActionError also if that would be more than the prefix.
        """
        name, goal = self._sites[step.site].name, self._goal(step, is_fenced=False)
        router = await self._compute.router(name)
        body = change(router, goal)
        if not body:
            return Rehearsal([])
        wanted = merged(router, body)
        would_be = await self._compute.preview(name, wanted)
        check_touches_only(goal.prefix, router, would_be)
        if told(would_be, goal.prefix) is not goal.advertised:
            raise ActionError(f"GCP says that {name} would not be as it would be told to be")
        asked = self._compute.previewing(name, wanted)
        return Rehearsal(
            self._requests(name, body), Request(asked.method, asked.url, asked.body), would_be
        )

    async def apply(self, step: Step, *, request_id: str) -> None:
        """See `Actuator`."""
        name, goal = self._sites[step.site].name, self._goal(step)
        async with self._locks[name]:
            operation = await self._patched(name, goal, request_id)
            if operation is None:
                return
            try:
                await self._finished(name, operation)
                after = await self._compute.router(name)
            except CallError as error:
                # The change was accepted, so it may well have been made.
                raise OutcomeUnknownError(
                    f"{name} was told to change, and what became of it cannot be read: {error}"
                ) from error
        if told(after, goal.prefix) is not goal.advertised:
            raise ActionError(
                f"GCP says that {_operation_name(operation)} is done, and {name} is not as it was "
                "told to be: somebody else changes it too"
            )

    async def verify(self, step: Step) -> Done | NotDone:
        """See `Actuator`. What counts is what is announced over the sessions that are up."""
        name, goal = self._sites[step.site].name, self._goal(step)
        router, status = await asyncio.gather(
            self._compute.router(name), self._compute.router_status(name)
        )
        evidence: dict[str, object] = {
            "router": name.router,
            "region": name.region,
            "told": told(router, goal.prefix),
            "seen": (there := seen(status, goal.prefix)),
        }
        if missing := _missing(goal, evidence["told"], there):
            return NotDone(f"{goal.prefix} {missing} by {name}", evidence)
        return Done(evidence)

    async def pending(self, step: Step, earlier: Sequence[Earlier]) -> str | None:
        """See `Actuator`. Anything that is not done on the site's router, whoever began it."""
        return await under_way(
            self._compute, self._sites[step.site].name, step, earlier, self._patience.landing
        )

    async def announcing(self) -> Announcing:
        """Its sites, as their routers are told."""
        sites = list(self._sites)
        read = await asyncio.gather(*(self._told(site) for site in sites))
        advertised = dict(zip(sites, (answer for answer, _, _ in read), strict=True))
        detail = "; ".join(sentence for _, sentence, _ in read if sentence)
        return Announcing(
            advertised, detail, {s.value: r[2] for s, r in zip(sites, read, strict=True)}
        )

    async def who_changed(self, site: Site, since: datetime) -> str:
        """See `Announcer`."""
        return await last_change(self._compute, self._sites[site].name, since)

    async def _told(self, site: Site) -> tuple[bool | None, str, Mapping[str, object]]:
        name, prefix = self._sites[site].name, self._sites[site].prefix
        try:
            router = await self._compute.router(name)
            answer = told(router, prefix)
        except ActionError as error:
            return None, str(error), {"error": str(error)}
        sentence = (
            f"some sessions of {name} announce {prefix}, others do not" if answer is None else ""
        )
        return answer, sentence, {"router": name.router, "bgp": router.get("bgp", {})}

    async def _patched(self, name: RouterName, goal: Goal, request_id: str) -> Resource | None:
        """The operation that was accepted; None where nothing had to be changed."""
        ends = self._clock() + self._patience.conflict
        while True:
            body = change(await self._compute.router(name), goal)
            if not body:
                return None
            try:
                return await self._compute.patch(name, body, request_id)
            except CallError as error:
                if error.fault is not Fault.CONFLICT or self._clock() >= ends:
                    raise
            await self._sleep(self._patience.conflict_pause)

    async def _finished(self, name: RouterName, operation: Resource) -> None:
        """Waits for the end of an operation. Done and successful are two things."""
        patience, pause = self._patience, self._patience.first_poll
        ends = self._clock() + patience.operation
        while operation.get("status") != "DONE":
            if self._clock() >= ends:
                raise OutcomeUnknownError(
                    f"{_operation_name(operation)} on {name} was not done in "
                    f"{patience.operation:g} s, and may still be"
                )
            await self._sleep(pause)
            pause = min(2 * pause, patience.last_poll)
            operation = await self._compute.operation(name, str(operation.get("name")))
        if complaint := _complaint(operation):
            raise ActionError(f"{_operation_name(operation)} on {name} failed: {complaint}")

    def _requests(self, name: RouterName, body: Resource) -> list[Request]:
        call = self._compute.patching(name, body, "REQUEST_ID")
        return [Request(call.method, call.url, call.body)] if body else []

    def _goal(self, step: Step, *, is_fenced: bool = True) -> Goal:
        if step.kind not in _ADVERTISED:
            raise ActionError(f"a Cloud Router has no part in a step {step.kind.value}")
        return Goal(
            prefix=self._sites[step.site].prefix,
            advertised=_ADVERTISED[step.kind],
            generation=self._generation(),
            is_fenced=is_fenced,
            edits_attachments=self._edits_attachments,
        )


def _missing(goal: Goal, is_told: object, there: Mapping[str, bool]) -> str | None:
    """What is not as the goal has it, of what is told and of what is announced to whom."""
    wrong = ", ".join(name for name, is_there in there.items() if is_there is not goal.advertised)
    if goal.advertised:
        if is_told is not True:
            return "is not on the list of what every session announces"
        if not there:
            return "is announced to nobody, since no BGP session is up,"
        return f"is not announced to {wrong}" if wrong else None
    if is_told is not False:
        return "is still on the list of what is announced"
    return f"is still announced to {wrong}" if wrong else None


def _operation_name(operation: Resource) -> str:
    return f"the operation {operation.get('name')}"


def _complaint(operation: Resource) -> str | None:
    """Why an operation that is done has failed; None if it has not."""
    errors = (operation.get("error") or {}).get("errors", [])
    status = operation.get("httpErrorStatusCode")
    if not errors and not status and "error" not in operation:
        return None
    said = [f"{error.get('message', '')} ({error.get('code', 'no code')})" for error in errors]
    return "; ".join(said) or f"status {status}: {operation.get('httpErrorMessage')}"
