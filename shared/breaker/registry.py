"""All breakers of a process by name, for those who look at them or take hold of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.breaker.circuit import CircuitBreaker
    from shared.breaker.states import Transition


class Registry:
    """Knows breakers as long as somebody uses them."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Transition], None]] = []
        """Hear of every breaker's transitions."""
        self._breakers: WeakValueDictionary[str, CircuitBreaker] = WeakValueDictionary()
        self._lock = threading.Lock()

    def add(self, breaker: CircuitBreaker) -> None:
        """Adds one; raises ValueError if another has its name."""
        with self._lock:
            if self._breakers.setdefault(breaker.name, breaker) is not breaker:
                raise ValueError(f"there is a circuit breaker {breaker.name!r} already")

    def get(self, name: str) -> CircuitBreaker | None:
        """The breaker of this name."""
        return self._breakers.get(name)

    def free_name(self, name: str) -> str:
        """This name, or with the first number after it that nobody has."""
        number, free = 1, name
        while free in self._breakers:
            number += 1
            free = f"{name}#{number}"
        return free

    def __iter__(self) -> Iterator[CircuitBreaker]:
        with self._lock:
            breakers = list(self._breakers.values())
        return iter(sorted(breakers, key=lambda breaker: breaker.name))


REGISTRY = Registry()
"""The one that breakers are in unless told otherwise."""
