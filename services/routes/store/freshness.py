"""How fresh the store is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection


async def data_as_of(conn: AsyncConnection) -> datetime | None:
    """The last commit of any ingest process."""
    result = await conn.execute(
        text("SELECT max(committed_at) FROM rib.progress WHERE stage = 'current'")
    )
    moment: datetime | None = result.scalar_one()
    return moment
