"""The journal of plans: what is to be done, what was begun, what came of it.

Nothing is ever sent that is not in the journal first, and whoever finds a running plan in it can
carry it on. Each write names the generation of the lease under which it is made, and none is
taken once the lease is another's. Moments are the journal's, not the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from services.failover.policy.model import StepKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from services.failover.acting.actuator import Request
    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Plan, Site, Step


class StoppedError(Exception):
    """Nothing more may be done here now; what was begun stays in the journal."""


class LeaseLostError(StoppedError):
    """The lease is gone: whoever holds it carries on."""


class PlanInFlightError(Exception):
    """There is a plan under way already."""


class PlanState(Enum):
    """What became of a plan."""

    RUNNING = "running"
    DONE = "done"
    UNDONE = "undone"
    """All is as it was before."""
    RESTING = "resting"
    """It was not finished and could not be undone: more may be announced than there should be."""
    UNCONFIRMED = "unconfirmed"
    """The providers have done all of it, and BMP does not show it."""


class StepState(Enum):
    """How far a step is."""

    PENDING = "pending"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


OBSERVING = frozenset({StepKind.CONFIRM_SEEN, StepKind.CONFIRM_MOVED})
"""The steps that only wait and look."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a plan, or of its undoing."""

    ordinal: int
    step: Step
    is_undo: bool = False
    state: StepState = StepState.PENDING
    request_id: str | None = None
    """None: nothing was sent for it."""
    requests: tuple[Request, ...] = ()
    """All that was to be sent, once more for each time that it was."""
    exchanges: tuple[Mapping[str, object], ...] = ()
    """What went out for it, reads included, and what came back (`Exchange.as_row`)."""
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    detail: str | None = None
    """One sentence: why it failed."""
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan with its timeline."""

    plan_id: str
    target: Site
    reason: str
    steps: tuple[StepRecord, ...]
    begun_at: datetime
    age_s: float
    """Seconds since `begun_at`, when this was read."""
    state: PlanState = PlanState.RUNNING
    asked_by: str | None = None
    """None: nobody asked for it."""
    aborted_by: str | None = None
    """None: nobody wants it to be stopped."""
    decision_id: int | None = None
    ended_at: datetime | None = None
    detail: str | None = None
    alarm: str | None = None
    convergence_s: float | None = None
    """From the first request to the moment that BMP showed the move, in seconds."""

    @property
    def forward(self) -> tuple[StepRecord, ...]:
        """The steps of the plan itself."""
        return tuple(step for step in self.steps if not step.is_undo)

    def after(self, step: StepRecord) -> PlanRecord:
        """The plan with this step as it is now, or one more."""
        others = [one for one in self.steps if one.ordinal != step.ordinal]
        return replace(self, steps=tuple(sorted([*others, step], key=lambda one: one.ordinal)))


class Journal(Protocol):
    """Each write raises LeaseLostError where it may not be made.

    A write that fails otherwise may have been made or not: the plan is then read again, and
    carried on from there. So each may be repeated.
    """

    async def open(
        self, plan_id: str, plan: Plan, *, asked_by: str | None, decision_id: int | None
    ) -> PlanRecord:
        """A new plan. PlanInFlightError where another one is running."""
        ...

    async def begin(
        self, plan_id: str, ordinal: int, request_id: str | None, requests: Sequence[Request]
    ) -> StepRecord:
        """These requests are about to be sent. A step that had a request id keeps it."""
        ...

    async def heard(
        self, plan_id: str, ordinal: int, exchanges: Sequence[Mapping[str, object]]
    ) -> StepRecord:
        """These were sent for the step, and answered so; after those that are there already."""
        ...

    async def finish(
        self,
        plan_id: str,
        ordinal: int,
        state: StepState,
        evidence: Mapping[str, object],
        detail: str | None = None,
    ) -> StepRecord:
        """The step is done, or has failed. One that was never begun begins and ends now."""
        ...

    async def undo(self, plan_id: str, ordinal: int, step: Step) -> StepRecord:
        """One more step, which takes back another one; the one that is there already, if any."""
        ...

    async def close(
        self,
        plan_id: str,
        state: PlanState,
        *,
        detail: str,
        alarm: str | None,
        convergence_s: float | None,
    ) -> PlanRecord:
        """The plan has ended."""
        ...

    async def sent(self, step: Step, *, within_s: float) -> tuple[Earlier, ...]:
        """Steps of any plan, of the same kind and site, for which something may have been sent.

        Those that ended within so many seconds, or have not. A read, which needs no lease.
        """
        ...

    async def aborted(self, plan_id: str) -> str | None:
        """Who wants the plan to be stopped, and why; None: nobody, or it cannot be read now."""
        ...

    async def running(self) -> PlanRecord | None:
        """The plan that is under way, if there is one. A read, which needs no lease."""
        ...
