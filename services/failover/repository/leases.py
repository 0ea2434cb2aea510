"""Who acts: a row that is taken, renewed and given back by the database's own clock.

Every function is handed a connection, and never commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from services.failover.acting.journal import LeaseLostError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

NAME = "controller"
"""The lease of those that act; others may have names of their own."""

# clock_timestamp() and not now(): a statement that had to wait for another one's lock looks at the
# row again, and then the time has gone on, too.
_TAKE = """
INSERT INTO failover.lease AS l (name, owner, generation, acquired_at, renewed_at, expires_at)
VALUES (:name, :owner, 1, clock_timestamp(), clock_timestamp(),
        clock_timestamp() + make_interval(secs => :seconds))
ON CONFLICT (name) DO UPDATE
   SET owner = excluded.owner, generation = l.generation + 1, acquired_at = clock_timestamp(),
       renewed_at = clock_timestamp(),
       expires_at = clock_timestamp() + make_interval(secs => :seconds)
 WHERE l.expires_at <= clock_timestamp() OR l.owner = excluded.owner
RETURNING generation
"""
_RENEW = """
UPDATE failover.lease
   SET renewed_at = clock_timestamp(),
       expires_at = clock_timestamp() + make_interval(secs => :seconds)
 WHERE name = :name AND generation = :generation AND expires_at > clock_timestamp()
RETURNING generation
"""
_GIVE_BACK = """
UPDATE failover.lease SET expires_at = clock_timestamp()
 WHERE name = :name AND generation = :generation AND expires_at > clock_timestamp()
"""
# Whoever wants to take the lease has to wait until this transaction has ended.
_FENCE = """
SELECT generation FROM failover.lease
 WHERE name = :name AND generation = :generation AND expires_at > clock_timestamp() FOR SHARE
"""
_READ = """
SELECT owner, generation, acquired_at, renewed_at, expires_at,
       expires_at > clock_timestamp() AS is_held
  FROM failover.lease WHERE name = :name
"""


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """The lease as the database has it."""

    owner: str
    generation: int
    acquired_at: datetime
    renewed_at: datetime
    expires_at: datetime
    is_held: bool
    """False: it has expired, or was given back."""


async def take(
    conn: AsyncConnection, owner: str, seconds: float, *, name: str = NAME
) -> int | None:
    """The new generation; None while somebody else holds it.

    An owner that never heard that it had got the lease need not wait for itself.
    """
    values = {"name": name, "owner": owner, "seconds": seconds}
    generation: int | None = (await conn.execute(text(_TAKE), values)).scalar_one_or_none()
    return generation


async def renew(
    conn: AsyncConnection, generation: int, seconds: float, *, name: str = NAME
) -> bool:
    """Whether it is still held; False: it is lost for good."""
    values = {"name": name, "generation": generation, "seconds": seconds}
    return (await conn.execute(text(_RENEW), values)).scalar_one_or_none() is not None


async def give_back(conn: AsyncConnection, generation: int, *, name: str = NAME) -> None:
    """Others may take it at once. Nothing happens where it is lost already."""
    await conn.execute(text(_GIVE_BACK), {"name": name, "generation": generation})


async def fence(conn: AsyncConnection, generation: int | None, *, name: str = NAME) -> int:
    """The generation, which nobody can end before this transaction does; LeaseLostError."""
    if generation is not None:
        found = await conn.execute(text(_FENCE), {"name": name, "generation": generation})
        if found.first() is not None:
            return generation
    raise LeaseLostError("the lease is lost: another controller acts, or may")


async def read(conn: AsyncConnection, *, name: str = NAME) -> LeaseRow | None:
    """The lease, whoever holds it; None: nobody ever did."""
    row = (await conn.execute(text(_READ), {"name": name})).one_or_none()
    return None if row is None else LeaseRow(*row)
