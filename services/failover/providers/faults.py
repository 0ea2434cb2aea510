"""What can be wrong with a call to a provider, and what follows from it.

ActionError               acting.actuator
  CallError               a call failed: its `fault` says how
    CallUnknownError      a write, and it may have had its effect; an OutcomeUnknownError too
TokenError                there is no token to call with
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from services.failover.acting.actuator import ActionError, OutcomeUnknownError
from services.failover.acting.journal import StoppedError
from shared.breaker import Verdict

_MOST_SAID = 400


class Fault(Enum):
    """Why a call failed."""

    UNREACHABLE = "unreachable"
    """No connection: the provider has not had the request."""
    NO_ANSWER = "no_answer"
    """The request went out, and nothing came back, or half of it."""
    TRANSIENT = "transient"
    """The provider failed: 408, 500, 502, 503, 504."""
    NONSENSE = "nonsense"
    """It answered what cannot be understood."""
    BUSY = "busy"
    """We ask too much of it; nothing was done."""
    CONFLICT = "conflict"
    """Another change is under way, or was made: read again before another try."""
    UNAUTHENTICATED = "unauthenticated"
    """401, also with a new token."""
    REFUSED = "refused"
    """It will not do this, however often it is asked."""
    NO_TOKEN = "no_token"  # noqa: S105 - the name of a fault
    """Nothing was sent, for want of a token."""
    HELD_BACK = "held_back"
    """Nothing was sent: our breaker is open."""

    @property
    def leaves_doubt(self) -> bool:
        """Whether a write that ended so may have had its effect."""
        return self in _DOUBTFUL


_DOUBTFUL = {Fault.NO_ANSWER, Fault.TRANSIENT, Fault.NONSENSE}
_REPEATABLE = {*_DOUBTFUL, Fault.UNREACHABLE, Fault.BUSY, Fault.NO_TOKEN}
_FAILURES = {*_DOUBTFUL, Fault.UNREACHABLE, Fault.UNAUTHENTICATED}
_FINAL = {Fault.UNAUTHENTICATED, Fault.REFUSED}
_SILENT = {Fault.BUSY, Fault.NO_TOKEN, Fault.HELD_BACK}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's no, understood."""

    fault: Fault
    said: str
    """The provider's message."""
    wait: float | None = None
    """Seconds that have to go by before another try makes sense."""


class TokenError(Exception):
    """No token could be had. One sentence, without any secret."""


class CallError(ActionError):
    """A call failed. One sentence: provider, call, status, and what the provider said."""

    outcome = ""
    """What the sentence ends with."""

    def __init__(
        self,
        provider: str,
        what: str,
        fault: Fault,
        said: str,
        *,
        status: int | None = None,
        wait: float | None = None,
    ) -> None:
        self.provider = provider
        self.what = what
        self.fault = fault
        self.said = " ".join(said.split())[:_MOST_SAID].rstrip(".")
        self.status = status
        self.wait = wait
        self.may_pass = fault not in _FINAL
        code = f" with status {status}" if status is not None else ""
        super().__init__(f"{provider} {what} failed{code}: {self.said}{self.outcome}")


class CallUnknownError(CallError, OutcomeUnknownError):
    """A write failed in a way that leaves open whether it was done."""

    outcome = "; whether it was done is not known"


def verdict(error: Exception) -> Verdict:
    """What an error says of the provider, for its breaker.

    A refusal shows it to be well. A rate limit, or our own lack of a token, shows nothing. A 401
    counts, since one after the other means that nothing can be done here. What we kept
    back, since we do not lead any more, was never sent.
    """
    if isinstance(error, StoppedError):
        return Verdict.IGNORED
    if not isinstance(error, CallError) or error.fault in _FAILURES:
        return Verdict.FAILURE
    return Verdict.IGNORED if error.fault in _SILENT else Verdict.SUCCESS


def wait(error: Exception) -> bool | float:
    """Whether a call is tried again: False, True (after the usual backoff), or after seconds.

    The provider's own words on when win over the backoff. A conflict is not for this level: who
    reads before writing reads again.
    """
    if not isinstance(error, CallError) or isinstance(error, OutcomeUnknownError):
        return False
    if error.fault not in _REPEATABLE:
        return False
    return True if error.wait is None else error.wait
