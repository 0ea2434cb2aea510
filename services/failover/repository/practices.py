"""Practice runs: at most one is under way at a time. Functions never commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from services.failover.acting.journal import PlanState
from services.failover.acting.outcome import ABORTED
from services.failover.policy.model import Site
from services.failover.policy.practice import Leg, Outcome, Phase, Practice
from services.failover.repository import switchovers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.acting.journal import PlanRecord

_ASK = """
INSERT INTO failover.practice
       (mode, owner, reason, scheduled_for, stay_s, until, state, ended_at, outcome, detail, steps)
VALUES (:mode, :owner, :reason, :scheduled_for, :stay_s,
        clock_timestamp() + make_interval(secs => :seconds), :state,
        CASE WHEN :state = 'ended' THEN clock_timestamp() END, :outcome, :detail,
        CAST(:steps AS jsonb))
ON CONFLICT DO NOTHING RETURNING *
"""
_OPEN = "SELECT * FROM failover.practice WHERE state <> 'ended'"
_LATEST = """
SELECT * FROM failover.practice
 WHERE CAST(:before AS int8) IS NULL OR practice_id < :before
 ORDER BY practice_id DESC LIMIT :limit
"""
_KEEP = """
UPDATE failover.practice
   SET state = :state, home = :home, back_at = :back_at, until = :until, outcome = :outcome,
       detail = :detail,
       begun_at = CASE WHEN :state IN ('out', 'stay', 'back')
                       THEN coalesce(begun_at, clock_timestamp()) ELSE begun_at END,
       ended_at = CASE WHEN :state = 'ended' THEN clock_timestamp() END
 WHERE practice_id = :practice_id AND state <> 'ended' RETURNING *
"""
_LEG = {
    Phase.OUT: "UPDATE failover.practice SET out_decision_id = :decision_id"
    " WHERE practice_id = :practice_id",
    Phase.BACK: "UPDATE failover.practice SET back_decision_id = :decision_id"
    " WHERE practice_id = :practice_id",
}
_LOCK = "LOCK TABLE failover.practice IN SHARE ROW EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class PracticeRecord:
    """A practice run with all that is kept of it."""

    practice_id: int
    mode: str
    """`dry`: it was only asked what would come of it."""
    scheduled_for: datetime | None
    """None: somebody asked for it."""
    asked_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    run: Practice
    out: PlanRecord | None
    back: PlanRecord | None
    steps: Sequence[Any] | None
    """Of a dry one: what would be sent, and what the providers say to it."""


async def lock(conn: AsyncConnection) -> None:
    """Nobody else changes a practice run until this transaction ends; reads go on."""
    await conn.execute(text(_LOCK))


async def ask(
    conn: AsyncConnection,
    *,
    owner: str,
    reason: str,
    stay: timedelta,
    seconds: float,
    scheduled_for: datetime | None = None,
) -> PracticeRecord | None:
    """A new one, to be begun within `seconds`; None: another is under way, or it was asked for."""
    return await _insert(
        conn,
        mode="real",
        owner=owner,
        reason=reason,
        stay_s=stay.total_seconds(),
        seconds=seconds,
        scheduled_for=scheduled_for,
        state=Phase.PENDING.value,
        outcome=None,
        detail="",
        steps=None,
    )


async def note_dry(
    conn: AsyncConnection,
    *,
    owner: str,
    reason: str,
    stay: timedelta,
    outcome: Outcome,
    detail: str,
    steps: Sequence[Any],
    scheduled_for: datetime | None = None,
) -> PracticeRecord | None:
    """One that only asked; None: that time of the schedule has its row already."""
    return await _insert(
        conn,
        mode="dry",
        owner=owner,
        reason=reason,
        stay_s=stay.total_seconds(),
        seconds=0.0,
        scheduled_for=scheduled_for,
        state=Phase.ENDED.value,
        outcome=outcome.value,
        detail=detail,
        steps=orjson.dumps(steps, default=str).decode(),
    )


async def under_way(conn: AsyncConnection) -> PracticeRecord | None:
    """The one that is to be done, or is under way."""
    row = (await conn.execute(text(_OPEN))).mappings().one_or_none()
    return None if row is None else await _read(conn, row)


async def latest(
    conn: AsyncConnection, limit: int, *, before: int | None = None
) -> list[PracticeRecord]:
    """The last ones, the newest first; `before` is the number that a page ended with."""
    found = await conn.execute(text(_LATEST), {"before": before, "limit": limit})
    return [await _read(conn, row) for row in found.mappings().all()]


async def keep(conn: AsyncConnection, practice_id: int, run: Practice) -> PracticeRecord | None:
    """As it is by now; None: it had ended already."""
    values = {
        "practice_id": practice_id,
        "state": run.phase.value,
        "home": run.home.value if run.home is not None else None,
        "back_at": run.back_at,
        "until": run.until,
        "outcome": run.outcome.value if run.outcome is not None else None,
        "detail": run.detail,
    }
    row = (await conn.execute(text(_KEEP), values)).mappings().one_or_none()
    return None if row is None else await _read(conn, row)


async def set_leg(
    conn: AsyncConnection, practice_id: int, phase: Phase, decision_id: int | None
) -> None:
    """The plan of this phase is the one that this decision led to."""
    values = {"practice_id": practice_id, "decision_id": decision_id}
    await conn.execute(text(_LEG[phase]), values)


async def _insert(conn: AsyncConnection, **values: object) -> PracticeRecord | None:
    row = (await conn.execute(text(_ASK), values)).mappings().one_or_none()
    return None if row is None else await _read(conn, row)


async def _read(conn: AsyncConnection, row: RowMapping) -> PracticeRecord:
    out = await _plan(conn, row["out_decision_id"])
    back = await _plan(conn, row["back_decision_id"])
    legs = {Phase.OUT: out, Phase.BACK: back}
    phase = Phase(row["state"])
    run = Practice(
        owner=row["owner"],
        reason=row["reason"],
        stay=timedelta(seconds=row["stay_s"]),
        until=row["until"],
        phase=phase,
        home=Site(row["home"]) if row["home"] is not None else None,
        back_at=row["back_at"],
        outcome=Outcome(row["outcome"]) if row["outcome"] is not None else None,
        detail=row["detail"],
        leg=_leg(legs.get(phase)),
    )
    return PracticeRecord(
        row["practice_id"],
        row["mode"],
        row["scheduled_for"],
        row["asked_at"],
        row["begun_at"],
        row["ended_at"],
        run,
        out,
        back,
        row["steps"],
    )


async def _plan(conn: AsyncConnection, decision_id: int | None) -> PlanRecord | None:
    return None if decision_id is None else await switchovers.plan_of(conn, decision_id)


def _leg(plan: PlanRecord | None) -> Leg | None:
    if plan is None:
        return None
    return Leg(
        plan.ended_at,
        is_done=plan.state is PlanState.DONE,
        is_undone=plan.state is PlanState.UNDONE,
        was_aborted=plan.alarm == ABORTED,
        detail=plan.detail or "",
    )
