"""Plans and their steps, as rows. Every function is handed a connection, and never commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from services.failover.acting.actuator import Request
from services.failover.acting.earlier import Earlier
from services.failover.acting.exchanges import redacted
from services.failover.acting.journal import PlanRecord, PlanState, StepRecord, StepState
from services.failover.policy.model import Site, Step, StepKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.policy.model import Plan

_OPEN = """
INSERT INTO failover.plan
       (plan_id, target, reason, state, asked_by, decision_id, generation, begun_at)
VALUES (CAST(:plan_id AS uuid), :target, :reason, 'running', :asked_by, :decision_id,
        :generation, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING plan_id
"""
_ADD = """
INSERT INTO failover.plan_step (plan_id, ordinal, kind, site, is_undo, diff, state, generation)
VALUES (CAST(:plan_id AS uuid), :ordinal, :kind, :site, :is_undo,
        CAST(:diff AS jsonb), 'pending', :generation)
ON CONFLICT DO NOTHING
"""
_BEGIN = """
UPDATE failover.plan_step
   SET state = 'begun', request_id = coalesce(request_id, :request_id),
       requests = requests || CAST(:requests AS jsonb),
       begun_at = coalesce(begun_at, clock_timestamp()), generation = :generation
 WHERE plan_id = CAST(:plan_id AS uuid) AND ordinal = :ordinal RETURNING *
"""
# What was heard is kept within the evidence, under a name that no provider's evidence has.
_HEARD = """
UPDATE failover.plan_step
   SET evidence = jsonb_set(evidence, '{_exchanges}',
           coalesce(evidence -> '_exchanges', '[]') || CAST(:exchanges AS jsonb)),
       generation = :generation
 WHERE plan_id = CAST(:plan_id AS uuid) AND ordinal = :ordinal RETURNING *
"""
_FINISH = """
UPDATE failover.plan_step AS s
   SET state = :state, begun_at = coalesce(begun_at, at.now), ended_at = at.now,
       detail = :detail, evidence = evidence || CAST(:evidence AS jsonb), generation = :generation
  FROM (SELECT clock_timestamp() AS now) AS at
 WHERE plan_id = CAST(:plan_id AS uuid) AND ordinal = :ordinal RETURNING *
"""
_CLOSE = """
UPDATE failover.plan
   SET state = :state, detail = :detail, alarm = :alarm, convergence_s = :convergence_s,
       ended_at = clock_timestamp(), generation = :generation
 WHERE plan_id = CAST(:plan_id AS uuid)
"""
_ACKNOWLEDGE = """
UPDATE failover.plan SET acknowledged_at = clock_timestamp(), acknowledged_by = :who
 WHERE acknowledged_at IS NULL AND state <> 'running' RETURNING plan_id::text
"""
# The first word stands, whoever says it again.
_ABORT = """
UPDATE failover.plan
   SET aborted_at = coalesce(aborted_at, clock_timestamp()),
       aborted_by = coalesce(aborted_by, :who), abort_reason = coalesce(abort_reason, :reason)
 WHERE state = 'running' RETURNING plan_id::text
"""
_ABORTED = """
SELECT aborted_by || ' aborted it: ' || abort_reason FROM failover.plan
 WHERE plan_id = CAST(:plan_id AS uuid)
"""
_READ = """
SELECT *, extract(epoch FROM clock_timestamp() - begun_at)::float8 AS age_s
  FROM failover.plan WHERE plan_id = CAST(:plan_id AS uuid)
"""
_RUNNING = """
SELECT *, extract(epoch FROM clock_timestamp() - begun_at)::float8 AS age_s
  FROM failover.plan WHERE state = 'running'
"""
_LATEST = """
SELECT *, extract(epoch FROM clock_timestamp() - begun_at)::float8 AS age_s
  FROM failover.plan ORDER BY begun_at DESC LIMIT :limit
"""
_STEPS = "SELECT * FROM failover.plan_step WHERE plan_id = :plan_id ORDER BY ordinal"
_SENT = """
SELECT *, coalesce(extract(epoch FROM clock_timestamp() - ended_at), 0)::float8 AS age_s
  FROM failover.plan_step
 WHERE kind = :kind AND site = :site AND request_id IS NOT NULL
   AND (ended_at IS NULL OR ended_at > clock_timestamp() - make_interval(secs => :within_s))
"""
_FLIPS = """
SELECT begun_at FROM failover.plan
 WHERE asked_by IS NULL AND acknowledged_at IS NULL AND begun_at > :since ORDER BY begun_at
"""


async def insert(
    conn: AsyncConnection,
    plan_id: str,
    plan: Plan,
    *,
    asked_by: str | None,
    decision_id: int | None,
    generation: int,
) -> bool:
    """Whether the plan is new; False: it is there already, or another one runs."""
    values = {
        "plan_id": plan_id,
        "target": plan.target.value,
        "reason": plan.reason,
        "asked_by": asked_by,
        "decision_id": decision_id,
        "generation": generation,
    }
    if (await conn.execute(text(_OPEN), values)).first() is None:
        return False
    for ordinal, step in enumerate(plan.steps):
        await add_step(conn, plan_id, ordinal, step, is_undo=False, generation=generation)
    return True


async def add_step(
    conn: AsyncConnection, plan_id: str, ordinal: int, step: Step, *, is_undo: bool, generation: int
) -> None:
    """One more step, unless it is there already."""
    values = {
        "plan_id": plan_id,
        "ordinal": ordinal,
        "kind": step.kind.value,
        "site": step.site.value,
        "is_undo": is_undo,
        "diff": _json(step.diff),
        "generation": generation,
    }
    await conn.execute(text(_ADD), values)


async def begin_step(
    conn: AsyncConnection,
    plan_id: str,
    ordinal: int,
    *,
    request_id: str | None,
    requests: Sequence[Request],
    generation: int,
) -> StepRecord:
    """The step, begun; it keeps its first request id and its first moment."""
    values = {
        "plan_id": plan_id,
        "ordinal": ordinal,
        "request_id": request_id,
        "requests": _json(
            [{"method": r.method, "url": r.url, "body": redacted(r.body)} for r in requests]
        ),
        "generation": generation,
    }
    return _step((await conn.execute(text(_BEGIN), values)).mappings().one())


async def add_exchanges(
    conn: AsyncConnection,
    plan_id: str,
    ordinal: int,
    *,
    exchanges: Sequence[Mapping[str, object]],
    generation: int,
) -> StepRecord:
    """The step, with what was sent for it and answered."""
    values = {
        "plan_id": plan_id,
        "ordinal": ordinal,
        "exchanges": _json(exchanges),
        "generation": generation,
    }
    return _step((await conn.execute(text(_HEARD), values)).mappings().one())


async def finish_step(
    conn: AsyncConnection,
    plan_id: str,
    ordinal: int,
    *,
    state: StepState,
    evidence: Mapping[str, object],
    detail: str | None,
    generation: int,
) -> StepRecord:
    """The step, ended."""
    values = {
        "plan_id": plan_id,
        "ordinal": ordinal,
        "state": state.value,
        "evidence": _json(evidence),
        "detail": detail,
        "generation": generation,
    }
    return _step((await conn.execute(text(_FINISH), values)).mappings().one())


async def close(
    conn: AsyncConnection,
    plan_id: str,
    *,
    state: PlanState,
    detail: str,
    alarm: str | None,
    convergence_s: float | None,
    generation: int,
) -> None:
    """The plan has ended."""
    values = {
        "plan_id": plan_id,
        "state": state.value,
        "detail": detail,
        "alarm": alarm,
        "convergence_s": convergence_s,
        "generation": generation,
    }
    await conn.execute(text(_CLOSE), values)


async def read(conn: AsyncConnection, plan_id: str) -> PlanRecord | None:
    """One plan with its steps."""
    found = await _plans(conn, _READ, {"plan_id": plan_id})
    return found[0] if found else None


async def running(conn: AsyncConnection) -> PlanRecord | None:
    """The plan that is under way; there is never more than one."""
    found = await _plans(conn, _RUNNING, {})
    return found[0] if found else None


async def latest(conn: AsyncConnection, limit: int) -> list[PlanRecord]:
    """The last plans, the newest first."""
    return await _plans(conn, _LATEST, {"limit": limit})


async def sent(conn: AsyncConnection, step: Step, *, within_s: float) -> tuple[Earlier, ...]:
    """Steps of its kind and site that may have been sent, and ended so lately, or have not."""
    values = {"kind": step.kind.value, "site": step.site.value, "within_s": within_s}
    found = (await conn.execute(text(_SENT), values)).mappings()
    return tuple(Earlier(_step(row), row["age_s"]) for row in found)


async def flips(conn: AsyncConnection, since: datetime) -> tuple[datetime, ...]:
    """When the switches began that nobody asked for and nobody has acknowledged, oldest first.

    Also those that were undone: one that fails again and again is a flip each time.
    """
    return tuple((await conn.execute(text(_FLIPS), {"since": since})).scalars())


async def acknowledge(conn: AsyncConnection, who: str) -> list[str]:
    """Somebody has looked at all plans that have ended; those that were new to them."""
    return list((await conn.execute(text(_ACKNOWLEDGE), {"who": who})).scalars())


async def abort(conn: AsyncConnection, *, who: str, reason: str) -> PlanRecord | None:
    """The plan that is under way is to be stopped; None: there is none."""
    found = await conn.execute(text(_ABORT), {"who": who, "reason": reason})
    plan_id = found.scalar_one_or_none()
    return None if plan_id is None else await read(conn, plan_id)


async def aborted(conn: AsyncConnection, plan_id: str) -> str | None:
    """Who wants it to be stopped, and why."""
    found = await conn.execute(text(_ABORTED), {"plan_id": plan_id})
    said: str | None = found.scalar_one_or_none()
    return said


async def _plans(
    conn: AsyncConnection, statement: str, values: Mapping[str, Any]
) -> list[PlanRecord]:
    found = (await conn.execute(text(statement), values)).mappings().all()
    return [await _plan(conn, row) for row in found]


async def _plan(conn: AsyncConnection, row: RowMapping) -> PlanRecord:
    steps = await conn.execute(text(_STEPS), {"plan_id": row["plan_id"]})
    return PlanRecord(
        plan_id=str(row["plan_id"]),
        target=Site(row["target"]),
        reason=row["reason"],
        steps=tuple(map(_step, steps.mappings())),
        begun_at=row["begun_at"],
        age_s=row["age_s"],
        state=PlanState(row["state"]),
        asked_by=row["asked_by"],
        aborted_by=row["aborted_by"],
        decision_id=row["decision_id"],
        ended_at=row["ended_at"],
        detail=row["detail"],
        alarm=row["alarm"],
        convergence_s=row["convergence_s"],
    )


def _step(row: RowMapping) -> StepRecord:
    evidence = dict(row["evidence"])
    exchanges = evidence.pop("_exchanges", [])
    return StepRecord(
        ordinal=row["ordinal"],
        step=Step(StepKind(row["kind"]), Site(row["site"]), row["diff"]),
        is_undo=row["is_undo"],
        state=StepState(row["state"]),
        request_id=row["request_id"],
        requests=tuple(Request(**one) for one in row["requests"]),
        begun_at=row["begun_at"],
        ended_at=row["ended_at"],
        detail=row["detail"],
        exchanges=tuple(exchanges),
        evidence=evidence,
    )


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()
