"""Functions of every kind with a breaker before them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from shared.breaker.states import CircuitOpenError, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from shared.breaker.circuit import CircuitBreaker

F = TypeVar("F", bound="Callable[..., Any]")
P = ParamSpec("P")
Result = TypeVar("Result")
Item = TypeVar("Item")
Sent = TypeVar("Sent")


def wrap(breaker: CircuitBreaker, function: F) -> F:
    """The function, which is called only if the breaker lets it.

    A generator's call is its whole run: it begins with the first item that is asked for.
    """
    if not callable(function):
        raise TypeError(
            f"{function!r} cannot be called; put the breaker below @staticmethod and @classmethod"
        )
    kind = _kind(function)
    _check(breaker, kind)
    guarded = kind(breaker, function)
    functools.update_wrapper(guarded, function)
    return cast("F", guarded)


def _kind(function: Callable[..., Any]) -> Callable[..., Any]:
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004 - to look into it, not to ask whether it is there
    for target in (function, called):
        if inspect.iscoroutinefunction(target):
            return _coroutine
        if inspect.isasyncgenfunction(target):
            return _async_generator
        if inspect.isgeneratorfunction(target):
            return _generator
    return _plain


def _check(breaker: CircuitBreaker, kind: Callable[..., Any]) -> None:
    if breaker.call_timeout is not None and kind is not _coroutine:
        raise TypeError(
            f"{breaker.name}: call_timeout can end async functions alone; "
            "give a plain function's own client a timeout"
        )
    if kind is _plain and inspect.iscoroutinefunction(breaker.fallback):
        raise TypeError(f"{breaker.name}: the fallback of a plain function cannot be async")


def _plain(breaker: CircuitBreaker, function: Callable[P, Result]) -> Callable[P, Result]:
    admit, clock, returned = breaker.admit, breaker.clock, breaker.returned

    def guarded(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            generation = admit()
        except CircuitOpenError:
            if breaker.fallback is None:
                raise
            return cast("Result", breaker.fallback(*args, **kwargs))
        started = clock()
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            verdict = breaker.raised(generation, started, error)
            if (fallback := _after(breaker, verdict)) is None:
                raise
            return cast("Result", fallback(*args, **kwargs))
        except BaseException:
            breaker.abandoned(generation)
            raise
        returned(generation, started, result)
        return result

    return guarded


def _coroutine(
    breaker: CircuitBreaker, function: Callable[P, Awaitable[Result]]
) -> Callable[P, Awaitable[Result]]:
    admit, clock, returned = breaker.admit, breaker.clock, breaker.returned

    async def guarded(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            generation = admit()
        except CircuitOpenError:
            if breaker.fallback is None:
                raise
            return cast("Result", await _awaited(breaker.fallback(*args, **kwargs)))
        started = clock()
        limit = asyncio.timeout(breaker.call_timeout) if breaker.call_timeout is not None else None
        try:
            if limit is None:
                result = await function(*args, **kwargs)
            else:
                async with limit:
                    result = await function(*args, **kwargs)
        except Exception as error:
            if limit is not None and limit.expired():
                verdict = breaker.timed_out(generation, started)
            else:
                verdict = breaker.raised(generation, started, error)
            if (fallback := _after(breaker, verdict)) is None:
                raise
            return cast("Result", await _awaited(fallback(*args, **kwargs)))
        except BaseException:  # cancelled: the caller's doing
            breaker.abandoned(generation)
            raise
        returned(generation, started, result)
        return result

    return guarded


def _generator(
    breaker: CircuitBreaker, function: Callable[P, Generator[Item, Sent, Result]]
) -> Callable[P, Generator[Item, Sent, Result]]:
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Generator[Item, Sent, Result]:
        try:
            generation = breaker.admit()
        except CircuitOpenError:
            if breaker.fallback is None:
                raise
            return cast("Result", (yield from breaker.fallback(*args, **kwargs)))
        started = breaker.clock()
        try:
            result = yield from function(*args, **kwargs)
        except Exception as error:
            breaker.raised(generation, started, error)
            raise
        except BaseException:  # closed before its end
            breaker.abandoned(generation)
            raise
        breaker.returned(generation, started, result)
        return result

    return guarded


def _async_generator(
    breaker: CircuitBreaker, function: Callable[P, AsyncGenerator[Item, Sent]]
) -> Callable[P, AsyncGenerator[Item, Sent]]:
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Item, Sent]:
        try:
            generation = breaker.admit()
        except CircuitOpenError:
            if breaker.fallback is None:
                raise
            async for item in breaker.fallback(*args, **kwargs):
                yield item
            return
        started = breaker.clock()
        items = function(*args, **kwargs)
        try:
            # What `yield from` does in a generator that is not async.
            step: Awaitable[Item] = items.__anext__()
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    break
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - it is the generator's to handle
                    step = items.athrow(error)
                else:
                    step = items.asend(sent)
        except Exception as error:
            breaker.raised(generation, started, error)
            raise
        except BaseException:  # cancelled, or closed before its end
            breaker.abandoned(generation)
            await items.aclose()
            raise
        breaker.returned(generation, started, None)

    return guarded


def _after(breaker: CircuitBreaker, verdict: Verdict) -> Callable[..., Any] | None:
    """What stands in for a call that was made."""
    failed = verdict is Verdict.FAILURE
    return breaker.fallback if failed and breaker.fallback_on_failure else None


async def _awaited(value: Any) -> Any:  # noqa: ANN401 - what a fallback gives
    return await value if inspect.isawaitable(value) else value
