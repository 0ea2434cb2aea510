"""Both journals, each with a lease that can be taken away."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from services.failover.acting.memory import MemoryJournal
from services.failover.repository import leases
from services.failover.repository.journal import PostgresJournal

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.failover.acting.journal import Journal

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Ticking:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Held(Protocol):
    """A journal under a lease."""

    @property
    def journal(self) -> Journal: ...

    async def take_over(self) -> Journal:
        """Another one's journal: the lease of the first is gone."""
        ...


class HeldInMemory:
    """Implements `Held`."""

    def __init__(self) -> None:
        self._generation = 1
        self._now = Ticking()
        self.journal = MemoryJournal(self._now, lambda: self._generation == 1)

    async def take_over(self) -> Journal:
        self._generation = 2
        other = MemoryJournal(self._now)
        other.plans = self.journal.plans
        return other


class HeldInPostgres:
    """Implements `Held`."""

    def __init__(self, engine: AsyncEngine, generation: int) -> None:
        self._engine = engine
        self._generation = generation
        self.journal = PostgresJournal(engine, lambda: generation)

    async def take_over(self) -> Journal:
        async with self._engine.begin() as conn:
            await leases.give_back(conn, self._generation)
            generation = await leases.take(conn, "another", 60)
        return PostgresJournal(self._engine, lambda: generation)


def new_id() -> str:
    """A UUID."""
    return str(uuid.uuid4())
