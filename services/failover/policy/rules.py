"""What must hold after a plan, and what a plan may touch. Each rule has a name.

An operator may lift a rule by its name for one command; `one_site_advertised` is never lifted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.failover.policy.model import Health, StepKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.failover.policy.model import Plan, Posture, Site, Step

NEVER_LIFTED = frozenset({"one_site_advertised"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a plan breaks."""

    rule: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Reach:
    """How much a plan may touch, and touches."""

    routes: int
    """Routes of Cloudflare that the selector matches now."""
    expected_routes: int | None
    """How many it should match; None: any number but none."""
    max_routes: int


def after(posture: Posture, step: Step) -> Posture:
    """The posture that a step leaves."""
    if step.kind is StepKind.PREFER:
        return replace(posture, preferred=step.site)
    if step.kind in (StepKind.ADVERTISE, StepKind.WITHDRAW):
        is_advertised = step.kind is StepKind.ADVERTISE
        return replace(posture, advertised={**posture.advertised, step.site: is_advertised})
    return posture


def violations(
    posture: Posture, plan: Plan, usable: Mapping[Site, Health], reach: Reach
) -> tuple[Violation, ...]:
    """All rules that a plan breaks, after any of its steps, not only after the last."""
    return tuple(_violations(posture, plan, usable, reach))


def _violations(
    posture: Posture, plan: Plan, usable: Mapping[Site, Health], reach: Reach
) -> Iterator[Violation]:
    target = plan.target.value
    for step in plan.steps:
        posture = after(posture, step)
        if True not in posture.advertised.values():
            yield Violation(
                "one_site_advertised", f"after {_named(step)} no site would announce the prefix"
            )
    if posture.preferred is not plan.target:
        yield Violation(
            "one_group_preferred", f"the routes to the {target} site would not be preferred"
        )
    if usable[plan.target] is Health.UNHEALTHY:
        yield Violation("target_is_well", f"the {target} site is known to be unable to serve")
    if reach.routes == 0:
        yield Violation("selector_matches", "no route of Cloudflare matches DESCRIPTION_SUBSTRING")
    elif reach.expected_routes not in (None, reach.routes):
        yield Violation(
            "selector_matches",
            f"DESCRIPTION_SUBSTRING matches {reach.routes} routes of Cloudflare, "
            f"and {reach.expected_routes} are expected",
        )
    if reach.routes > reach.max_routes:
        yield Violation(
            "routes_touched",
            f"{reach.routes} routes of Cloudflare would be touched, at most {reach.max_routes} may",
        )


def _named(step: Step) -> str:
    return f"{step.kind.value} {step.site.value}"
