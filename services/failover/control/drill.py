"""A dry practice run: whether a real one might begin, and what the providers say to each step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.failover import metrics
from services.failover.control import practising
from services.failover.control.rehearsal import previews
from services.failover.policy.decide import Mode, Override, decide, serving
from services.failover.policy.practice import Outcome, obstacles
from services.failover.repository import practices

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.parts import Parts
    from services.failover.policy.decide import Situation
    from services.failover.repository.practices import PracticeRecord
    from shared.contracts.failover_plans import PreviewBody


@dataclass(frozen=True, slots=True)
class Drill:
    """What came of it."""

    outcome: Outcome
    detail: str
    steps: list[PreviewBody]


async def hindrances(conn: AsyncConnection, parts: Parts, stay: timedelta) -> tuple[str, ...]:
    """Why no practice run may begin now; nothing: it may. 503 before the first cycle."""
    return (await _situation(conn, parts, stay))[1]


async def drilled(parts: Parts, stay: timedelta, who: str) -> Drill:
    """Asks, and changes nothing. 503 before the first cycle.

    Providers take their time, and the database ends a transaction in which nothing happens.
    """
    async with parts.engine.begin() as conn:
        situation, found = await _situation(conn, parts, stay)
    site = serving(situation.posture) if situation.posture is not None else None
    if found or site is None:
        return Drill(Outcome.REFUSED, "; ".join(found), [])
    mode, until = Mode(site.other.value), situation.inputs.at + stay
    order = Override(mode, f"practice run by {who}", "only tried", until, is_practice=True)
    decision = decide(replace(situation, override=order), parts.controller.limits)
    steps = await previews(parts, decision)
    wrong = [f"{one.kind} {one.site}: {one.error}" for one in steps if one.error is not None]
    if wrong:
        return Drill(Outcome.FAILED, "; ".join(wrong), steps)
    return Drill(Outcome.SUCCEEDED, f"the providers would take each of {len(steps)} steps", steps)


async def noted(
    conn: AsyncConnection,
    drill: Drill,
    *,
    owner: str,
    reason: str,
    stay: timedelta,
    scheduled_for: datetime | None = None,
) -> PracticeRecord | None:
    """Its row; None: that time of the schedule has its row already."""
    metrics.PRACTICES.labels("dry", drill.outcome.value).inc()
    return await practices.note_dry(
        conn,
        owner=owner,
        reason=reason,
        stay=stay,
        outcome=drill.outcome,
        detail=drill.detail,
        steps=[one.model_dump(mode="json") for one in drill.steps],
        scheduled_for=scheduled_for,
    )


async def _situation(
    conn: AsyncConnection, parts: Parts, stay: timedelta
) -> tuple[Situation, tuple[str, ...]]:
    controller = parts.controller
    assert parts.last is not None  # noqa: S101 - it raises before there is one
    situation = await controller.now(conn)
    around = await practising.around(conn, controller.practice)
    return situation, obstacles(situation, controller.limits, around, stay)
