"""Carries out a plan: one step at a time, looked at before and after, written down first.

A step is done when its effect is seen, not when a provider says that it was done. A crash at any
moment leaves a journal from which another executor carries on: it looks first, and sends again
only what is not there, with the request id of the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from services.failover.acting import outcome
from services.failover.acting.actuator import ActionError, Done, NotDone
from services.failover.acting.journal import (
    OBSERVING,
    PlanState,
    StepState,
    StoppedError,
)
from services.failover.acting.sending import Sender, Sent, StepFailedError
from services.failover.policy.model import StepKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from services.failover.acting.actuator import Actuator
    from services.failover.acting.journal import Journal, PlanRecord, StepRecord
    from services.failover.policy.model import Plan, Step

log = structlog.get_logger(__name__)


class Confirmation(Protocol):
    """Eyes that are not the provider's."""

    async def confirm(self, step: Step, *, since: datetime) -> Done | NotDone:
        """Whether a CONFIRM step's effect is seen by what is newer than `since`.

        Raises ActionError where nobody can say: that is no evidence either way.
        """
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient to be, in seconds."""

    deadlines: Mapping[StepKind, float]
    """How long a step may take until its effect is seen."""
    poll: float
    """Between two looks."""
    plan: float
    """A plan that began longer ago and was interrupted is not carried on: nothing of it is sent
    any more but what takes it back."""


@dataclass(frozen=True, slots=True)
class _Unseen:
    """It could not be looked."""

    detail: str


class Executor:
    """One plan at a time. Whatever the journal raises ends the work, and leaves it as it is."""

    def __init__(
        self,
        journal: Journal,
        actuators: Mapping[StepKind, Actuator],
        confirmation: Confirmation,
        *,
        timing: Timing,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        new_id: Callable[[], str],
        may_go_on: Callable[[], bool],
    ) -> None:
        """`clock` gives monotonic seconds, `new_id` a UUID that was never given before.

        `may_go_on` is asked before each look and each request: False stops here.
        """
        self._journal = journal
        self._actuators = actuators
        self._confirmation = confirmation
        self._timing = timing
        self._clock = clock
        self._sleep = sleep
        self._new_id = new_id
        self._may_go_on = may_go_on
        self._sender = Sender(journal, actuators, new_id=new_id, check=self._check)

    async def carry_out(
        self, plan: Plan, *, asked_by: str | None = None, decision_id: int | None = None
    ) -> PlanRecord:
        """The plan as it ended. Raises StoppedError, PlanInFlightError, and what the journal does.

        `asked_by` is the operator who wants it; None: nobody, so that it counts as a flip.
        """
        self._check()
        record = await self._journal.open(
            self._new_id(), plan, asked_by=asked_by, decision_id=decision_id
        )
        return await self._carry_on(record, is_late=False)

    async def resume(self) -> PlanRecord | None:
        """Carries on with the plan that was left under way, or takes it back; None: there is none.

        Raises as `carry_out`.
        """
        self._check()
        record = await self._journal.running()
        if record is None:
            return None
        is_late = record.age_s > self._timing.plan
        log.info("plan found under way", plan=record.plan_id, age_s=record.age_s, late=is_late)
        return await self._carry_on(record, is_late=is_late)

    async def _carry_on(self, record: PlanRecord, *, is_late: bool) -> PlanRecord:
        for it in record.forward:
            ended = it
            if it.state not in (StepState.DONE, StepState.FAILED):
                ended = await self._step(record, it, is_late=is_late)
                record = record.after(ended)
            if ended.state is StepState.FAILED:
                return await self._failed(record, ended)
        return await self._close(record, PlanState.DONE, f"the {record.target.value} site serves")

    async def _failed(self, record: PlanRecord, failed: StepRecord) -> PlanRecord:
        said, name = outcome.sentence(failed), outcome.alarm(failed)
        if failed.step.kind is StepKind.CONFIRM_MOVED:
            return await self._close(record, PlanState.UNCONFIRMED, said, name)
        if failed.step.kind is StepKind.WITHDRAW and not outcome.is_aborted(failed):
            rest = f"{said}; both sites are announced, or may be"
            return await self._close(record, PlanState.RESTING, rest, name)
        return await self._undo(record, said, name)

    async def _undo(self, record: PlanRecord, said: str, name: str) -> PlanRecord:
        steps = outcome.undoing(record)
        if steps is None:
            rest = f"{said}; what was announced before is not known, so nothing is withdrawn"
            return await self._close(record, PlanState.RESTING, rest, name)
        for ordinal, step in enumerate(steps, start=len(record.forward)):
            it = await self._journal.undo(record.plan_id, ordinal, step)
            record = record.after(it)
            if it.state not in (StepState.DONE, StepState.FAILED):
                it = await self._step(record, it, is_late=False)
                record = record.after(it)
            if it.state is StepState.FAILED:
                rest = f"{said}; it could not be undone, since {outcome.sentence(it)}"
                return await self._close(record, PlanState.RESTING, rest, name)
        return await self._close(record, PlanState.UNDONE, f"{said}; all is as before", name)

    async def _close(
        self, record: PlanRecord, state: PlanState, detail: str, alarm: str | None = None
    ) -> PlanRecord:
        self._check()
        took = outcome.convergence(record) if state is PlanState.DONE else None
        ended = await self._journal.close(
            record.plan_id, state, detail=detail, alarm=alarm, convergence_s=took
        )
        say = log.info if alarm is None else log.error
        say(
            "plan ended",
            plan=record.plan_id,
            state=state.value,
            detail=detail,
            alarm=alarm,
            convergence_s=took,
        )
        return ended

    async def _step(self, record: PlanRecord, it: StepRecord, *, is_late: bool) -> StepRecord:
        log.info("step", plan=record.plan_id, step=outcome.named(it.step), undo=it.is_undo)
        state, detail = StepState.DONE, None
        try:
            evidence = await self._until_so(record, it, is_late=is_late)
        except StepFailedError as failed:
            state, detail, evidence = StepState.FAILED, str(failed), failed.evidence
            log.warning("step failed", step=outcome.named(it.step), reason=detail)
        self._check()
        ended = await self._journal.finish(record.plan_id, it.ordinal, state, evidence, detail)
        if state is StepState.DONE:
            log.info("step done", plan=record.plan_id, step=outcome.named(it.step))
        return ended

    async def _until_so(
        self, record: PlanRecord, it: StepRecord, *, is_late: bool
    ) -> Mapping[str, object]:
        """The evidence that a step's effect is there; makes it so where that is its business."""
        is_observing = it.step.kind in OBSERVING
        sent, is_out = Sent(may_be_sent=not is_observing), it.request_id is not None
        not_before = self._clock()
        deadline = self._clock() + (0.0 if is_late else self._timing.deadlines[it.step.kind])
        if is_observing:
            self._check()
            await self._journal.begin(record.plan_id, it.ordinal, None, ())
        while True:
            await self._heed(record, it, is_out=is_out)
            seen = await self._look(record, it)
            if isinstance(seen, Done):
                return seen.evidence
            if is_late or self._clock() >= deadline:
                raise _not_so(seen, sent, is_late=is_late)
            may_send = sent.may_be_sent and self._clock() >= not_before
            if may_send and isinstance(seen, NotDone):
                sent = await self._sender.send(record, it)
                is_out = is_out or sent.went_out
                if not sent.may_be_sent:
                    continue
                not_before = self._clock() + (sent.wait or 0.0)
            await self._sleep(self._timing.poll)

    async def _heed(self, record: PlanRecord, it: StepRecord, *, is_out: bool) -> None:
        """A plan that somebody wants to be stopped fails here, where it can be taken back."""
        if outcome.may_be_aborted(it, is_out=is_out):
            said = await self._journal.aborted(record.plan_id)
            if said is not None:
                raise StepFailedError(said, outcome.ABORTED, {})

    async def _look(self, record: PlanRecord, it: StepRecord) -> Done | NotDone | _Unseen:
        self._check()
        try:
            if it.step.kind in OBSERVING:
                since = outcome.acted_at(record, it.ordinal)
                return await self._confirmation.confirm(it.step, since=since)
            seen = await self._actuators[it.step.kind].verify(it.step)
            return seen if isinstance(seen, NotDone) else await self._sender.lasting(it.step)
        except ActionError as error:
            return _Unseen(str(error))

    def _check(self) -> None:
        if not self._may_go_on():
            raise StoppedError("the lease is lost, or it was told to stop")


def _not_so(seen: NotDone | _Unseen, sent: Sent, *, is_late: bool) -> StepFailedError:
    late = "the plan was interrupted too long ago to be carried on, and " if is_late else ""
    detail = f"{late}{seen.detail}{f'; {sent.trouble}' if sent.trouble else ''}"
    if isinstance(seen, NotDone):
        return StepFailedError(detail, outcome.SAYS_NO, seen.evidence)
    return StepFailedError(detail, outcome.CANNOT_SAY, {})
