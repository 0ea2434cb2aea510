"""The way from one site to the other: the new one is there before the old one goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.policy.model import Plan, Step, StepKind

if TYPE_CHECKING:
    from services.failover.policy.model import Posture, Site


def switch(posture: Posture, target: Site, *, reason: str, withdraws: bool = True) -> Plan:
    """All steps, also those that find nothing to do: they are cheap, and verify what is there.

    Without `withdraws` the old site stays announced, and only the preference moves.
    """
    old = target.other
    steps = [
        Step(StepKind.ADVERTISE, target, _advertised(posture, target, after=True)),
        Step(StepKind.CONFIRM_SEEN, target),
        Step(StepKind.PREFER, target, _preferred(posture, target)),
    ]
    if withdraws:
        gone = _advertised(posture, old, after=False)
        steps += [
            Step(StepKind.WITHDRAW, old, gone),
            Step(StepKind.CONFIRM_MOVED, target, {"withdrawn": gone["advertised"]}),
        ]
    return Plan(target, tuple(steps), reason)


def _advertised(posture: Posture, site: Site, *, after: bool) -> dict[str, object]:
    return {"advertised": {"before": posture.advertised[site], "after": after}}


def _preferred(posture: Posture, target: Site) -> dict[str, object]:
    before = posture.preferred
    diff: dict[str, object] = {
        "preferred": {"before": before.value if before else None, "after": target.value}
    }
    if "cloudflare" in posture.facts:
        # A change that somebody else makes after this was seen must not be written over.
        diff["seen"] = posture.facts["cloudflare"]
    return diff
