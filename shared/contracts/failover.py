"""Bodies of what the failover API answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.contracts.envelope import Timestamp
from shared.contracts.failover_plans import PlanBody, PreviewBody
from shared.contracts.failover_words import Body, HealthName, ModeName, PracticeMode, SiteName


class ReadingBody(Body):
    """What one observer saw."""

    observer: str
    health: HealthName
    detail: str
    age_s: float


class InputBody(Body):
    """What is held to be so of a site, by all observers together."""

    health: HealthName
    since: Timestamp | None
    readings: list[ReadingBody]


class PostureBody(Body):
    """How the providers stand."""

    active: SiteName | None
    """The site that serves, where that is beyond doubt."""
    advertised: dict[SiteName, bool | None]
    preferred: SiteName | None
    detail: str
    age_s: float


class OverrideBody(Body):
    """An override that stands."""

    mode: ModeName
    owner: str
    reason: str
    until: Timestamp
    lifted_rules: list[str]


class PauseBody(Body):
    """A pause that stands."""

    owner: str
    reason: str
    until: Timestamp


class SwitchoverBody(Body):
    """A switchover that is still to be done."""

    id: int
    from_site: SiteName = Field(serialization_alias="from")
    to_site: SiteName = Field(serialization_alias="to")
    owner: str
    reason: str
    scheduled_at: Timestamp
    until: Timestamp


class PracticeBody(Body):
    """A practice run."""

    id: int
    mode: PracticeMode
    owner: str
    reason: str
    scheduled_for: Timestamp | None
    """When the schedule had it; null: somebody asked for it."""
    asked_at: Timestamp
    state: Literal["pending", "out", "stay", "back", "ended"]
    home: SiteName | None
    """Where the traffic was, and is to be again; null: it has not begun."""
    begun_at: Timestamp | None
    stay_s: float
    back_at: Timestamp | None
    """When the traffic is to go back."""
    until: Timestamp
    """Not begun any more afterwards; once begun, not under way any more."""
    ended_at: Timestamp | None
    outcome: Literal["succeeded", "failed", "interrupted", "refused", "expired"] | None
    """Before its end: what it will be, whatever else comes of it."""
    detail: str
    out: PlanBody | None
    back: PlanBody | None
    steps: list[PreviewBody] | None
    """Of a dry one: each step, with its requests and what the provider says to them."""


class LeaseBody(Body):
    """Who acts."""

    owner: str
    generation: int
    expires_at: Timestamp
    is_held: bool
    is_ours: bool


class BreakerBody(Body):
    """A circuit breaker of this process."""

    name: str
    state: Literal["closed", "open", "half_open"]
    retry_after_s: float
    last_error: str | None
    forced_by: str | None
    forced_reason: str | None


class StatusBody(Body):
    """Where traffic is, why, and what that rests on."""

    state: str
    """Which sites can serve, as far as is known."""
    rule: str
    """What fired, or what blocked."""
    sentence: str
    is_alarm: bool
    plan_alarm: str | None
    """What the last plan that ended badly says, until it is acknowledged."""
    at: Timestamp
    posture: PostureBody | None
    inputs: dict[Literal["service", "bgp"], dict[SiteName, InputBody]]
    plan_in_flight: PlanBody | None
    last_plan: PlanBody | None
    switchover: SwitchoverBody | None
    practice: PracticeBody | None
    override: OverrideBody | None
    pause: PauseBody | None
    lease: LeaseBody | None
    breakers: list[BreakerBody]


class DecisionBody(Body):
    """A decision with all that it was made of, so that it can be made again."""

    id: int
    at: Timestamp
    generation: int | None
    state: str
    rule: str
    sentence: str
    is_alarm: bool
    target: SiteName | None
    situation: dict[str, Any]
    limits: dict[str, Any]
    diff: list[dict[str, Any]]
    """What each step of its plan changes."""
    violations: list[dict[str, Any]]
    plan: PlanBody | None
    """Its requests, and how each was verified."""


class AuditBody(Body):
    """A change that somebody made."""

    id: int
    at: Timestamp
    who: str
    action: str
    why: str | None
    before: Any
    after: Any


class FindingBody(Body):
    """One thing that was looked at before it matters."""

    what: str
    is_fault: bool
    """Whether it has to be put right before a failover can work."""
    is_warning: bool
    """Whether it will have to be put right before long."""
    detail: str


class CommandBody(Body):
    """What a command did, or would do."""

    action: str
    dry_run: bool
    sentence: str
    before: Any = None
    after: Any = None
    steps: list[PreviewBody] | None = None
    """In a dry run: the plan, each step with its requests and what the provider says to them."""
