"""What operators said: overrides and pauses, one of each at a time, ended but never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from services.failover.policy.decide import Mode, Override, Pause

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

# The lock is held until the transaction ends: two that say something at once do it one by one.
_LOCK = "LOCK TABLE failover.override, failover.pause IN SHARE ROW EXCLUSIVE MODE"
_OVERRIDE = """
SELECT mode, owner, reason, until, lifted_rules FROM failover.override
 WHERE ended_at IS NULL AND until > clock_timestamp()
"""
_SET_OVERRIDE = """
INSERT INTO failover.override (mode, owner, reason, until, lifted_rules)
VALUES (:mode, :owner, :reason, clock_timestamp() + make_interval(secs => :seconds),
        :lifted_rules)
"""
_END_OVERRIDE = """
UPDATE failover.override
   SET ended_at = least(until, clock_timestamp()),
       ended_by = CASE WHEN until > clock_timestamp() THEN :who END
 WHERE ended_at IS NULL
"""
_PAUSE = """
SELECT owner, reason, until FROM failover.pause
 WHERE ended_at IS NULL AND until > clock_timestamp()
"""
_PAUSE_LEFT = """
SELECT extract(epoch FROM until - clock_timestamp())::float8 FROM failover.pause
 WHERE ended_at IS NULL AND until > clock_timestamp()
"""
_SET_PAUSE = """
INSERT INTO failover.pause (owner, reason, until)
VALUES (:owner, :reason, clock_timestamp() + make_interval(secs => :seconds))
"""
_END_PAUSE = """
UPDATE failover.pause
   SET ended_at = least(until, clock_timestamp()),
       ended_by = CASE WHEN until > clock_timestamp() THEN :who END
 WHERE ended_at IS NULL
"""


async def lock(conn: AsyncConnection) -> None:
    """Nobody else changes an override or a pause until this transaction ends; reads go on."""
    await conn.execute(text(_LOCK))


async def override(conn: AsyncConnection) -> Override | None:
    """The one that holds now."""
    row = (await conn.execute(text(_OVERRIDE))).one_or_none()
    if row is None:
        return None
    return Override(Mode(row.mode), row.owner, row.reason, row.until, frozenset(row.lifted_rules))


async def set_override(
    conn: AsyncConnection,
    mode: Mode,
    *,
    owner: str,
    reason: str,
    seconds: float,
    lifted_rules: frozenset[str] = frozenset(),
) -> Override | None:
    """Sets it in the place of the one there was; that one, if it still held."""
    await lock(conn)
    before = await override(conn)
    await conn.execute(text(_END_OVERRIDE), {"who": owner})
    values = {
        "mode": mode.value,
        "owner": owner,
        "reason": reason,
        "seconds": seconds,
        "lifted_rules": sorted(lifted_rules),
    }
    await conn.execute(text(_SET_OVERRIDE), values)
    return before


async def end_override(conn: AsyncConnection, who: str) -> Override | None:
    """Ends the one that holds, and says which."""
    await lock(conn)
    before = await override(conn)
    await conn.execute(text(_END_OVERRIDE), {"who": who})
    return before


async def pause(conn: AsyncConnection) -> Pause | None:
    """The one that holds now."""
    row = (await conn.execute(text(_PAUSE))).one_or_none()
    return None if row is None else Pause(row.owner, row.reason, row.until)


async def pause_left(conn: AsyncConnection) -> float:
    """Seconds until the one that holds ends; 0: there is none."""
    return float((await conn.execute(text(_PAUSE_LEFT))).scalar_one_or_none() or 0.0)


async def set_pause(
    conn: AsyncConnection, *, owner: str, reason: str, seconds: float
) -> Pause | None:
    """Sets it in the place of the one there was; that one, if it still held."""
    await lock(conn)
    before = await pause(conn)
    await conn.execute(text(_END_PAUSE), {"who": owner})
    await conn.execute(text(_SET_PAUSE), {"owner": owner, "reason": reason, "seconds": seconds})
    return before


async def end_pause(conn: AsyncConnection, who: str) -> Pause | None:
    """Ends the one that holds, and says which."""
    await lock(conn)
    before = await pause(conn)
    await conn.execute(text(_END_PAUSE), {"who": who})
    return before
