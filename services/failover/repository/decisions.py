"""Decisions with all that they were made of. Each can be made again, also with other limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

from services.failover.policy.decide import Decision, Limits, Situation
from services.failover.repository.values import from_json, to_json

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

_RECORD = """
INSERT INTO failover.decision
       (at, generation, state, rule, sentence, target, is_alarm, situation, limits, decision)
VALUES (:at, :generation, :state, :rule, :sentence, :target, :is_alarm,
        CAST(:situation AS jsonb), CAST(:limits AS jsonb), CAST(:decision AS jsonb))
RETURNING decision_id
"""
_LATEST = """
SELECT decision_id, generation, situation, limits, decision FROM failover.decision
 WHERE CAST(:before AS int8) IS NULL OR decision_id < :before
 ORDER BY decision_id DESC LIMIT :limit
"""
_FORGET = """
DELETE FROM failover.decision AS d WHERE at < :before
   AND NOT EXISTS (SELECT FROM failover.plan AS p WHERE p.decision_id = d.decision_id)
"""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it was made."""

    decision_id: int
    generation: int | None
    """Of the lease; None: by a controller that only watched."""
    situation: Situation
    limits: Limits
    decision: Decision


async def record(
    conn: AsyncConnection,
    situation: Situation,
    limits: Limits,
    decision: Decision,
    *,
    generation: int | None,
) -> int:
    """Its number, which grows."""
    values = {
        "at": situation.inputs.at,
        "generation": generation,
        "state": decision.state.value,
        "rule": decision.rule,
        "sentence": decision.sentence,
        "target": decision.plan.target.value if decision.plan is not None else None,
        "is_alarm": decision.is_alarm,
        "situation": _json(situation),
        "limits": _json(limits),
        "decision": _json(decision),
    }
    number: int = (await conn.execute(text(_RECORD), values)).scalar_one()
    return number


async def latest(
    conn: AsyncConnection, limit: int, *, before: int | None = None
) -> list[DecisionRecord]:
    """The last ones, the newest first; `before` is the number that a page ended with."""
    found = await conn.execute(text(_LATEST), {"before": before, "limit": limit})
    return [_read(row) for row in found.mappings()]


async def forget(conn: AsyncConnection, before: datetime) -> int:
    """Drops what is older and led to no plan; says how many."""
    return (await conn.execute(text(_FORGET), {"before": before})).rowcount


def _read(row: RowMapping) -> DecisionRecord:
    return DecisionRecord(
        row["decision_id"],
        row["generation"],
        from_json(Situation, row["situation"]),
        from_json(Limits, row["limits"]),
        from_json(Decision, row["decision"]),
    )


def _json(value: Any) -> str:  # noqa: ANN401 - a dataclass of the policy
    return orjson.dumps(to_json(value), default=str).decode()
