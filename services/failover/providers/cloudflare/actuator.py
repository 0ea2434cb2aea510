"""Prefers a site: one bulk update of both groups of routes, checked before and after.

Cloudflare has no lock and no ETag for routes, and does not say whether a bulk update is done as a
whole. So a change of `modified_on` since the plan stops it, every row is read again afterwards,
and only the rows that a partial update left out are sent again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from services.failover.acting.actuator import ActionError, Done, NotDone, Rehearsal
from services.failover.acting.earlier import lost
from services.failover.policy.model import StepKind
from services.failover.providers.cloudflare import metrics
from services.failover.providers.cloudflare.budget import Purpose
from services.failover.providers.cloudflare.selection import SelectionError, select

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from services.failover.acting.actuator import Request
    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Site, Step
    from services.failover.providers.cloudflare.client import CloudflareClient
    from services.failover.providers.cloudflare.routes import Route, Row
    from services.failover.providers.cloudflare.selection import Groups, Priorities, Selector

log = structlog.get_logger()

SEEN = "seen"
"""The key in a step's diff of the facts that the plan was made of (`Preference.facts`)."""


@dataclass(frozen=True, slots=True)
class Preference:
    """Cloudflare's part of a posture."""

    preferred: Site | None
    """None: mixed, tied, or the selector does not find what it should."""
    matched: int
    """Routes that the selector matches, whether or not they fit."""
    detail: str
    facts: Mapping[str, object] = field(default_factory=dict)


class CloudflareActuator:
    """An `Actuator` of the PREFER step."""

    ATTEMPTS = 3
    """Bulk updates at most, the first one and repairs together."""
    PAUSE_SECONDS = 1.0
    """Before a repair: a read may be a little behind a write."""

    def __init__(
        self,
        client: CloudflareClient,
        selector: Selector,
        priorities: Priorities,
        *,
        landing: float = 120.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`landing`: seconds after which a request without an answer is never carried out."""
        self._client = client
        self._selector = selector
        self._priorities = priorities
        self._landing = landing
        self._sleep = sleep

    async def preference(self) -> Preference:
        """Which site is preferred now. Raises ActionError where that cannot be read."""
        routes = await self._client.routes(Purpose.WATCH)
        matched = [route for route in routes if self._selector.matches(route)]
        facts = _facts(matched)
        try:
            groups = select(routes, self._selector)
        except SelectionError as error:
            return Preference(None, len(matched), str(error), facts)
        return Preference(groups.preferred, len(matched), groups.said(), facts)

    async def preview(self, step: Step) -> list[Request]:
        """See `Actuator`. The request holds only the rows that differ.

        It says what there is to do, and `apply` and `rehearse` whether it may be done.
        """
        rows = (await self._groups(Purpose.ACT)).changes(_site(step), self._priorities)
        return [self._client.replacing(rows)] if rows else []

    async def rehearse(self, step: Step) -> Rehearsal:
        """See `Actuator`. Cloudflare checks it with `validate_only`."""
        rows = await self._planned(step, Purpose.WATCH)
        if not rows:
            return Rehearsal([])
        said = await self._client.validate(rows)
        return Rehearsal([self._client.replacing(rows)], self._client.validating(rows), said)

    async def apply(self, step: Step, *, request_id: str) -> None:
        """See `Actuator`. Cloudflare knows no request ids: what is right already is not sent."""
        rows = await self._planned(step, Purpose.ACT)
        for attempt in range(self.ATTEMPTS):
            if not rows:
                return
            if attempt:
                metrics.REPAIRS.inc()
                log.warning("bulk update of routes was partial", left=_ids(rows), id=request_id)
                await self._sleep(self.PAUSE_SECONDS)
            await self._client.replace(rows)
            rows = await self._left(step.site, rows)
        if rows:
            raise ActionError(
                f"Cloudflare said yes {self.ATTEMPTS} times, and these routes still have their old "
                f"priority: {', '.join(_ids(rows))}"
            )

    async def verify(self, step: Step) -> Done | NotDone:
        """See `Actuator`. Not done as well where Cloudflare's penalties outweigh our priorities."""
        groups = await self._groups(Purpose.ACT)
        evidence = _facts([route for _, route in groups])
        if rows := groups.changes(_site(step), self._priorities):
            wrong = ", ".join(_ids(rows))
            return NotDone(f"{groups.said()}; not as they should be: {wrong}", evidence)
        if groups.used is not step.site:
            return NotDone(_outweighed(groups, step.site), evidence)
        return Done(evidence)

    async def pending(self, step: Step, earlier: Sequence[Earlier]) -> str | None:
        """See `Actuator`. Cloudflare has no list of what it was asked for: it is waited out."""
        waiting = (lost(step, one, self._landing) for one in earlier if one.may_land(self._landing))
        return next(waiting, None)

    async def _groups(self, purpose: Purpose) -> Groups:
        return select(await self._client.routes(purpose), self._selector)

    async def _planned(self, step: Step, purpose: Purpose) -> list[Row]:
        """What is to be written; raises ActionError where it must not, or would be in vain."""
        groups = await self._groups(purpose)
        rows = groups.changes(_site(step), self._priorities)
        if rows and groups.after(step.site, self._priorities) is not step.site:
            raise ActionError(_outweighed(groups, step.site))
        _check_unchanged(groups, rows, step.diff.get(SEEN))
        return rows

    async def _left(self, target: Site, sent: list[Row]) -> list[Row]:
        """Of the rows sent those that are still as they were; all of them are read again."""
        groups = await self._groups(Purpose.ACT)
        found = {route.id: route for _, route in groups}
        for row in sent:
            _compare(row, found.get(str(row["id"])))
        return groups.changes(target, self._priorities)


def _site(step: Step) -> Site:
    if step.kind is not StepKind.PREFER:
        raise ValueError(f"Cloudflare has no part in {step.kind.value}")
    return step.site


def _check_unchanged(groups: Groups, rows: list[Row], seen: object) -> None:
    """Raises ActionError if somebody changed the routes since the plan.

    A row that is right already does not matter: it is not written, and this step may have
    written it before it was interrupted.
    """
    match seen:
        case {"routes": dict(planned)}:
            pass
        case _:
            return
    now = {route.id: route for _, route in groups}
    changed = [
        f"{now[identifier]} at {now[identifier].modified_on}"
        for identifier in _ids(rows)
        if identifier in planned and now[identifier].modified_on != planned[identifier]
    ]
    kinds = {
        "added": [str(now[identifier]) for identifier in now.keys() - planned.keys()],
        "gone": sorted(planned.keys() - now.keys()),
        "changed": changed,
    }
    if said := [f"{kind}: {', '.join(which)}" for kind, which in kinds.items() if which]:
        raise ActionError(
            f"somebody else changed routes since the plan was made ({'; '.join(said)}); "
            "nothing was written, and the next plan begins with what is there now"
        )


def _compare(sent: Row, found: Route | None) -> None:
    """Raises ActionError if a row is gone, and tells where another field is not as it was sent.

    Then somebody else writes at the same time. That is no reason to take the preference back.
    """
    if found is None:
        raise ActionError(f"route {sent['id']} is gone, or no longer ours, after the bulk update")
    fields = [
        name for name, value in sent.items() if name != "priority" and found.row.get(name) != value
    ]
    if fields:
        log.warning("route reads otherwise than it was sent", route=found.id, fields=fields)


def _outweighed(groups: Groups, target: Site) -> str:
    penalty = groups.penalty(target)
    return (
        f"Cloudflare holds tunnels to the {target.value} site for {penalty.name.lower()} and adds "
        f"{int(penalty):,} to their priority: to prefer them would change nothing"
    )


def _facts(routes: list[Route]) -> dict[str, object]:
    return {
        "routes": {route.id: route.modified_on for route in routes},
        "priorities": {route.id: route.priority for route in routes},
    }


def _ids(rows: list[Row]) -> list[str]:
    return [str(row["id"]) for row in rows]
