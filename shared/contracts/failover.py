"""Bodies of the failover API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.envelope import Timestamp

SiteName = Literal["local", "remote"]
ModeName = Literal["local", "remote", "hold"]
PracticeMode = Literal["dry", "real"]
HealthName = Literal["healthy", "unhealthy", "unknown"]

RuleName = Literal["one_group_preferred", "target_is_well", "selector_matches", "routes_touched"]
"""Safety rules that may be lifted."""

_MOST_SECONDS = 30 * 86_400
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL has no text with that character."""


class _Body(BaseModel):
    # What is said of a field here is said in the OpenAPI document, too.
    model_config = ConfigDict(use_attribute_docstrings=True)


class _Command(_Body):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


# ---- what is asked


class WithReason(_Command):
    """A command that needs no more than a reason."""

    reason: str = Field(min_length=1, max_length=1000, pattern=NO_NUL)
    """Why; it is in the audit and in the history."""
    owner: str = Field(default="", max_length=100, pattern=NO_NUL)
    """Who says so, by their own word; the address that it comes from is noted besides."""


class Timed(WithReason):
    """A command that ends by itself."""

    ttl_s: float = Field(gt=0, le=_MOST_SECONDS)
    """Seconds until it ends."""


class OverrideCommand(Timed):
    """Where traffic is to be for a while, whatever the sites' health."""

    mode: ModeName
    """A site, or `hold`: nothing moves."""
    expected_state: str | None = None
    """The state that you have seen; with another one now the answer is 409."""
    lifted_rules: list[RuleName] = Field(default_factory=list, max_length=10)
    """Safety rules that may be broken this once, by their names."""


class SwitchoverCommand(WithReason):
    """A move of the traffic, once."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_site: SiteName = Field(alias="from")
    """The site that serves now; if it is another one the answer is 412."""
    to_site: SiteName = Field(alias="to")
    scheduled_at: AwareDatetime | None = None
    """RFC 3339, within a year from now; null: now."""
    within_s: float = Field(default=600.0, gt=0, le=86_400)
    """It expires where it could not be begun so many seconds after its time."""
    lifted_rules: list[RuleName] = Field(default_factory=list, max_length=10)


class AbortCommand(WithReason):
    """Stops the plan that is under way at its next step, and takes it back."""

    pause_s: float | None = Field(default=None, ge=0, le=_MOST_SECONDS)
    """For so long nothing is done by itself afterwards; null: for an hour, if nobody had asked for
    the plan, since it would soon be begun again; else not at all."""


class PracticeCommand(WithReason):
    """A practice run: to the other site and back."""

    mode: PracticeMode = "dry"
    """`dry`: it is only asked what would come of it. `real`: the traffic moves."""
    stay_s: float | None = Field(default=None, gt=0, le=86_400)
    """How long the traffic stays there; null: FAILOVER_PRACTICE_SECONDS."""
    within_s: float = Field(default=600.0, gt=0, le=86_400)
    """It expires where it could not be begun within so many seconds."""


class ForceCommand(Timed):
    """Holds a circuit breaker in a state."""

    state: Literal["open", "closed"]


# ---- what is answered


class ReadingBody(_Body):
    """What one observer saw."""

    observer: str
    health: HealthName
    detail: str
    age_s: float


class InputBody(_Body):
    """What is held to be so of a site, by all observers together."""

    health: HealthName
    since: Timestamp | None
    readings: list[ReadingBody]


class PostureBody(_Body):
    """How the providers stand."""

    active: SiteName | None
    """The site that serves, where that is beyond doubt."""
    advertised: dict[SiteName, bool | None]
    preferred: SiteName | None
    detail: str
    age_s: float


class StepBody(_Body):
    """A step of a plan."""

    kind: str
    site: SiteName
    is_undo: bool
    state: str
    diff: dict[str, Any]
    request_id: str | None
    requests: list[RequestBody]
    """What was to be sent, once more for each time that it was."""
    exchanges: list[ExchangeBody]
    """What went out for it, reads included, and what came back."""
    begun_at: Timestamp | None
    ended_at: Timestamp | None
    detail: str | None
    evidence: dict[str, Any]


class RequestBody(_Body):
    """A request as it goes out, without credentials."""

    method: str
    url: str
    body: Any


class ExchangeBody(_Body):
    """A request that was sent, and what came back."""

    provider: str
    what: str
    method: str
    url: str
    body: Any = None
    at: Timestamp
    seconds: float
    status: int | None
    ids: dict[str, str]
    """By which the provider knows the request."""
    error: str | None
    answer: Any = None
    """To what changes something; secrets are left out."""


class PlanBody(_Body):
    """A plan with its timeline."""

    id: str
    target: SiteName
    reason: str
    state: str
    asked_by: str | None
    """Null: nobody asked for it."""
    aborted_by: str | None
    """Who wants it to be stopped; null: nobody."""
    begun_at: Timestamp
    ended_at: Timestamp | None
    detail: str | None
    alarm: str | None
    convergence_s: float | None
    """From the first request to the moment that BMP showed the move."""
    steps: list[StepBody]


class OverrideBody(_Body):
    """An override that stands."""

    mode: ModeName
    owner: str
    reason: str
    until: Timestamp
    lifted_rules: list[str]


class PauseBody(_Body):
    """A pause that stands."""

    owner: str
    reason: str
    until: Timestamp


class SwitchoverBody(_Body):
    """A switchover that is still to be done."""

    id: int
    from_site: SiteName = Field(serialization_alias="from")
    to_site: SiteName = Field(serialization_alias="to")
    owner: str
    reason: str
    scheduled_at: Timestamp
    until: Timestamp


class PracticeBody(_Body):
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


class LeaseBody(_Body):
    """Who acts."""

    owner: str
    generation: int
    expires_at: Timestamp
    is_held: bool
    is_ours: bool


class BreakerBody(_Body):
    """A circuit breaker of this process."""

    name: str
    state: Literal["closed", "open", "half_open"]
    retry_after_s: float
    last_error: str | None
    forced_by: str | None
    forced_reason: str | None


class StatusBody(_Body):
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


class DecisionBody(_Body):
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


class AuditBody(_Body):
    """A change that somebody made."""

    id: int
    at: Timestamp
    who: str
    action: str
    why: str | None
    before: Any
    after: Any


class FindingBody(_Body):
    """One thing that was looked at before it matters."""

    what: str
    is_fault: bool
    """Whether it has to be put right before a failover can work."""
    is_warning: bool
    """Whether it will have to be put right before long."""
    detail: str


class CommandBody(_Body):
    """What a command did, or would do."""

    action: str
    dry_run: bool
    sentence: str
    before: Any = None
    after: Any = None
    steps: list[PreviewBody] | None = None
    """In a dry run: the plan, each step with its requests and what the provider says to them."""


class PreviewBody(_Body):
    """A step that would be taken."""

    kind: str
    site: SiteName
    diff: dict[str, Any]
    requests: list[RequestBody]
    """What would be sent; none where it is so already, or where the step only looks."""
    asked: RequestBody | None = None
    """What the provider was asked in place of them: it checks, and does nothing."""
    said: Any = None
    """What it answered to that."""
    error: str | None = None
    """Why it would fail, or why that cannot be told."""


StepBody.model_rebuild()
PracticeBody.model_rebuild()
StatusBody.model_rebuild()
CommandBody.model_rebuild()
