"""The names that the live stream has for routers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_HOSTS = "SELECT DISTINCT coalesce(nullif(sys_name, ''), host(address)) FROM rib.router ORDER BY 1"


async def hosts(conn: AsyncConnection) -> list[str]:
    """Each router's name; its address where it has none."""
    return list(await conn.scalars(text(_HOSTS)))
