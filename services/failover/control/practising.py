"""Practice runs in the cycles: what becomes of the one that is under way, and its way into rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from services.failover import metrics
from services.failover.policy.practice import Around, Outcome, Phase, turn
from services.failover.repository import leases, practices, records, switchovers

if TYPE_CHECKING:
    from datetime import timedelta, tzinfo

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.policy.decide import Decision, Limits, Situation
    from services.failover.policy.practice import Practice
    from services.failover.policy.windows import Window
    from services.failover.repository.practices import PracticeRecord

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """When there is none."""

    leg: timedelta
    """How long a plan may take at worst."""
    blocked: tuple[Window, ...]
    zone: tzinfo


async def around(conn: AsyncConnection, rules: Rules) -> Around:
    """What matters besides the situation."""
    asked = await switchovers.pending(conn)
    return Around(
        leg=rules.leg,
        plan_alarm=await switchovers.unacknowledged_alarm(conn),
        switchover_at=asked.scheduled_at if asked is not None else None,
        blocked=rules.blocked,
        zone=rules.zone,
    )


async def turned(
    conn: AsyncConnection, situation: Situation, limits: Limits, rules: Rules, *, generation: int
) -> PracticeRecord | None:
    """The practice run that is under way after this cycle's look at it.

    LeaseLostError where the lease of this generation is another's by now.
    """
    if await practices.under_way(conn) is None:
        return None
    await leases.fence(conn, generation)
    await practices.lock(conn)
    record = await practices.under_way(conn)
    if record is None:
        return None
    run = turn(record.run, situation, limits, await around(conn, rules))
    return record if run == record.run else await kept(conn, record, run)


async def followed(
    conn: AsyncConnection, record: PracticeRecord, decision: Decision, decision_id: int | None
) -> None:
    """Notes the plan that it is carried out by, or that there can be none."""
    if decision.plan is not None:
        await practices.set_leg(conn, record.practice_id, record.run.phase, decision_id)
    elif decision.violations:
        is_out = record.run.phase is Phase.OUT
        outcome = Outcome.REFUSED if is_out else Outcome.FAILED
        await kept(conn, record, record.run.ended(outcome, decision.sentence))


async def kept(
    conn: AsyncConnection, record: PracticeRecord, run: Practice
) -> PracticeRecord | None:
    """The practice run as it is now; None: it is over."""
    kept = await practices.keep(conn, record.practice_id, run)
    if kept is None:
        return None
    log.info(
        "practice run",
        state=run.phase.value,
        outcome=run.outcome.value if run.outcome is not None else None,
        detail=run.detail,
    )
    if run.phase is record.run.phase:
        return kept
    await records.note(
        conn,
        who=run.owner,
        action=f"practice run {run.phase.value}",
        why=run.reason,
        before={"practice": record.practice_id, "state": record.run.phase.value},
        after={
            "practice": record.practice_id,
            "state": run.phase.value,
            "outcome": run.outcome.value if run.outcome is not None else None,
            "detail": run.detail,
        },
    )
    if run.phase is Phase.ENDED and run.outcome is not None:
        metrics.PRACTICES.labels(record.mode, run.outcome.value).inc()
        return None
    return kept


async def called_off(conn: AsyncConnection, who: str) -> PracticeRecord | None:
    """The one that was under way, which ends now, or as soon as the traffic is back; None: none."""
    await practices.lock(conn)
    record = await practices.under_way(conn)
    if record is None:
        return None
    said = f"{who} ended it"
    if record.run.phase is Phase.PENDING:
        run = record.run.ended(Outcome.INTERRUPTED, said)
    else:
        run = replace(record.run, outcome=record.run.outcome or Outcome.INTERRUPTED, detail=said)
    await kept(conn, record, run)
    return record
