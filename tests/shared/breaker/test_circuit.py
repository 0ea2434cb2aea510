"""When calls pass, when they are refused, and what brings them back."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from shared.breaker import CircuitOpenError, RateWindow, State, Verdict
from tests.shared.breaker.conftest import swallow

if TYPE_CHECKING:
    from shared.breaker import CircuitBreaker
    from tests.shared.breaker.conftest import Clock, Dependency, Make


def tripped(breaker: CircuitBreaker, dependency: Dependency) -> CircuitBreaker:
    dependency.fails = True
    while breaker.snapshot().state is not State.OPEN:
        swallow(breaker(dependency.call))
    return breaker


def test_two_failures_open_it_and_no_call_reaches_the_dependency_then(
    make: Make, dependency: Dependency
) -> None:
    breaker = make()
    outcomes = [swallow(breaker(dependency.call)) for _ in range(6)]
    assert outcomes == ["ConnectionError"] * 2 + ["CircuitOpenError"] * 4
    assert dependency.calls == 2


async def test_so_do_two_failures_of_an_async_function(make: Make, dependency: Dependency) -> None:
    breaker, outcomes = make(), []
    for _ in range(6):
        try:
            await breaker(dependency.call_async)()
        except (ConnectionError, CircuitOpenError) as error:
            outcomes.append(type(error).__name__)
    assert outcomes == ["ConnectionError"] * 2 + ["CircuitOpenError"] * 4
    assert dependency.calls == 2


def test_a_success_between_them_starts_the_count_again(make: Make, dependency: Dependency) -> None:
    breaker = make()
    for fails in (True, False, True, False, True):
        dependency.fails = fails
        swallow(breaker(dependency.call))
    assert breaker.state is State.CLOSED


def test_the_refusal_says_what_when_and_why(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(), dependency)
    clock.forward(20)
    with pytest.raises(CircuitOpenError) as caught:
        breaker(dependency.call)()
    assert str(caught.value) == (
        "database is not called: the last error was: ConnectionError: refused; "
        "it may be tried again in 40.0 s"
    )
    assert (caught.value.name, caught.value.retry_after) == ("database", 40.0)


def test_after_the_wait_one_success_closes_it(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(), dependency)
    clock.forward(60)
    assert breaker.state is State.HALF_OPEN
    dependency.fails = False
    assert breaker(dependency.call)() == "fine"
    assert breaker.state is State.CLOSED


def test_after_the_wait_one_failure_opens_it_for_as_long_again(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(), dependency)
    clock.forward(60)
    assert swallow(breaker(dependency.call)) == "ConnectionError"
    assert breaker.state is State.OPEN
    assert breaker.snapshot().retry_after == 60


def test_several_successes_may_be_asked_for(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(success_threshold=2), dependency)
    clock.forward(60)
    dependency.fails = False
    breaker(dependency.call)()
    assert breaker.state is State.HALF_OPEN
    breaker(dependency.call)()
    assert breaker.state is State.CLOSED


async def test_of_50_tasks_one_is_let_through_to_see(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(), dependency)
    clock.forward(60)
    admitted, answer = 0, asyncio.Event()

    async def slow() -> None:
        nonlocal admitted
        admitted += 1
        await answer.wait()

    calls = [asyncio.create_task(breaker(slow)()) for _ in range(50)]  # type: ignore[arg-type]
    done, pending = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
    assert (admitted, len(pending)) == (1, 1)
    assert {type(call.exception()) for call in done} == {CircuitOpenError}
    answer.set()
    await asyncio.wait(pending)
    assert breaker.state is State.CLOSED


def test_of_16_threads_one_is_let_through_to_see(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(), dependency)
    clock.forward(60)
    together, leave = threading.Barrier(17), threading.Event()
    admitted: list[int] = []
    refused = threading.Semaphore(0)

    def slow() -> None:
        admitted.append(1)
        leave.wait(10)

    def call() -> None:
        together.wait(10)
        try:
            breaker(slow)()
        except CircuitOpenError:
            refused.release()

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    together.wait(10)
    assert all(refused.acquire(timeout=10) for _ in range(15))
    leave.set()
    for thread in threads:
        thread.join(10)
    assert len(admitted) == 1


def test_calls_of_threads_run_at_the_same_time_while_it_is_closed(make: Make) -> None:
    breaker, together = make(), threading.Barrier(8)
    guarded = breaker(lambda: together.wait(10))
    threads = [threading.Thread(target=guarded) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not together.broken
    assert breaker.snapshot().counts.success == 8


async def test_a_cancelled_call_counts_neither_way(make: Make, dependency: Dependency) -> None:
    breaker = make(failure_threshold=3)

    async def hang() -> None:
        await asyncio.Event().wait()

    async def boom() -> None:
        raise ConnectionError

    for function in (boom, boom):
        with pytest.raises(ConnectionError):
            await breaker(function)()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(breaker(hang)(), 0.01)
    assert breaker.state is State.CLOSED
    with pytest.raises(ConnectionError):
        await breaker(boom)()
    assert breaker.state is State.OPEN
    assert breaker.snapshot().counts.abandoned == 1


async def test_a_cancelled_probe_frees_its_place(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(), dependency)
    clock.forward(60)

    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(breaker(hang)(), 0.01)
    assert (breaker.state, breaker.snapshot().probes) == (State.HALF_OPEN, 0)
    dependency.fails = False
    assert await breaker(dependency.call_async)() == "fine"


async def test_a_call_timeout_of_its_own_is_a_failure(make: Make) -> None:
    breaker = make(call_timeout=0.001)

    async def hang() -> None:
        await asyncio.Event().wait()

    for _ in range(2):
        with pytest.raises(TimeoutError):
            await breaker(hang)()
    assert breaker.state is State.OPEN
    assert breaker.snapshot().last_error == "no answer within 0.001 s"


def test_a_success_that_began_before_it_opened_does_not_close_it(
    make: Make, dependency: Dependency
) -> None:
    breaker = make()
    early = breaker.admit()
    tripped(breaker, dependency)
    breaker.returned(early, 0.0, "fine")
    assert breaker.state is State.OPEN
    assert breaker.snapshot().counts.stale == 1


def test_nor_does_it_close_the_half_open_state_nor_a_failure_open_it(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = make()
    early, another = breaker.admit(), breaker.admit()
    tripped(breaker, dependency)
    clock.forward(60)
    breaker.returned(early, 0.0, "fine")
    breaker.raised(another, 0.0, ConnectionError())
    assert breaker.state is State.HALF_OPEN


def test_errors_that_are_our_own_fault_are_successes_of_the_dependency(make: Make) -> None:
    breaker = make(
        judge_error=lambda error: (
            Verdict.SUCCESS if isinstance(error, ValueError) else Verdict.FAILURE
        )
    )

    def refuses() -> None:
        raise ValueError("no such thing")

    assert {swallow(breaker(refuses)) for _ in range(5)} == {"ValueError"}
    assert breaker.state is State.CLOSED


def test_errors_that_say_nothing_leave_the_half_open_state_as_it_is(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(judge_error=_limits_say_nothing), dependency)
    clock.forward(60)

    def limited() -> None:
        raise PermissionError

    assert [swallow(breaker(limited)) for _ in range(3)] == ["PermissionError"] * 3
    assert breaker.snapshot().probes == 0
    assert breaker.state is State.HALF_OPEN


def _limits_say_nothing(error: Exception) -> Verdict:
    return Verdict.IGNORED if isinstance(error, PermissionError) else Verdict.FAILURE


def test_a_judge_that_fails_is_a_failure_and_frees_the_probe(
    make: Make, dependency: Dependency, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(error: Exception) -> Verdict:
        raise KeyError(error)

    breaker = tripped(make(judge_error=broken), dependency)
    clock.forward(60)
    assert swallow(breaker(dependency.call)) == "ConnectionError"
    assert breaker.state is State.OPEN
    assert "could not be judged" in caplog.text


def test_a_bad_result_may_be_a_failure(make: Make) -> None:
    breaker = make(
        judge_result=lambda status: Verdict.FAILURE if status == 503 else Verdict.SUCCESS
    )
    assert [swallow(breaker(lambda: 503)) for _ in range(3)] == ["503", "503", "CircuitOpenError"]


def test_repeated_openings_wait_longer_up_to_a_limit(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = tripped(make(recovery_growth=2.0, max_recovery_timeout=200.0), dependency)
    waits = []
    for _ in range(4):
        waits.append(breaker.snapshot().retry_after)
        clock.forward(waits[-1])
        swallow(breaker(dependency.call))
    assert waits == [60, 120, 200, 200]
    clock.forward(200)
    dependency.fails = False
    breaker(dependency.call)()
    assert tripped(breaker, dependency).snapshot().retry_after == 60


def test_the_wait_is_spread_at_random_where_that_is_asked_for(
    make: Make, dependency: Dependency
) -> None:
    breaker = tripped(make(recovery_jitter=0.1, uniform=lambda _low, high: high), dependency)
    assert breaker.snapshot().retry_after == pytest.approx(66)


def test_a_window_opens_at_a_rate_of_failures_and_not_before_enough_calls(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = make(trip=RateWindow(seconds=10, min_calls=4, failure_rate=0.5))
    for fails in (True, True, False):
        dependency.fails = fails
        swallow(breaker(dependency.call))
    assert breaker.state is State.CLOSED
    swallow(breaker(dependency.call))
    assert breaker.state is State.OPEN


def test_a_window_forgets_what_is_older(make: Make, dependency: Dependency, clock: Clock) -> None:
    breaker = make(trip=RateWindow(seconds=10, min_calls=4, failure_rate=0.5))
    for _ in range(3):
        swallow(breaker(dependency.call))
    clock.forward(10)
    swallow(breaker(dependency.call))
    assert breaker.state is State.CLOSED


def test_a_window_opens_for_calls_that_are_slow(make: Make, clock: Clock) -> None:
    breaker = make(trip=RateWindow(seconds=100, min_calls=3, slow_seconds=2.0, slow_rate=0.6))
    for seconds in (3.0, 0.1, 2.0):
        breaker(clock.forward)(seconds)
    assert breaker.state is State.OPEN
    assert str(RateWindow(seconds=1, min_calls=1)) == "0 of 0 calls failed and 0 were slow"


@pytest.mark.parametrize(
    "options",
    [
        {"failure_threshold": 0},
        {"recovery_timeout": -1},
        {"half_open_max_calls": 0},
        {"success_threshold": 0},
        {"recovery_growth": 0.5},
        {"recovery_jitter": 1.0},
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(make: Make, options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"at least|negative"):
        make(**options)
