"""Switchovers: at most one is to be done at a time. Functions never commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from services.failover.policy.decide import Mode, Override
from services.failover.policy.model import Site
from services.failover.repository import plans

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.acting.journal import PlanRecord

_FIELDS = """switchover_id, from_site, to_site, owner, reason, lifted_rules, scheduled_at, until,
       state, detail, scheduled_at <= clock_timestamp() AS is_due"""
_ASK = f"""
INSERT INTO failover.switchover
       (from_site, to_site, owner, reason, lifted_rules, scheduled_at, until)
SELECT :from_site, :to_site, :owner, :reason, :lifted_rules, at.moment,
       at.moment + make_interval(secs => :seconds)
  FROM (SELECT coalesce(CAST(:scheduled_at AS timestamptz), clock_timestamp()) AS moment) AS at
ON CONFLICT DO NOTHING RETURNING {_FIELDS}
"""
_END = """
UPDATE failover.switchover
   SET state = :state, detail = :detail, ended_at = clock_timestamp()
 WHERE switchover_id = :switchover_id AND state = 'pending'
"""
_OF_IT = "p.asked_by = s.owner AND p.target = s.to_site AND p.begun_at >= s.scheduled_at"
_SETTLE = f"""
UPDATE failover.switchover AS s
   SET state = CASE p.state WHEN 'done' THEN 'done' ELSE 'failed' END, detail = p.detail,
       plan_id = p.plan_id, ended_at = p.ended_at
  FROM failover.plan AS p
 WHERE s.state = 'pending' AND p.state <> 'running' AND {_OF_IT}
"""
_IS_BEGUN = f"""
EXISTS (SELECT FROM failover.plan AS p WHERE p.state = 'running' AND {_OF_IT})
"""
_EXPIRE = f"""
UPDATE failover.switchover AS s
   SET state = 'expired', detail = 'it could not be begun in time', ended_at = clock_timestamp()
 WHERE state = 'pending' AND until <= clock_timestamp() AND NOT {_IS_BEGUN}
"""
_PENDING = f"""
SELECT {_FIELDS}, {_IS_BEGUN} AS is_begun FROM failover.switchover AS s WHERE state = 'pending'
"""
_FAILED = """
SELECT detail FROM failover.plan
 WHERE asked_by IS NOT NULL AND acknowledged_at IS NULL AND state NOT IN ('running', 'done')
   AND begun_at > (SELECT set_at FROM failover.override WHERE ended_at IS NULL)
 ORDER BY begun_at DESC LIMIT 1
"""
_PLAN_OF = "SELECT plan_id::text FROM failover.plan WHERE decision_id = :decision_id"
_ALARM = """
SELECT detail FROM failover.plan
 WHERE alarm IS NOT NULL AND acknowledged_at IS NULL ORDER BY begun_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Switchover:
    """A switch that an operator wants."""

    switchover_id: int
    from_site: Site
    """The guard: it is refused where another site serves by then."""
    to_site: Site
    owner: str
    reason: str
    lifted_rules: frozenset[str]
    scheduled_at: datetime
    until: datetime
    """Not begun any more afterwards."""
    state: str
    detail: str | None
    is_due: bool
    is_begun: bool = False
    """Whether a plan for it is under way."""

    def as_override(self) -> Override:
        """What it is for the policy."""
        mode = Mode(self.to_site.value)
        return Override(mode, self.owner, self.reason, self.until, self.lifted_rules)


async def ask(
    conn: AsyncConnection,
    *,
    from_site: Site,
    to_site: Site,
    owner: str,
    reason: str,
    seconds: float,
    scheduled_at: datetime | None,
    lifted_rules: frozenset[str] = frozenset(),
) -> Switchover | None:
    """A new one, to be begun within `seconds` of its time; None: there is one already."""
    values = {
        "from_site": from_site.value,
        "to_site": to_site.value,
        "owner": owner,
        "reason": reason,
        "seconds": seconds,
        "scheduled_at": scheduled_at,
        "lifted_rules": sorted(lifted_rules),
    }
    return _switchover((await conn.execute(text(_ASK), values)).mappings().one_or_none())


async def pending(conn: AsyncConnection) -> Switchover | None:
    """The one that is still to be done, or is being done.

    One whose plan has ended, or whose time is over, ends here.
    """
    await conn.execute(text(_SETTLE))
    await conn.execute(text(_EXPIRE))
    return _switchover((await conn.execute(text(_PENDING))).mappings().one_or_none())


async def end(conn: AsyncConnection, switchover_id: int, state: str, detail: str) -> bool:
    """Ends it without a plan; False where it had ended already."""
    values = {"switchover_id": switchover_id, "state": state, "detail": detail}
    return (await conn.execute(text(_END), values)).rowcount == 1


async def failed_for_override(conn: AsyncConnection) -> str | None:
    """Why the last plan for the override that stands came to nothing, unless acknowledged."""
    detail: str | None = (await conn.execute(text(_FAILED))).scalar_one_or_none()
    return detail


async def unacknowledged_alarm(conn: AsyncConnection) -> str | None:
    """What the last plan that ended badly says, until somebody acknowledges it."""
    detail: str | None = (await conn.execute(text(_ALARM))).scalar_one_or_none()
    return detail


async def plan_of(conn: AsyncConnection, decision_id: int) -> PlanRecord | None:
    """The plan that a decision led to."""
    found = await conn.execute(text(_PLAN_OF), {"decision_id": decision_id})
    plan_id = found.scalar_one_or_none()
    return None if plan_id is None else await plans.read(conn, plan_id)


def _switchover(row: RowMapping | None) -> Switchover | None:
    if row is None:
        return None
    values = dict(row)
    values["from_site"], values["to_site"] = Site(values["from_site"]), Site(values["to_site"])
    values["lifted_rules"] = frozenset(values["lifted_rules"])
    return Switchover(**values)
