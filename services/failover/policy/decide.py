"""Whether to switch, and why or why not. A function of what is handed in, and of nothing else.

So a decision that was recorded with its situation can be made again, also with other limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

from services.failover.policy import rules
from services.failover.policy.model import Health, Site
from services.failover.policy.plan import switch
from services.failover.policy.states import StateCode, determine_state_code, usable

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from services.failover.policy.model import Inputs, Plan, Posture
    from services.failover.policy.rules import Reach, Violation

HOME = Site.LOCAL
"""Where traffic belongs when both sites are well."""


class Mode(Enum):
    """What an override wants."""

    LOCAL = "local"
    REMOTE = "remote"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's word, for a while. A switchover is one that ends when it is done."""

    mode: Mode
    owner: str
    reason: str
    until: datetime
    lifted_rules: frozenset[str] = frozenset()
    is_practice: bool = False
    """It is only tried whether it works."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is done by itself, for a while."""

    owner: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """How careful to be."""

    hold_down: timedelta
    """How long the reason for a failover must have lasted."""
    failback: Literal["manual", "auto"]
    failback_hold_down: timedelta
    """How long the home site must have been well before an automatic failback."""
    min_interval: timedelta
    """Between two switches that nobody asked for."""
    max_flips: int
    """So many of those within `flip_window`; then a person has to look."""
    flip_window: timedelta
    max_posture_age: timedelta
    warm_up_cycles: int
    withdraws: bool = True


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision is made of."""

    inputs: Inputs
    posture: Posture | None
    reach: Reach
    is_leader: bool
    plan_in_flight: bool
    cycles: int
    """Since this process began to lead."""
    flips: tuple[datetime, ...] = ()
    """Switches that nobody asked for and nobody has acknowledged."""
    override: Override | None = None
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes of a situation, in words."""

    state: StateCode
    rule: str
    """The rule that fired, or that blocked."""
    sentence: str
    plan: Plan | None = None
    """None: hold."""
    is_alarm: bool = False
    violations: tuple[Violation, ...] = ()


def decide(situation: Situation, limits: Limits) -> Decision:
    """Holds, or says where to go and how."""
    return _Deciding(situation, limits).decide()


class _Deciding:
    def __init__(self, situation: Situation, limits: Limits) -> None:
        self.it = situation
        self.limits = limits
        self.now = situation.inputs.at
        inputs = situation.inputs
        self.usable = {
            site: usable(inputs.service[site].health, inputs.bgp[site].health) for site in Site
        }
        self.state = determine_state_code(
            self.usable[Site.LOCAL],
            inputs.service[Site.REMOTE].health,
            inputs.bgp[Site.REMOTE].health,
        )

    def decide(self) -> Decision:
        posture = self.it.posture
        if posture is None or self.now - posture.at > self.limits.max_posture_age:
            return self.standing() or self.alarm(
                "posture_unknown", "how the providers stand could not be read"
            )
        return self.standing() or self.ordered(posture) or self.waiting() or self.by_health(posture)

    def standing(self) -> Decision | None:
        """What forbids anything, an operator's word included."""
        if not self.it.is_leader:
            return self.hold("not_leader", "another controller leads; this one only watches")
        if self.it.plan_in_flight:
            return self.hold("plan_in_flight", "a plan is under way, and never two at a time")
        return None

    def ordered(self, posture: Posture) -> Decision | None:
        """What an operator said."""
        override = self.it.override
        if override is None or override.until <= self.now:
            return None
        return self.overridden(posture, override)

    def waiting(self) -> Decision | None:
        """What forbids to act without an operator's word."""
        pause = self.it.pause
        if pause is not None and pause.until > self.now:
            return self.hold(
                "paused", f"{pause.owner} paused it until {_time(pause.until)}: {pause.reason}"
            )
        if self.it.cycles < self.limits.warm_up_cycles:
            watched = f"{self.it.cycles} of the {self.limits.warm_up_cycles} first cycles"
            return self.hold("warming_up", f"it only watches at first, and did for {watched}")
        return None

    def overridden(self, posture: Posture, override: Override) -> Decision:
        rule = "practice" if override.is_practice else "override"
        said = f"{override.owner} said {override.mode.value} until {_time(override.until)}"
        if override.mode is Mode.HOLD:
            return self.hold(rule, f"{said}: {override.reason}")
        target = Site(override.mode.value)
        if override.is_practice and self.usable[target] is Health.UNKNOWN:
            return self.alarm(
                rule,
                f"{said}, but nothing certain is known of the {target.value} site: everything "
                "stays",
            )
        if settled(posture, withdraws=self.limits.withdraws) is target:
            return self.hold(rule, f"{said}, and so it is: {override.reason}")
        return self.go(posture, target, rule, f"{said}: {override.reason}")

    def by_health(self, posture: Posture) -> Decision:
        site = serving(posture)
        if site is None:
            return self.nobody_serves(posture)
        here, there = self.usable[site], self.usable[site.other]
        if here is Health.HEALTHY:
            return self.well(posture, site)
        if here is Health.UNKNOWN:
            about = "either site" if there is Health.UNKNOWN else f"the {site.value} site"
            return self.alarm("blind", f"nothing certain is known of {about}: everything stays")
        if there is Health.HEALTHY:
            return self.failover(posture, site.other)
        return self.nowhere_to_go(site, there)

    def nobody_serves(self, posture: Posture) -> Decision:
        if True in posture.advertised.values() or None in posture.advertised.values():
            what = posture.detail or "the providers do not agree"
            return self.alarm("posture_unclear", f"which site serves is not clear: {what}")
        return self.alarm(
            "nothing_advertised",
            "no site announces the prefix, and it was not this controller that withdrew it; "
            "choose a site with PUT /api/v1/failover/override",
        )

    def nowhere_to_go(self, site: Site, there: Health) -> Decision:
        if there is Health.UNHEALTHY:
            return self.alarm("both_unhealthy", "neither site is well: to move would help nobody")
        return self.alarm(
            "other_unknown",
            f"the {site.value} site is not well, but of the {site.other.value} site "
            "nothing certain is known",
        )

    def well(self, posture: Posture, site: Site) -> Decision:
        is_away = site is not HOME and self.usable[HOME] is Health.HEALTHY
        if is_away and self.limits.failback == "auto":
            return self.gated(
                posture,
                HOME,
                "failback",
                f"the {HOME.value} site is well again",
                self.limits.failback_hold_down,
            )
        said = f"the {site.value} site serves and is well"
        if settled(posture, withdraws=self.limits.withdraws) is not site:
            return self.alarm(
                "not_at_rest",
                f"{said}, but {_unsettled(posture, site)}; "
                "PUT /api/v1/failover/override puts it right",
            )
        if not is_away:
            return self.hold("all_well", said)
        return self.hold(
            "failback_is_manual",
            f"the {HOME.value} site is well again; "
            "POST /api/v1/failover/switchover takes the traffic back",
        )

    def failover(self, posture: Posture, target: Site) -> Decision:
        reason = f"the {target.other.value} site is not well and the {target.value} site is"
        return self.gated(posture, target, "failover", reason, self.limits.hold_down)

    def gated(
        self, posture: Posture, target: Site, rule: str, reason: str, hold_down: timedelta
    ) -> Decision:
        """A switch that nobody asked for has to wait, and to be rare."""
        lasted = self.now - self.since(rule, target)
        if lasted < hold_down:
            return self.hold(
                "hold_down", f"{reason} for {_seconds(lasted)}; {_seconds(hold_down)} are needed"
            )
        flips = [at for at in self.it.flips if self.now - at < self.limits.flip_window]
        if len(flips) >= self.limits.max_flips:
            return self.alarm(
                "flip_budget",
                f"{reason}, but {len(flips)} switches within {_seconds(self.limits.flip_window)} "
                "are enough: POST /api/v1/failover/ack when somebody has looked",
            )
        if flips and self.now - max(flips) < self.limits.min_interval:
            return self.hold(
                "min_interval",
                f"{reason}, but the last switch was only {_seconds(self.now - max(flips))} ago",
            )
        return self.go(posture, target, rule, reason)

    def since(self, rule: str, target: Site) -> datetime:
        """Since when there has been a reason: the old site ill, or the new one well."""
        inputs = self.it.inputs
        site = target if rule == "failback" else target.other
        wanted = Health.HEALTHY if rule == "failback" else Health.UNHEALTHY
        moments = [
            verdict.since or self.now
            for verdict in (inputs.service[site], inputs.bgp[site])
            if verdict.health is wanted
        ]
        # Well only since the last became well; ill since the first became ill.
        return max(moments) if rule == "failback" else min(moments)

    def go(self, posture: Posture, target: Site, rule: str, reason: str) -> Decision:
        plan = switch(posture, target, reason=reason, withdraws=self.limits.withdraws)
        broken = rules.violations(posture, plan, self.usable, self.it.reach)
        lifted = self.it.override.lifted_rules if rule == "override" and self.it.override else ()
        if stopping := [
            one for one in broken if one.rule in rules.NEVER_LIFTED or one.rule not in lifted
        ]:
            why = "; ".join(one.sentence for one in stopping)
            return Decision(
                self.state, stopping[0].rule, f"{reason}, but {why}", None, True, broken
            )
        return Decision(
            self.state, rule, f"{reason}: to the {target.value} site", plan, False, broken
        )

    def hold(self, rule: str, sentence: str) -> Decision:
        return Decision(self.state, rule, sentence)

    def alarm(self, rule: str, sentence: str) -> Decision:
        return Decision(self.state, rule, sentence, is_alarm=True)


def serving(posture: Posture) -> Site | None:
    """The site that traffic goes to: the preferred one, or the only one announced."""
    if posture.preferred is not None and posture.advertised[posture.preferred] is True:
        return posture.preferred
    announced = [site for site in Site if posture.advertised[site] is True]
    certain = None not in posture.advertised.values()
    return announced[0] if len(announced) == 1 and certain else None


def settled(posture: Posture, *, withdraws: bool) -> Site | None:
    """The site that serves where a switch to it would find nothing to do."""
    if withdraws:
        return posture.active
    site = posture.preferred
    return site if site is not None and posture.advertised[site] is True else None


def _unsettled(posture: Posture, site: Site) -> str:
    """Why a site that serves is not settled."""
    if posture.preferred is not site:
        return "the routes to it are not preferred"
    also = "is" if posture.advertised[site.other] else "may be"
    return f"the {site.other.value} site {also} announced too"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
