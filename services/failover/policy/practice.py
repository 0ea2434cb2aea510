"""Practice runs: to the other site and back, for no other reason than to see that it works. Pure.

One is begun only when all is well, gives way to anybody's word, and turns back as soon as the site
that it went to is not well. What is under way is always carried to its end first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from services.failover.policy.decide import Mode, Override, decide, settled
from services.failover.policy.model import Health, Role, Site
from services.failover.policy.states import usable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta, tzinfo

    from services.failover.policy.decide import Limits, Situation
    from services.failover.policy.windows import Window

AT_REST = frozenset({"all_well", "failback_is_manual"})
"""The rules of decisions by which there is nothing to be done."""
LEGS = 3
"""So many times as long as a plan may take at worst it may be under way, besides its stay."""


class Phase(Enum):
    """How far it is."""

    PENDING = "pending"
    OUT = "out"
    STAY = "stay"
    BACK = "back"
    ENDED = "ended"


class Outcome(Enum):
    """What came of it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Somebody wanted something else."""
    REFUSED = "refused"
    """Not all was well, so that nothing was done."""
    EXPIRED = "expired"
    """It could not be begun in time."""


@dataclass(frozen=True, slots=True)
class Leg:
    """The plan of a phase."""

    ended_at: datetime | None
    """None: it is under way."""
    is_done: bool = False
    is_undone: bool = False
    """All is as before; neither: it is in between."""
    was_aborted: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Practice:
    """A practice run as it is now."""

    owner: str
    reason: str
    stay: timedelta
    until: datetime
    """Not begun any more afterwards; once begun, not under way any more."""
    phase: Phase = Phase.PENDING
    home: Site | None = None
    """Where it began, and ends."""
    back_at: datetime | None = None
    outcome: Outcome | None = None
    """Before its end: what it will be, whatever else comes of it."""
    detail: str = ""
    leg: Leg | None = None
    """None: the plan of this phase is not begun."""

    @property
    def order(self) -> Override | None:
        """What it is for a decision; None where it is not under way."""
        if self.home is None or self.phase in (Phase.PENDING, Phase.ENDED):
            return None
        target = self.home if self.phase is Phase.BACK else self.home.other
        owner = f"practice run by {self.owner}"
        return Override(Mode(target.value), owner, self.reason, self.until, is_practice=True)

    def ended(self, outcome: Outcome, detail: str) -> Practice:
        """Over."""
        return replace(self, phase=Phase.ENDED, outcome=outcome, detail=detail)


@dataclass(frozen=True, slots=True)
class Around:
    """What else matters to a practice run."""

    leg: timedelta
    """How long a plan may take at worst."""
    plan_alarm: str | None = None
    """Of a plan that nobody has acknowledged."""
    switchover_at: datetime | None = None
    """When an operator wants one to be done."""
    blocked: tuple[Window, ...] = ()
    zone: tzinfo | None = None
    """Of the windows."""


@dataclass(frozen=True, slots=True)
class _Turning:
    it: Practice
    situation: Situation
    limits: Limits
    around: Around

    @property
    def now(self) -> datetime:
        return self.situation.inputs.at

    @property
    def serving(self) -> Site | None:
        """The site that serves alone, as far as is known."""
        posture = self.situation.posture
        if posture is None:
            return None
        return settled(posture, withdraws=self.limits.withdraws)

    def turn(self) -> Practice:
        if self.situation.plan_in_flight:
            return self.it
        if self.it.phase is Phase.PENDING:
            return self.begun()
        if word := self.operators_word():
            return self.it.ended(Outcome.INTERRUPTED, f"{word}; the traffic stays where it is")
        if self.it.until <= self.now:
            return self.it.ended(Outcome.FAILED, self.why("it was not over in time"))
        if self.it.phase is Phase.OUT:
            return self.out()
        return self.stay() if self.it.phase is Phase.STAY else self.back()

    def begun(self) -> Practice:
        it = self.it
        if it.until <= self.now:
            return it.ended(Outcome.EXPIRED, "it could not be begun in time")
        if found := obstacles(self.situation, self.limits, self.around, it.stay):
            return it.ended(Outcome.REFUSED, "; ".join(found))
        until = self.now + it.stay + LEGS * self.around.leg
        return replace(it, phase=Phase.OUT, home=self.serving, until=until)

    def operators_word(self) -> str | None:
        """What goes before it."""
        override, pause = self.situation.override, self.situation.pause
        if override is not None and override.until > self.now:
            return f"{override.owner} said {override.mode.value}: {override.reason}"
        if pause is not None and pause.until > self.now:
            return f"{pause.owner} paused it: {pause.reason}"
        return None

    def out(self) -> Practice:
        it, leg = self.it, self.it.leg
        if leg is None and it.outcome is not None:
            return it.ended(it.outcome, it.detail)  # called off before anything was moved
        if leg is None or leg.ended_at is None:
            return it
        if leg.is_done:
            back_at = leg.ended_at + it.stay
            there = replace(it, phase=Phase.STAY, back_at=back_at, leg=None)
            return replace(self, it=there).stay()
        outcome = Outcome.INTERRUPTED if leg.was_aborted else Outcome.FAILED
        if leg.is_undone:
            return it.ended(outcome, leg.detail)
        return replace(self, it=self.turned_back(outcome, leg.detail)).back()

    def stay(self) -> Practice:
        it, posture = self.it, self.situation.posture
        if it.home is None or it.back_at is None:
            return it.ended(Outcome.FAILED, "it is not known where it began")
        away = it.home.other
        is_new = posture is not None and posture.at > it.back_at - it.stay
        if is_new and self.serving is not away:
            what = f"the {away.value} site does not serve any more, and it was not this run"
            return it.ended(Outcome.INTERRUPTED, what)
        if self.is_ill(away):
            why = f"the {away.value} site was not well"
            return replace(self, it=self.turned_back(Outcome.FAILED, why)).back()
        if it.outcome is not None or it.back_at <= self.now:
            return replace(self, it=self.turned_back(it.outcome, it.detail)).back()
        return it

    def back(self) -> Practice:
        it, leg = self.it, self.it.leg
        if leg is not None and leg.ended_at is not None:
            if leg.is_done:
                return self.home_again()
            outcome = Outcome.INTERRUPTED if leg.was_aborted else Outcome.FAILED
            return it.ended(outcome, self.why(f"it did not come back: {leg.detail}"))
        if leg is None and self.serving is it.home:
            return self.home_again()
        return it

    def home_again(self) -> Practice:
        return self.it.ended(
            self.it.outcome or Outcome.SUCCEEDED, self.why("the traffic went there and came back")
        )

    def turned_back(self, outcome: Outcome | None, detail: str) -> Practice:
        return replace(self.it, phase=Phase.BACK, outcome=outcome, detail=detail, leg=None)

    def is_ill(self, site: Site) -> bool:
        inputs = self.situation.inputs
        health = usable(inputs.service[site].health, inputs.bgp[site].health)
        return health is Health.UNHEALTHY

    def why(self, sentence: str) -> str:
        return f"{self.it.detail}; {sentence}" if self.it.detail else sentence


def turn(practice: Practice, situation: Situation, limits: Limits, around: Around) -> Practice:
    """It as it is by now. `situation` is without it: an override there is an operator's."""
    return _Turning(practice, situation, limits, around).turn()


def obstacles(
    situation: Situation, limits: Limits, around: Around, stay: timedelta
) -> tuple[str, ...]:
    """Why none may begin now; nothing: it may."""
    return tuple(_obstacles(situation, limits, around, stay))


def _obstacles(
    situation: Situation, limits: Limits, around: Around, stay: timedelta
) -> Iterator[str]:
    now, posture = situation.inputs.at, situation.posture
    over = now + stay + LEGS * around.leg
    decision = decide(situation, limits)
    if decision.rule not in AT_REST:
        yield decision.sentence
    elif posture is None or (site := settled(posture, withdraws=limits.withdraws)) is None:
        yield "which site serves is not clear"
    else:
        order = Override(Mode(site.other.value), "a practice run", "", over, is_practice=True)
        if (going := decide(replace(situation, override=order), limits)).plan is None:
            yield going.sentence
    yield from _not_well(situation)
    if flips := [at for at in situation.flips if now - at < limits.flip_window]:
        yield (
            f"the budget of switches is not whole: {len(flips)} of {limits.max_flips} "
            "are used and nobody has looked"
        )
    if around.plan_alarm is not None:
        yield f"an alarm is open: {around.plan_alarm}"
    if around.switchover_at is not None and around.switchover_at <= over:
        yield f"a switchover is to be done at {around.switchover_at:%Y-%m-%dT%H:%M:%SZ}"
    begin, end = now.astimezone(around.zone), over.astimezone(around.zone)
    for window in around.blocked:
        if window.overlaps(begin, end):
            yield f"it would be within {window}, which FAILOVER_PRACTICE_BLOCKED keeps free"


def _not_well(situation: Situation) -> Iterator[str]:
    inputs = situation.inputs
    for role, verdicts in ((Role.SERVICE, inputs.service), (Role.BGP, inputs.bgp)):
        for site in Site:
            if (health := verdicts[site].health) is not Health.HEALTHY:
                yield f"{role.value} of the {site.value} site is {health.value}"
