"""Who acts, among replicas: whoever holds a row of the database for some time, and renews it.

The holder counts its time from before it asked, by its own monotonic clock, and stops a little
early. The database counts from when it was asked, so nobody else can hold the lease by then, as
long as both clocks go about equally fast. Every write of the journal asks the database besides.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from services.failover.acting.journal import LeaseLostError
from shared.db.errors import is_away, reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_EARLY = 0.1
"""Of the lease's time: so much earlier the holder stops, for clocks that are not equally fast."""


class LeaseStore(Protocol):
    """Where the lease is. Whatever it raises means that nobody can say."""

    async def take(self, owner: str, seconds: float) -> int | None:
        """A generation that nobody had before; None while somebody else holds the lease."""
        ...

    async def renew(self, generation: int, seconds: float) -> bool:
        """Whether it is still held; False: it is lost for good."""
        ...

    async def give_back(self, generation: int) -> None:
        """Others may take it at once."""
        ...


class Lease:
    """One process's part in it: `keep` takes and renews it until it is cancelled."""

    def __init__(
        self,
        store: LeaseStore,
        *,
        owner: str,
        seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`owner` names this process alone; `clock` gives monotonic seconds."""
        self.owner = owner
        self.seconds = seconds
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._taken: int | None = None
        self._until = 0.0

    @property
    def generation(self) -> int | None:
        """Of the lease that is held now; None: it is not, or may not be any more."""
        return self._taken if self._clock() < self._until else None

    def is_held(self) -> bool:
        """Whether this process may act now."""
        return self.generation is not None

    async def keep(self) -> None:
        """Takes the lease when it is free, renews it at a third of its time; gives it back."""
        try:
            while True:
                await self.once()
                await self._sleep(self.seconds / 3)
        finally:
            await self.give_back()

    async def once(self) -> None:
        """Takes or renews it. Where nobody can say, what is held stays so until its time is up."""
        try:
            # Longer would be too late for another attempt.
            async with asyncio.timeout(self.seconds / 3):
                await self._take_or_renew()
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("lease cannot be renewed", reason=reason(error), held=self.is_held())

    async def give_back(self) -> None:
        """Others need not wait until it expires."""
        taken, self._taken, self._until = self._taken, None, 0.0
        if taken is None:
            return
        try:
            async with asyncio.timeout(self.seconds / 3):
                await self._store.give_back(taken)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("lease not given back, it will expire", reason=reason(error))
        else:
            log.info("lease given back", generation=taken)

    async def while_held(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What comes of `work`, which is cancelled once the lease is lost: LeaseLostError.

        What it has sent may still have its effect: the journal says that it was begun.
        """
        held = self.generation
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if held is None or self.generation != held:
                    raise LeaseLostError("the lease was lost while something was under way")
                await asyncio.wait({task}, timeout=max(self._until - self._clock(), 0.0))
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _take_or_renew(self) -> None:
        asked_at = self._clock()
        until = asked_at + self.seconds * (1 - _EARLY)
        if self._taken is not None:
            if await self._store.renew(self._taken, self.seconds):
                self._until = until
                return
            log.warning("lease lost", generation=self._taken)
            self._taken, self._until = None, 0.0
        generation = await self._store.take(self.owner, self.seconds)
        if generation is not None:
            self._taken, self._until = generation, until
            log.info("lease taken", generation=generation, owner=self.owner)
