"""What the endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from fastapi import Request
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.failover.acting.actuator import Actuator
    from services.failover.control.controller import Controller, Cycle, Leadership
    from services.failover.policy.model import StepKind
    from services.failover.providers.findings import Finding
    from shared.breaker import Registry


@dataclass(frozen=True, slots=True)
class Parts:
    """Of one running service."""

    engine: AsyncEngine
    controller: Controller
    leadership: Leadership
    actuators: Mapping[StepKind, Actuator]
    breakers: Registry
    preflight: Callable[[], Awaitable[list[Finding]]]
    """Asks the providers what will matter, and changes nothing."""
    now: Callable[[], datetime]
    practice_seconds: float = 1_800.0
    """How long a practice run stays at the other site."""

    @property
    def last(self) -> Cycle:
        """The last cycle; 503 before there was one."""
        if self.controller.last is None:
            raise ProblemError(
                503, "not-yet-known", "no cycle has ended yet: /readyz says why, or ask again"
            )
        return self.controller.last


def parts(request: Request) -> Parts:
    """Those of the app that was asked."""
    found: Parts = request.app.state.parts
    return found
