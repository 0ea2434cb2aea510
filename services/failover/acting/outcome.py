"""What a plan comes to, and what there is to take back. Pure: from the journal's record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.acting.journal import OBSERVING, StepState
from services.failover.policy.model import Step, StepKind

if TYPE_CHECKING:
    from datetime import datetime

    from services.failover.acting.journal import PlanRecord, StepRecord

SEEN, SAYS_NO, CANNOT_SAY = "seen", "no", "unknown"
"""In the evidence of a step that failed: whether its effect was seen not to be there."""
ABORTED = "aborted"
"""Likewise: nobody looked, since somebody wanted it to stop. Also the name of that alarm."""


def undoing(plan: PlanRecord) -> tuple[Step, ...] | None:
    """What takes back all that was sent, in order; None where what was before is not known.

    What was so already, or was never sent, needs none.
    """
    sent = {one.step.kind: one.step for one in plan.forward if one.request_id is not None}
    steps = []
    if (prefer := sent.get(StepKind.PREFER)) and _before(prefer, "preferred") != prefer.site.value:
        steps.append(Step(StepKind.PREFER, prefer.site.other, _back(prefer)))
    if advertise := sent.get(StepKind.ADVERTISE):
        before = _before(advertise, "advertised")
        if before is None:
            return None
        if before is False:
            steps.append(Step(StepKind.WITHDRAW, advertise.site, _back(advertise)))
    return tuple(steps)


def acted_at(plan: PlanRecord, ordinal: int) -> datetime:
    """When the last step before this one that changes something was begun.

    What was seen before then is no evidence of it.
    """
    moments = [
        one.begun_at
        for one in plan.steps
        if one.ordinal < ordinal and one.step.kind not in OBSERVING and one.begun_at is not None
    ]
    return max(moments, default=plan.begun_at)


def convergence(plan: PlanRecord) -> float | None:
    """Seconds from the first request to the last confirmation; None where nothing was sent."""
    sent = [one.begun_at for one in plan.forward if one.request_id and one.begun_at]
    seen = [
        one.ended_at
        for one in plan.forward
        if one.step.kind in OBSERVING and one.state is StepState.DONE and one.ended_at
    ]
    if not sent or not seen:
        return None
    return max((max(seen) - min(sent)).total_seconds(), 0.0)


def alarm(failed: StepRecord) -> str:
    """The name of what is to be told: BMP that denies what the providers say is an own thing."""
    if is_aborted(failed):
        return ABORTED
    if failed.step.kind not in OBSERVING:
        return "step_failed"
    return "bmp_disagrees" if failed.evidence.get(SEEN) == SAYS_NO else "bmp_silent"


def sentence(failed: StepRecord) -> str:
    """What failed, for people."""
    if is_aborted(failed):
        return f"stopped at {named(failed.step)}: {failed.detail}"
    return f"{named(failed.step)} failed: {failed.detail}"


def is_aborted(failed: StepRecord) -> bool:
    """Whether it failed because somebody wanted it to."""
    return failed.evidence.get(SEEN) == ABORTED


def may_be_aborted(step: StepRecord, *, is_out: bool) -> bool:
    """Whether all could still be as before; `is_out`: its request may have been sent.

    What takes something back goes on, and so does what only looks after the last change.
    """
    if step.is_undo or step.step.kind is StepKind.CONFIRM_MOVED:
        return False
    return not (step.step.kind is StepKind.WITHDRAW and is_out)


def named(step: Step) -> str:
    """A step in two words."""
    return f"{step.kind.value} {step.site.value}"


def _before(step: Step, what: str) -> object:
    change = step.diff.get(what)
    return change.get("before") if isinstance(change, dict) else None


def _back(step: Step) -> dict[str, object]:
    """The same change the other way round."""
    return {
        what: {"before": change.get("after"), "after": change.get("before")}
        for what in ("advertised", "preferred")
        if isinstance(change := step.diff.get(what), dict)
    }
