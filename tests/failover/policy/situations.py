"""Situations to decide on, told by what differs from a quiet day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.failover.policy.decide import Decision, Limits, Situation, decide
from services.failover.policy.model import Health, Inputs, Posture, Site, Verdict
from services.failover.policy.rules import Reach

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)

LIMITS = Limits(
    hold_down=timedelta(seconds=60),
    failback="manual",
    failback_hold_down=timedelta(minutes=10),
    min_interval=timedelta(minutes=5),
    max_flips=3,
    flip_window=timedelta(hours=1),
    max_posture_age=timedelta(seconds=90),
    warm_up_cycles=3,
)

HEALTHY, UNHEALTHY, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN
LOCAL, REMOTE = Site.LOCAL, Site.REMOTE


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def inputs(
    local: Health = HEALTHY,
    remote: Health = HEALTHY,
    local_bgp: Health = HEALTHY,
    remote_bgp: Health = HEALTHY,
    since: datetime = LONG_AGO,
    at: datetime = NOW,
) -> Inputs:
    return Inputs(
        at,
        {LOCAL: Verdict(local, since), REMOTE: Verdict(remote, since)},
        {LOCAL: Verdict(local_bgp, since), REMOTE: Verdict(remote_bgp, since)},
    )


def posture(
    serving: Site | None = LOCAL, both: bool = False, at: datetime = NOW, **facts: Any
) -> Posture:
    advertised = {site: both or site is serving for site in Site}
    return Posture(at, {**advertised, **facts.pop("advertised", {})}, serving, **facts)


QUIET = Situation(
    inputs=inputs(),
    posture=posture(),
    reach=Reach(routes=2, expected_routes=2, max_routes=10),
    is_leader=True,
    plan_in_flight=False,
    cycles=100,
)


def decided(limits: Limits = LIMITS, **differs: Any) -> Decision:
    return decide(replace(QUIET, **differs), limits)
