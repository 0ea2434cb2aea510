"""What is counted of decisions (docs/metrics.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from services.failover.policy.model import Health, Role, Site

if TYPE_CHECKING:
    from services.failover.policy.model import Posture

READINGS = Counter(
    "bgpilot_failover_readings_total", "What observers saw", ["observer", "site", "health"]
)
HEALTH = Gauge("bgpilot_failover_health", "What is held to be so", ["input", "site", "health"])
ADVERTISED = Gauge(
    "bgpilot_failover_advertised",
    "1 where a site's router is told to announce the prefix, 0 where not; -1: not known",
    ["site"],
)
PREFERRED = Gauge("bgpilot_failover_preferred", "1 for the site whose tunnels win", ["site"])
DRIFTS = Counter(
    "bgpilot_failover_drifts_total",
    "Changes of what a site announces that were none of ours",
    ["site"],
)
CYCLES = Counter("bgpilot_failover_cycles_total", "Cycles", ["result"])
CYCLE_SECONDS = Histogram("bgpilot_failover_cycle_seconds", "How long a cycle without a plan took")
LAST_CYCLE = Gauge(
    "bgpilot_failover_last_cycle_seconds", "When the last cycle ended well, in seconds since 1970"
)
DECISIONS = Counter("bgpilot_failover_decisions_total", "Decisions", ["rule"])
ALARM = Gauge("bgpilot_failover_alarm", "1 while the last decision is an alarm")
PLAN_ALARM = Gauge(
    "bgpilot_failover_plan_alarm", "1 while a plan that ended badly is not acknowledged"
)
PLANS = Counter("bgpilot_failover_plans_total", "Plans that ended", ["state"])
CONVERGENCE = Histogram(
    "bgpilot_failover_convergence_seconds",
    "From the first request to the moment that BMP showed the move",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600),
)
PRACTICES = Counter(
    "bgpilot_failover_practices_total", "Practice runs that ended", ["mode", "outcome"]
)
LEADER = Gauge("bgpilot_failover_leader", "1 while this process is the one that acts")
OVERRIDE_SECONDS = Gauge("bgpilot_failover_override_seconds", "How long the override still stands")
PAUSE_SECONDS = Gauge("bgpilot_failover_pause_seconds", "How long it is still paused")


def show_health(role: Role, site: Site, health: Health) -> None:
    """The one health that an input has now."""
    for each in Health:
        HEALTH.labels(role.value, site.value, each.value).set(float(each is health))


def show_posture(posture: Posture | None) -> None:
    """How the providers stand."""
    for site in Site:
        told = posture.advertised[site] if posture is not None else None
        ADVERTISED.labels(site.value).set(-1 if told is None else float(told))
        preferred = posture is not None and posture.preferred is site
        PREFERRED.labels(site.value).set(float(preferred))
