"""What the executor asks of a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.failover.acting.earlier import Earlier
    from services.failover.policy.model import Step


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a step would make, exactly as it goes out, without credentials."""

    method: str
    url: str
    body: object | None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a step would send, and what the provider says to it; nothing is done."""

    requests: list[Request]
    asked: Request | None = None
    """What the provider was asked in place of them; None: nothing, since there is nothing to do."""
    said: object = None
    """What it answered to that."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step's effect is there, as the provider was read again and says."""

    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotDone:
    """It is not there."""

    detail: str
    evidence: Mapping[str, object] = field(default_factory=dict)


class ActionError(Exception):
    """A step could not be done. One sentence: what failed, where, and what to do."""

    may_pass = False
    """Whether the same may go well a little later."""
    wait: float | None = None
    """Seconds that have to go by before that; None: as few as one likes."""


class StillUnderWayError(ActionError):
    """What would end the effect of a step may still happen: that is waited for."""

    may_pass = True


class OutcomeUnknownError(ActionError):
    """The request may have had its effect: to be looked up, never repeated blindly."""

    is_repeatable = True
    """Whether the same request id may be sent again once its effect is seen not to be there."""


class Actuator(Protocol):
    """One provider's side of a step. It keeps nothing between calls."""

    async def preview(self, step: Step) -> list[Request]:
        """What `apply` would send now; nothing where there is nothing to do."""
        ...

    async def rehearse(self, step: Step) -> Rehearsal:
        """A preview that the provider has checked, too. Raises ActionError where it says no."""
        ...

    async def apply(self, step: Step, *, request_id: str) -> None:
        """Reads, changes what differs, and returns once the provider says that it is done.

        Called again with the same `request_id` it does no harm. Raises ActionError.
        """
        ...

    async def verify(self, step: Step) -> Done | NotDone:
        """Reads the provider anew. Raises ActionError where it cannot be read."""
        ...

    async def pending(self, step: Step, earlier: Sequence[Earlier]) -> str | None:
        """Whether this step, as it was sent before, may still take effect, and what to do then.

        None: it has had its effect, or never will. `earlier` is what the journal has of it. Raises
        ActionError where that cannot be found out.
        """
        ...
