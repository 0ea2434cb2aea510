"""A journal that ends with the process: for rehearsals and models, never for earnest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.failover.acting.earlier import Earlier
from services.failover.acting.journal import (
    LeaseLostError,
    PlanInFlightError,
    PlanRecord,
    PlanState,
    StepRecord,
    StepState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from services.failover.acting.actuator import Request
    from services.failover.policy.model import Plan, Step


class MemoryJournal:
    """Implements `Journal`; `may_write` says whether the lease is still the writer's."""

    def __init__(
        self, now: Callable[[], datetime], may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._now = now
        self._may_write = may_write
        self.plans: dict[str, PlanRecord] = {}
        self.aborts: dict[str, str] = {}
        """By plan, who wants it to be stopped, and why."""

    async def open(
        self, plan_id: str, plan: Plan, *, asked_by: str | None, decision_id: int | None
    ) -> PlanRecord:
        """See `Journal`."""
        self._fence()
        if plan_id in self.plans:
            return self.plans[plan_id]
        if await self.running() is not None:
            raise PlanInFlightError
        steps = tuple(StepRecord(number, step) for number, step in enumerate(plan.steps))
        return self._keep(
            PlanRecord(
                plan_id,
                plan.target,
                plan.reason,
                steps,
                self._now(),
                0.0,
                asked_by=asked_by,
                decision_id=decision_id,
            )
        )

    async def begin(
        self, plan_id: str, ordinal: int, request_id: str | None, requests: Sequence[Request]
    ) -> StepRecord:
        """See `Journal`."""
        it = self._step(plan_id, ordinal)
        return self._put(
            plan_id,
            replace(
                it,
                state=StepState.BEGUN,
                request_id=it.request_id or request_id,
                requests=(*it.requests, *requests),
                begun_at=it.begun_at or self._now(),
            ),
        )

    async def heard(
        self, plan_id: str, ordinal: int, exchanges: Sequence[Mapping[str, object]]
    ) -> StepRecord:
        """See `Journal`."""
        it = self._step(plan_id, ordinal)
        return self._put(plan_id, replace(it, exchanges=(*it.exchanges, *exchanges)))

    async def finish(
        self,
        plan_id: str,
        ordinal: int,
        state: StepState,
        evidence: Mapping[str, object],
        detail: str | None = None,
    ) -> StepRecord:
        """See `Journal`."""
        it, now = self._step(plan_id, ordinal), self._now()
        return self._put(
            plan_id,
            replace(
                it,
                state=state,
                begun_at=it.begun_at or now,
                ended_at=now,
                detail=detail,
                evidence=dict(evidence),
            ),
        )

    async def undo(self, plan_id: str, ordinal: int, step: Step) -> StepRecord:
        """See `Journal`."""
        self._fence()
        there = [one for one in self.plans[plan_id].steps if one.ordinal == ordinal]
        return self._put(plan_id, there[0] if there else StepRecord(ordinal, step, is_undo=True))

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
        self._fence()
        return self._keep(
            replace(
                self.plans[plan_id],
                state=state,
                ended_at=self._now(),
                detail=detail,
                alarm=alarm,
                convergence_s=convergence_s,
            )
        )

    async def sent(self, step: Step, *, within_s: float) -> tuple[Earlier, ...]:
        """See `Journal`."""
        now = self._now()
        found = [
            Earlier(one, (now - (one.ended_at or now)).total_seconds())
            for plan in self.plans.values()
            for one in plan.steps
            if one.request_id and (one.step.kind, one.step.site) == (step.kind, step.site)
        ]
        return tuple(one for one in found if one.age_s < within_s)

    async def aborted(self, plan_id: str) -> str | None:
        """See `Journal`."""
        return self.aborts.get(plan_id)

    async def running(self) -> PlanRecord | None:
        """See `Journal`."""
        found = [one for one in self.plans.values() if one.state is PlanState.RUNNING]
        return self._aged(found[0]) if found else None

    def _fence(self) -> None:
        if not self._may_write():
            raise LeaseLostError("another controller holds the lease")

    def _step(self, plan_id: str, ordinal: int) -> StepRecord:
        self._fence()
        return next(one for one in self.plans[plan_id].steps if one.ordinal == ordinal)

    def _put(self, plan_id: str, step: StepRecord) -> StepRecord:
        self._keep(self.plans[plan_id].after(step))
        return step

    def _keep(self, plan: PlanRecord) -> PlanRecord:
        self.plans[plan.plan_id] = plan
        return self._aged(plan)

    def _aged(self, plan: PlanRecord) -> PlanRecord:
        return replace(plan, age_s=(self._now() - plan.begun_at).total_seconds())
