"""Functions of every kind, bare and with options."""

from __future__ import annotations

import functools
import inspect
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from shared.breaker import CircuitBreaker, CircuitOpenError, State, circuit_break

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.shared.breaker.conftest import Make


def breaker_of(function: Any) -> CircuitBreaker:
    breaker = function.breaker
    assert isinstance(breaker, CircuitBreaker)
    return breaker


def test_the_bare_decorator_keeps_the_function_as_it_was() -> None:
    @circuit_break
    def search_vectors(query_vector: list[float], top_k: int = 5) -> list[float]:
        """The nearest."""
        return sorted(query_vector)[:top_k]

    assert search_vectors([3.0, 1.0, 2.0], top_k=2) == [1.0, 2.0]
    assert search_vectors.__doc__ == "The nearest."
    assert list(inspect.signature(search_vectors).parameters) == ["query_vector", "top_k"]
    assert breaker_of(search_vectors).name.endswith("search_vectors")


async def test_with_options_an_open_circuit_answers_with_the_fallback() -> None:
    def from_cache(query_vector: list[float], top_k: int = 5) -> str:
        return f"cached {query_vector} {top_k}"

    @circuit_break(
        name="custom_search",
        failure_threshold=3,
        recovery_timeout=60.0,
        fallback_function=from_cache,
        registry=None,
    )
    async def search_vectors_async(query_vector: list[float], top_k: int = 5) -> str:
        raise ConnectionError

    for _ in range(3):
        with pytest.raises(ConnectionError):
            await search_vectors_async([1.0])
    assert await search_vectors_async([1.0], top_k=7) == "cached [1.0] 7"
    assert breaker_of(search_vectors_async).name == "custom_search"


def test_one_set_of_options_gives_each_function_a_breaker_of_its_own() -> None:
    guard = circuit_break(failure_threshold=1)

    @guard
    def one() -> None:
        raise ConnectionError

    @guard
    def other() -> str:
        return "fine"

    with pytest.raises(ConnectionError):
        one()
    assert other() == "fine"
    assert breaker_of(one).name != breaker_of(other).name


def test_functions_of_one_name_get_numbers() -> None:
    def define() -> Any:
        @circuit_break
        def search() -> None: ...

        return search

    first, second = define(), define()
    assert breaker_of(second).name == f"{breaker_of(first).name}#2"


def test_methods_are_guarded_too() -> None:
    class Client:
        @circuit_break(registry=None)
        def ask(self) -> Client:
            return self

    client = Client()
    assert client.ask() is client


async def test_so_are_partial_functions_and_objects_that_are_called(make: Make) -> None:
    class Ask:
        async def __call__(self, what: str) -> str:
            return what

    breaker = make()
    assert await breaker(Ask())("one") == "one"
    assert await breaker(functools.partial(Ask().__call__, "two"))() == "two"
    assert breaker.snapshot().counts.success == 2


def test_what_cannot_be_called_is_refused_at_once(make: Make) -> None:
    with pytest.raises(TypeError, match="below @staticmethod"):
        make()(42)  # type: ignore[type-var]


def test_a_fallback_may_stand_in_for_a_failure_as_well(make: Make) -> None:
    def fails() -> str:
        raise ConnectionError

    breaker = make(fallback_function=lambda: "instead", fallback_on_failure=True)
    assert [breaker(fails)() for _ in range(3)] == ["instead"] * 3
    assert breaker.snapshot().counts.failure == 2


async def test_an_async_fallback_is_awaited(make: Make) -> None:
    async def instead() -> str:
        return "instead"

    async def fails() -> str:
        raise ConnectionError

    breaker = make(fallback_function=instead, fallback_on_failure=True)
    assert await breaker(fails)() == "instead"
    assert inspect.iscoroutinefunction(breaker(fails))


def test_an_async_fallback_of_a_plain_function_is_refused_at_once(make: Make) -> None:
    async def instead() -> None: ...

    with pytest.raises(TypeError, match="cannot be async"):
        make(fallback_function=instead)(len)


def test_a_call_timeout_of_a_plain_function_is_refused_at_once(make: Make) -> None:
    with pytest.raises(TypeError, match="async functions alone"):
        make(call_timeout=1.0)(len)


def test_a_generator_that_fails_on_the_way_is_a_failure(make: Make) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ConnectionError

    breaker = make(failure_threshold=1)
    guarded = breaker(items)
    assert inspect.isgeneratorfunction(guarded)
    with pytest.raises(ConnectionError):
        list(guarded())
    with pytest.raises(CircuitOpenError):
        list(guarded())


def test_a_generator_counts_from_its_first_item_to_its_last(make: Make) -> None:
    breaker = make()
    items = breaker(iter_two)()
    assert breaker.snapshot().counts.success == 0
    assert list(items) == [1, 2]
    assert breaker.snapshot().counts.success == 1


def test_a_generator_that_is_left_early_says_nothing(make: Make) -> None:
    breaker = make()
    items = breaker(iter_two)()
    next(items)
    items.close()
    counts = breaker.snapshot().counts
    assert (counts.success, counts.failure, counts.abandoned) == (0, 0, 1)


def iter_two() -> Any:
    yield 1
    yield 2


def test_a_generator_falls_back_as_a_whole(make: Make) -> None:
    def instead() -> Iterator[int]:
        yield from (7, 8)

    breaker = make(fallback_function=instead)
    breaker.force_open(seconds=60, owner="ana", reason="at work")
    assert list(breaker(iter_two)()) == [7, 8]


async def test_async_generators_do_the_same(make: Make) -> None:
    async def items() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError

    async def instead() -> AsyncIterator[int]:
        yield 7

    breaker = make(failure_threshold=1, fallback_function=instead)
    with pytest.raises(ConnectionError):
        [item async for item in breaker(items)()]
    assert breaker.state is State.OPEN
    assert [item async for item in breaker(items)()] == [7]


async def test_an_async_generator_that_is_left_early_is_closed_and_says_nothing(
    make: Make,
) -> None:
    closed = []

    async def items() -> Any:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    breaker = make()
    guarded = breaker(items)()
    assert await anext(guarded) == 1
    await guarded.aclose()
    assert closed == [True]
    assert breaker.snapshot().counts.abandoned == 1


async def test_generators_that_are_context_managers_see_the_errors_of_their_body(
    make: Make,
) -> None:
    seen = []

    def lent() -> Iterator[str]:
        try:
            yield "lent"
        except KeyError as error:
            seen.append(error)

    async def lent_async() -> AsyncIterator[str]:
        try:
            yield "lent"
        except KeyError as error:
            seen.append(error)

    breaker = make()
    with contextmanager(breaker(lent))():
        raise KeyError
    async with asynccontextmanager(breaker(lent_async))():
        raise KeyError
    assert len(seen) == 2
    assert breaker.snapshot().counts.success == 2


async def test_what_is_sent_into_an_async_generator_reaches_it(make: Make) -> None:
    async def echo() -> Any:
        sent = yield "first"
        yield sent

    guarded = make()(echo)()
    assert await guarded.asend(None) == "first"
    assert await guarded.asend("second") == "second"
    await guarded.aclose()
