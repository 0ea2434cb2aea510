"""Who changed what and why, and what a command was answered the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import text

from services.failover.repository.values import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

_NOTE = """
INSERT INTO failover.audit (who, action, why, before, after)
VALUES (:who, :action, :why, CAST(:before AS jsonb), CAST(:after AS jsonb)) RETURNING audit_id
"""
_AUDIT = """
SELECT audit_id, at, who, action, why, before, after FROM failover.audit
 WHERE CAST(:before AS int8) IS NULL OR audit_id < :before
 ORDER BY audit_id DESC LIMIT :limit
"""
# Whoever comes second waits until the first one's transaction has ended.
_CLAIM = """
INSERT INTO failover.idempotency (who, key, fingerprint) VALUES (:who, :key, :fingerprint)
ON CONFLICT DO NOTHING RETURNING key
"""
_CLAIMED = """
SELECT fingerprint, status, answer FROM failover.idempotency WHERE who = :who AND key = :key
"""
_ANSWER = """
UPDATE failover.idempotency SET status = :status, answer = CAST(:answer AS jsonb)
 WHERE who = :who AND key = :key
"""
_FORGET = "DELETE FROM failover.idempotency WHERE at < :before"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change that somebody made."""

    audit_id: int
    at: datetime
    who: str
    action: str
    why: str | None
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command that came before with the same key."""

    fingerprint: str
    """Of what it asked for: with another one, the key was used twice."""
    status: int | None
    """None: it is still carried out, or was interrupted."""
    answer: object


async def note(
    conn: AsyncConnection,
    *,
    who: str,
    action: str,
    why: str | None,
    before: object = None,
    after: object = None,
) -> int:
    """Notes a change, in the transaction that makes it. Secrets are the caller's to leave out."""
    values = {
        "who": who,
        "action": action,
        "why": why,
        "before": _json(before),
        "after": _json(after),
    }
    number: int = (await conn.execute(text(_NOTE), values)).scalar_one()
    return number


async def audit(conn: AsyncConnection, limit: int, *, before: int | None = None) -> list[AuditRow]:
    """The last changes, the newest first; `before` is the number that a page ended with."""
    found = await conn.execute(text(_AUDIT), {"before": before, "limit": limit})
    return [AuditRow(*row) for row in found]


async def claim(conn: AsyncConnection, who: str, key: str, fingerprint: str) -> Claimed | None:
    """None: this is the first command of this caller with this key, and it is to be answered."""
    values = {"who": who, "key": key, "fingerprint": fingerprint}
    if (await conn.execute(text(_CLAIM), values)).first() is not None:
        return None
    row = (await conn.execute(text(_CLAIMED), {"who": who, "key": key})).one()
    return Claimed(*row)


async def answer(
    conn: AsyncConnection, who: str, key: str, status: int, body: Mapping[str, object]
) -> None:
    """What the command with this key was answered."""
    values = {"who": who, "key": key, "status": status, "answer": _json(body)}
    await conn.execute(text(_ANSWER), values)


async def forget_answers(conn: AsyncConnection, before: datetime) -> int:
    """Drops the keys of commands that came before then; says how many."""
    return (await conn.execute(text(_FORGET), {"before": before})).rowcount


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(to_json(value), default=str).decode()
