"""The journal of plans in PostgreSQL: each write is a transaction of its own, under the lease."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.failover.acting.journal import PlanInFlightError
from services.failover.repository import leases, plans
from shared.db.errors import is_away

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from services.failover.acting.actuator import Request
    from services.failover.acting.earlier import Earlier
    from services.failover.acting.journal import PlanRecord, PlanState, StepRecord, StepState
    from services.failover.policy.model import Plan, Step


class PostgresJournal:
    """Implements `Journal`; `generation` is that of the lease that is held now, None without."""

    def __init__(
        self,
        engine: AsyncEngine,
        generation: Callable[[], int | None],
        *,
        lease: str = leases.NAME,
    ) -> None:
        self._engine = engine
        self._generation = generation
        self._lease = lease

    async def open(
        self, plan_id: str, plan: Plan, *, asked_by: str | None, decision_id: int | None
    ) -> PlanRecord:
        """See `Journal`."""
        async with self._writing() as (conn, generation):
            await plans.insert(
                conn,
                plan_id,
                plan,
                asked_by=asked_by,
                decision_id=decision_id,
                generation=generation,
            )
            record = await plans.read(conn, plan_id)
        if record is None:
            raise PlanInFlightError("another plan is under way")
        return record

    async def begin(
        self, plan_id: str, ordinal: int, request_id: str | None, requests: Sequence[Request]
    ) -> StepRecord:
        """See `Journal`."""
        async with self._writing() as (conn, generation):
            return await plans.begin_step(
                conn,
                plan_id,
                ordinal,
                request_id=request_id,
                requests=requests,
                generation=generation,
            )

    async def heard(
        self, plan_id: str, ordinal: int, exchanges: Sequence[Mapping[str, object]]
    ) -> StepRecord:
        """See `Journal`."""
        async with self._writing() as (conn, generation):
            return await plans.add_exchanges(
                conn, plan_id, ordinal, exchanges=exchanges, generation=generation
            )

    async def finish(
        self,
        plan_id: str,
        ordinal: int,
        state: StepState,
        evidence: Mapping[str, object],
        detail: str | None = None,
    ) -> StepRecord:
        """See `Journal`."""
        async with self._writing() as (conn, generation):
            return await plans.finish_step(
                conn,
                plan_id,
                ordinal,
                state=state,
                evidence=evidence,
                detail=detail,
                generation=generation,
            )

    async def undo(self, plan_id: str, ordinal: int, step: Step) -> StepRecord:
        """See `Journal`."""
        async with self._writing() as (conn, generation):
            await plans.add_step(conn, plan_id, ordinal, step, is_undo=True, generation=generation)
            record = await self._plan(conn, plan_id)
        return next(one for one in record.steps if one.ordinal == ordinal)

    async def close(
        self,
        plan_id: str,
        state: PlanState,
        *,
        detail: str,
        alarm: str | None,
        convergence_s: float | None,
    ) -> PlanRecord:
        """See `Journal`."""
        async with self._writing() as (conn, generation):
            await plans.close(
                conn,
                plan_id,
                state=state,
                detail=detail,
                alarm=alarm,
                convergence_s=convergence_s,
                generation=generation,
            )
            return await self._plan(conn, plan_id)

    async def sent(self, step: Step, *, within_s: float) -> tuple[Earlier, ...]:
        """See `Journal`."""
        async with self._engine.connect() as conn:
            return await plans.sent(conn, step, within_s=within_s)

    async def aborted(self, plan_id: str) -> str | None:
        """See `Journal`."""
        try:
            async with self._engine.connect() as conn:
                return await plans.aborted(conn, plan_id)
        except Exception as error:
            if not is_away(error):
                raise
            return None

    async def running(self) -> PlanRecord | None:
        """See `Journal`."""
        async with self._engine.connect() as conn:
            return await plans.running(conn)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[tuple[AsyncConnection, int]]:
        async with self._engine.begin() as conn:
            yield conn, await leases.fence(conn, self._generation(), name=self._lease)

    async def _plan(self, conn: AsyncConnection, plan_id: str) -> PlanRecord:
        record = await plans.read(conn, plan_id)
        if record is None:
            raise LookupError(f"plan {plan_id} is not in the journal")
        return record
