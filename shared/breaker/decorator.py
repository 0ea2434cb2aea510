"""`@circuit_break`, bare or with options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload

from shared.breaker.circuit import CircuitBreaker
from shared.breaker.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from shared.breaker.registry import Registry
    from shared.breaker.states import Verdict
    from shared.breaker.trips import Trip

F = TypeVar("F", bound="Callable[..., Any]")


class Options(TypedDict, total=False):
    """The options of a breaker; `CircuitBreaker` says what each means."""

    name: str
    failure_threshold: int
    recovery_timeout: float
    fallback_function: Callable[..., Any] | None
    fallback_on_failure: bool
    half_open_max_calls: int
    success_threshold: int
    call_timeout: float | None
    judge_error: Callable[[Exception], Verdict]
    judge_result: Callable[[Any], Verdict] | None
    trip: Trip | None
    recovery_growth: float
    max_recovery_timeout: float
    recovery_jitter: float
    clock: Callable[[], float]
    uniform: Callable[[float, float], float]
    registry: Registry | None


@overload
def circuit_break(function: F, /) -> F: ...
@overload
def circuit_break(**options: Unpack[Options]) -> Callable[[F], F]: ...
def circuit_break(function: F | None = None, /, **options: Unpack[Options]) -> F | Callable[[F], F]:
    """Puts a breaker of its own before a function; it is the function's `breaker` then.

    Without a `name` it is called as the function is, with a number where that is taken.
    """

    def guard(function: F) -> F:
        own = options.copy()
        if "name" not in own:
            registry = own.get("registry", REGISTRY)
            name = f"{function.__module__}.{function.__qualname__}"
            own["name"] = registry.free_name(name) if registry is not None else name
        breaker = CircuitBreaker(**own)
        guarded = breaker(function)
        guarded.breaker = breaker  # type: ignore[attr-defined]
        return guarded

    return guard if function is None else guard(function)
