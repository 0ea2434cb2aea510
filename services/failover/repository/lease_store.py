"""The lease in PostgreSQL: each question is a transaction of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.repository import leases

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class PostgresLeases:
    """Implements `LeaseStore` with the row of one name."""

    def __init__(self, engine: AsyncEngine, *, name: str = leases.NAME) -> None:
        self._engine = engine
        self._name = name

    async def take(self, owner: str, seconds: float) -> int | None:
        """See `LeaseStore`."""
        async with self._engine.begin() as conn:
            return await leases.take(conn, owner, seconds, name=self._name)

    async def renew(self, generation: int, seconds: float) -> bool:
        """See `LeaseStore`."""
        async with self._engine.begin() as conn:
            return await leases.renew(conn, generation, seconds, name=self._name)

    async def give_back(self, generation: int) -> None:
        """See `LeaseStore`."""
        async with self._engine.begin() as conn:
            await leases.give_back(conn, generation, name=self._name)
