"""A circuit breaker: calls to a dependency that keeps failing are refused until it recovers.

    from shared.breaker import circuit_break

    @circuit_break
    def search_vectors(query_vector, top_k=5): ...

    @circuit_break(name="search", failure_threshold=3, recovery_timeout=60.0,
                   fallback_function=from_cache)
    async def search_vectors_async(query_vector, top_k=5): ...

It stands alone: it needs nothing but the standard library. docs/breaker.md has the whole of it.
"""

from shared.breaker.circuit import CircuitBreaker
from shared.breaker.decorator import circuit_break
from shared.breaker.registry import REGISTRY, Registry
from shared.breaker.states import (
    CircuitOpenError,
    Counts,
    Forced,
    Snapshot,
    State,
    Transition,
    Verdict,
)
from shared.breaker.trips import Consecutive, RateWindow, Trip

__all__ = [
    "REGISTRY",
    "CircuitBreaker",
    "CircuitOpenError",
    "Consecutive",
    "Counts",
    "Forced",
    "RateWindow",
    "Registry",
    "Snapshot",
    "State",
    "Transition",
    "Trip",
    "Verdict",
    "circuit_break",
]
