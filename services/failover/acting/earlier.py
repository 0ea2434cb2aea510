"""What was sent for a step before: it may still take effect. Pure, from the journal alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.failover.acting.journal import StepState
from services.failover.policy.model import Step, StepKind

if TYPE_CHECKING:
    from services.failover.acting.journal import StepRecord

WITHIN_SECONDS = 86_400.0
"""How far back the journal is looked through."""
NUMBER = "number"
"""In an exchange: how many requests of its step had been written down when it was made."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A step for which something was sent, or was about to be."""

    record: StepRecord
    age_s: float
    """Seconds since it ended, by the journal's clock; 0 while it has not."""

    @property
    def operations(self) -> tuple[str, ...]:
        """By which the provider knows what it took, where it said so."""
        ids = [one.get("ids") for one in self.record.exchanges]
        named = [each.get("operation") for each in ids if isinstance(each, dict)]
        return tuple(dict.fromkeys(each for each in named if isinstance(each, str)))

    @property
    def is_in_doubt(self) -> bool:
        """Whether a request of it may be carried out yet, for all that was heard.

        One that had no answer, and one whose sender ended before it could write that down. If the
        effect was seen and there was no other, it was that one's.
        """
        writes = [one for one in self.record.exchanges if one.get("writes")]
        doubtful = sum(bool(one.get("is_in_doubt")) for one in writes)
        # What is heard is written down once for each time that it was sent, reads included.
        heard = {one.get(NUMBER) for one in self.record.exchanges}
        unheard = len(self.record.requests) - len(heard)
        doubts = doubtful + max(unheard, 0)
        was_it = self.record.state is StepState.DONE and doubtful == len(writes)
        return doubts > int(was_it)

    def may_land(self, seconds: float) -> bool:
        """Whether one in doubt may be on its way: it is given up so many seconds after the step."""
        return self.is_in_doubt and self.age_s < seconds


def opposite(step: Step) -> Step:
    """The step that would end the effect of this one."""
    if step.kind is StepKind.PREFER:
        return Step(StepKind.PREFER, step.site.other)
    turned = {StepKind.ADVERTISE: StepKind.WITHDRAW, StepKind.WITHDRAW: StepKind.ADVERTISE}
    return Step(turned[step.kind], step.site)


def lost(step: Step, earlier: Earlier, seconds: float) -> str:
    """A sentence on a request that may be on its way."""
    left = max(0.0, seconds - earlier.age_s)
    return (
        f"a request for {step.kind.value} {step.site.value} of an earlier step "
        f"({earlier.record.request_id}) had no answer, and may be carried out yet; it is given up "
        f"in {left:.0f} s: wait, and try again"
    )
