"""What would come of an operator's word, with the exact requests; nothing is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from services.failover import answers
from services.failover.acting.actuator import ActionError
from services.failover.acting.exchanges import redacted
from services.failover.policy.decide import decide
from shared.contracts.failover import CommandBody
from shared.contracts.failover_plans import PreviewBody

if TYPE_CHECKING:
    from services.failover.parts import Parts
    from services.failover.policy.decide import Decision, Override
    from services.failover.policy.model import Step


async def rehearsed(parts: Parts, action: str, order: Override) -> CommandBody:
    """The decision and the plan that this order would lead to, as of the last cycle."""
    cycle = parts.last
    # Which replica is asked makes no difference to what would be done.
    situation = replace(cycle.situation, override=order, is_leader=True)
    decision = decide(situation, parts.controller.limits)
    return CommandBody(
        action=action,
        dry_run=True,
        sentence=decision.sentence,
        before=cycle.decision.sentence,
        steps=await previews(parts, decision),
    )


async def previews(parts: Parts, decision: Decision) -> list[PreviewBody]:
    """Each step of its plan, with its requests and what the provider says to them."""
    steps = decision.plan.steps if decision.plan is not None else ()
    return list(await asyncio.gather(*(_preview(parts, step) for step in steps)))


async def _preview(parts: Parts, step: Step) -> PreviewBody:
    body = PreviewBody(
        kind=step.kind.value, site=step.site.value, diff=dict(step.diff), requests=[]
    )
    actuator = parts.actuators.get(step.kind)
    if actuator is None:
        return body
    try:
        rehearsal = await actuator.rehearse(step)
        body.requests = answers.request_bodies(rehearsal.requests)
        if rehearsal.asked is not None:
            (body.asked,) = answers.request_bodies([rehearsal.asked])
            body.asked.body = redacted(body.asked.body)
        body.said = redacted(rehearsal.said)
    except ActionError as error:
        body.error = str(error)
    return body
