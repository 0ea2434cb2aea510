"""Sends what a step needs, once that is safe and written down.

Safe is what does not withdraw the last announcement, and does not lead traffic to where nothing is
announced, now and by all that was sent before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from services.failover.acting import outcome
from services.failover.acting.actuator import (
    ActionError,
    NotDone,
    OutcomeUnknownError,
    StillUnderWayError,
)
from services.failover.acting.earlier import NUMBER, WITHIN_SECONDS, opposite
from services.failover.acting.exchanges import recording, writing_only_if
from services.failover.policy.model import Step, StepKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.failover.acting.actuator import Actuator, Done
    from services.failover.acting.exchanges import Exchange
    from services.failover.acting.journal import Journal, PlanRecord, StepRecord

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending, or of trying to."""

    may_be_sent: bool
    """Once more, where the effect does not show."""
    trouble: str | None = None
    wait: float | None = None
    """Seconds that have to go by before that."""
    went_out: bool = True
    """Whether a request may have been sent."""


class StepFailedError(Exception):
    """A step whose effect is not there, and will not be."""

    def __init__(self, detail: str, seen: str, evidence: Mapping[str, object]) -> None:
        super().__init__(detail)
        self.evidence = {**evidence, outcome.SEEN: seen}


class Sender:
    """Sends for one executor."""

    def __init__(
        self,
        journal: Journal,
        actuators: Mapping[StepKind, Actuator],
        *,
        new_id: Callable[[], str],
        check: Callable[[], None],
    ) -> None:
        """`check` raises where nothing may be sent any more; it is asked before each request."""
        self._journal = journal
        self._actuators = actuators
        self._new_id = new_id
        self._check = check

    async def lasting(self, step: Step) -> Done | NotDone:
        """Whether it is so, and stays so by all that is known.

        What is under way is asked for first: what ends meanwhile is seen by the look after that.
        """
        actuator, against = self._actuators[step.kind], opposite(step)
        earlier = await self._journal.sent(against, within_s=WITHIN_SECONDS)
        if pending := await actuator.pending(against, earlier):
            raise StillUnderWayError(f"{outcome.named(step)} would not last: {pending}")
        self._check()
        return await actuator.verify(step)

    async def send(self, record: PlanRecord, it: StepRecord) -> Sent:
        """What came of it. Raises StepFailedError where it is never to be sent.

        Right before it, what the step needs is looked at once more; it is written down first.
        """
        actuator = self._actuators[it.step.kind]
        try:
            requests = await actuator.preview(it.step)
        except ActionError as error:
            if not error.may_pass:
                raise StepFailedError(str(error), outcome.CANNOT_SAY, {}) from error
            return _put_off(it.step, error)
        needed = _needed(it.step)
        if needed is not None and (blind := await self._guard(it.step, needed)):
            return blind
        self._check()
        begun = await self._journal.begin(
            record.plan_id, it.ordinal, it.request_id or self._new_id(), requests
        )
        if begun.request_id is None:
            raise LookupError("the journal did not keep the request id")
        self._check()
        try:
            await self._apply(record, begun, begun.request_id)
        except OutcomeUnknownError as error:
            log.warning("outcome unknown", step=outcome.named(it.step), reason=str(error))
            return Sent(error.is_repeatable, str(error))
        except ActionError as error:
            if error.may_pass:
                return replace(_put_off(it.step, error), went_out=True)
            raise StepFailedError(str(error), outcome.CANNOT_SAY, {}) from error
        return Sent(may_be_sent=False)

    async def _apply(self, record: PlanRecord, it: StepRecord, request_id: str) -> None:
        """Also what came of a request that failed is written down. `it` is the step as begun."""
        heard: list[Exchange] = []
        failed: ActionError | None = None
        try:
            with recording(heard.append), writing_only_if(self._check):
                await self._actuators[it.step.kind].apply(it.step, request_id=request_id)
        except ActionError as error:
            failed = error
        if heard:
            self._check()
            rows = [one.as_row() | {NUMBER: len(it.requests)} for one in heard]
            await self._journal.heard(record.plan_id, it.ordinal, rows)
        if failed is not None:
            raise failed

    async def _guard(self, step: Step, needed: Step) -> Sent | None:
        """The provider of what is needed is read at this moment, and nothing that was sent before
        may end it.

        None: it is so.
        """
        self._check()
        try:
            seen = await self.lasting(needed)
        except ActionError as error:
            if error.may_pass:
                return _put_off(step, error)
            why = f"whether the {needed.site.value} site announces cannot be read: {error}"
            raise StepFailedError(why, outcome.CANNOT_SAY, {}) from error
        if isinstance(seen, NotDone):
            why = f"the {needed.site.value} site does not announce the prefix: {seen.detail}"
            raise StepFailedError(why, outcome.SAYS_NO, seen.evidence)
        return None


def _needed(step: Step) -> Step | None:
    """What must be announced when a step is sent: else it would withdraw the last announcement, or
    lead traffic to where somebody has withdrawn it meanwhile."""
    match step.kind:
        case StepKind.WITHDRAW:
            return Step(StepKind.ADVERTISE, step.site.other)
        case StepKind.PREFER:
            return Step(StepKind.ADVERTISE, step.site)
        case _:
            return None


def _put_off(step: Step, error: ActionError) -> Sent:
    """It has not been done, and is tried again as long as there is time."""
    log.warning("step is put off", step=outcome.named(step), reason=str(error), wait_s=error.wait)
    return Sent(may_be_sent=True, trouble=str(error), wait=error.wait, went_out=False)
