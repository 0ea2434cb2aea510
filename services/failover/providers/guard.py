"""What is around every call to a provider: a retry outside, a breaker inside, a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import stamina

from services.failover.acting.exchanges import record
from services.failover.providers import metrics
from services.failover.providers.faults import CallError, Fault, verdict, wait
from shared.breaker import CircuitBreaker, CircuitOpenError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.failover.acting.exchanges import Call, Exchange
    from shared.breaker import Registry

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a call may take and how often it is tried. All times are seconds."""

    call_seconds: float = 10.0
    """One request with its answer."""
    attempts: int = 3
    initial_backoff: float = 1.0
    max_backoff: float = 10.0
    total_seconds: float = 60.0
    """No attempt begins after so long, so waits that reach past it are not begun either."""
    failure_threshold: int = 5
    recovery_timeout: float = 60.0


class Guard:
    """Of one provider in one region, with a breaker for reads and one for writes."""

    def __init__(
        self,
        provider: str,
        *,
        region: str,
        limits: Limits,
        registry: Registry | None,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic, in seconds."""
        self._provider = provider
        self._region = region
        self._limits = limits
        self._clock = clock
        self.reads, self.writes = (self._breaker(way, registry) for way in ("read", "write"))

    async def __call__(self, call: Call, send: Callable[[Call], Awaitable[Answer]]) -> Answer:
        """What `send` gives, tried again where that makes sense. Raises CallError as it does.

        A breaker that a person has forced, or that is open, refuses it as a CallError.
        """
        attempted = (self.writes if call.writes else self.reads)(send)
        ends = self._clock() + self._limits.total_seconds

        def wait_for(error: Exception) -> bool | float:
            seconds = wait(error)
            return seconds if self._clock() + float(seconds) <= ends else False

        try:
            async for attempt in stamina.retry_context(
                on=wait_for,
                attempts=self._limits.attempts,
                timeout=self._limits.total_seconds,
                wait_initial=self._limits.initial_backoff,
                wait_max=self._limits.max_backoff,
                wait_jitter=self._limits.initial_backoff,
            ):
                with attempt:
                    return await attempted(call)
        except CircuitOpenError as error:
            raise CallError(
                self._provider, call.what, Fault.HELD_BACK, str(error), wait=error.retry_after
            ) from None
        raise AssertionError("a retry ends with an answer or an error")

    def note(self, exchange: Exchange, fault: Fault | None) -> None:
        """Counts an exchange, and hands it to whoever records."""
        way = "write" if exchange.call.writes else "read"
        result = fault.value if fault is not None else "ok"
        metrics.REQUESTS.labels(self._provider, self._region, way, result).observe(exchange.seconds)
        record(exchange)

    def _breaker(self, way: str, registry: Registry | None) -> CircuitBreaker:
        parts = [self._provider.lower(), self._region, way]
        return CircuitBreaker(
            "/".join(part for part in parts if part),
            failure_threshold=self._limits.failure_threshold,
            recovery_timeout=self._limits.recovery_timeout,
            judge_error=verdict,
            clock=self._clock,
            registry=registry,
        )
