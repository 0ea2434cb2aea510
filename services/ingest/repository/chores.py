"""Who does what has to be done now and then, and by one process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.ingest.database import Conn


async def claim(conn: Conn, name: str, seconds: float) -> bool:
    """Whether it was last begun so long ago; then it counts as begun now, by the caller.

    The first time is that long after the first call: a start has enough to do. A clock that went
    back does not keep a task from being done.
    """
    found = await conn.fetchval(
        """
        INSERT INTO rib.chore AS c (name, begun_at) VALUES ($1, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET begun_at = EXCLUDED.begun_at
         WHERE c.begun_at <= EXCLUDED.begun_at - make_interval(secs => $2)
            OR c.begun_at > EXCLUDED.begun_at + make_interval(secs => $2)
        RETURNING xmax <> 0
        """,
        name,
        seconds,
    )
    return bool(found)
