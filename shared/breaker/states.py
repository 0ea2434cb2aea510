"""What a breaker can be in, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """Closed: calls pass. Open: they are refused. Half-open: a few pass, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Verdict(Enum):
    """What an outcome says of the dependency."""

    SUCCESS = "success"
    FAILURE = "failure"
    IGNORED = "ignored"
    """Nothing: a rate limit of ours, say. A probe that ends so frees its place."""


class CircuitOpenError(Exception):
    """A call was refused, and did not reach the dependency. Not to be retried at once."""

    def __init__(self, name: str, retry_after: float, reason: str) -> None:
        super().__init__(
            f"{name} is not called: {reason}; it may be tried again in {retry_after:.1f} s"
        )
        self.name = name
        self.retry_after = retry_after
        """Seconds until a call has a chance to pass."""
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Forced:
    """A person holds the breaker in a state."""

    state: State
    owner: str
    reason: str
    until: float
    """On the breaker's clock, in seconds."""


@dataclass(slots=True)
class Counts:
    """Calls since the breaker was made."""

    success: int = 0
    failure: int = 0
    ignored: int = 0
    abandoned: int = 0
    """Cancelled by the caller, or a generator that was not read to its end."""
    rejected: int = 0
    stale: int = 0
    """Of those that ended, the ones that began in an earlier state: they change nothing."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A breaker went from one state to another."""

    name: str
    before: State
    after: State
    reason: str
    generation: int
    """Counts the transitions."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A breaker at a moment."""

    name: str
    state: State
    generation: int
    retry_after: float
    """Seconds until calls may pass; 0 where they do."""
    probes: int
    """Calls of the half-open state that are on their way."""
    last_error: str | None
    """Of the last failure."""
    forced: Forced | None
    counts: Counts = field(default_factory=Counts)
