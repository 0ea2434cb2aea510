"""What we did ourselves, by the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.failover.policy.model import Site

_ACTED = """
SELECT EXISTS (
    SELECT FROM failover.plan_step
     WHERE site = :site AND kind IN ('advertise', 'withdraw') AND request_id IS NOT NULL
       AND coalesce(ended_at, clock_timestamp())
           >= CAST(:since AS timestamptz) - interval '5 seconds'
)
"""


async def acted(conn: AsyncConnection, site: Site, since: datetime) -> bool:
    """Whether a step that changes a site's announcement was under way since then.

    `since` is by another clock than the database's, which are held to be at most 5 s apart.
    """
    found: bool = (
        await conn.execute(text(_ACTED), {"site": site.value, "since": since})
    ).scalar_one()
    return found
