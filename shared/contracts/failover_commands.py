"""Bodies of what operators ask of the failover API."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field

from shared.contracts.failover_words import Body, ModeName, PracticeMode, RuleName, SiteName

_MOST_SECONDS = 30 * 86_400
NO_NUL = r"^[^\x00]*$"
"""PostgreSQL has no text with that character."""


class _Command(Body):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


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
