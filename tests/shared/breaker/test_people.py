"""What a person may do to a breaker, and who hears of it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from shared.breaker import CircuitBreaker, CircuitOpenError, Registry, State, Transition
from shared.breaker.exposition import BreakerCollector, log_transition
from tests.shared.breaker.conftest import swallow

if TYPE_CHECKING:
    from tests.shared.breaker.conftest import Clock, Dependency, Make


def test_held_open_it_refuses_and_says_who_and_why(make: Make, clock: Clock) -> None:
    breaker = make()
    breaker.force_open(seconds=300, owner="ana", reason="the provider is at work")
    clock.forward(100)
    with pytest.raises(CircuitOpenError) as caught:
        breaker(len)("")
    assert str(caught.value) == (
        "database is not called: ana holds it open (the provider is at work); "
        "it may be tried again in 200.0 s"
    )


def test_after_its_time_calls_pass_to_see(make: Make, clock: Clock) -> None:
    breaker = make()
    breaker.force_open(seconds=300, owner="ana", reason="at work")
    clock.forward(300)
    assert (breaker.state, breaker.snapshot().forced) == (State.HALF_OPEN, None)
    breaker(len)("")
    assert breaker.state is State.CLOSED


def test_held_closed_it_lets_failures_pass(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker = make()
    breaker.force_closed(seconds=300, owner="ana", reason="rather errors than silence")
    assert {swallow(breaker(dependency.call)) for _ in range(9)} == {"ConnectionError"}
    clock.forward(300)
    swallow(breaker(dependency.call))
    assert breaker.state is State.CLOSED
    swallow(breaker(dependency.call))
    assert breaker.state is State.OPEN


def test_what_was_forced_is_taken_back(make: Make) -> None:
    breaker = make()
    breaker.force_open(seconds=300, owner="ana", reason="at work")
    breaker.release()
    assert (breaker.state, breaker.snapshot().forced) == (State.HALF_OPEN, None)
    breaker.release()
    assert breaker.state is State.HALF_OPEN


def test_reset_closes_it_and_forgets_the_failures(make: Make, dependency: Dependency) -> None:
    breaker = make()
    swallow(breaker(dependency.call))
    breaker.reset()
    swallow(breaker(dependency.call))
    assert breaker.state is State.CLOSED


def test_a_probe_that_was_on_its_way_when_it_was_reset_leaves_no_trace(
    make: Make, clock: Clock
) -> None:
    breaker = make(failure_threshold=1)
    breaker.raised(breaker.admit(), 0.0, ConnectionError())
    clock.forward(60)
    probe = breaker.admit()
    breaker.reset()
    breaker.abandoned(probe)
    assert breaker.snapshot().probes == 0


@pytest.mark.parametrize("who", [{"owner": ""}, {"reason": ""}, {"seconds": 0}], ids=str)
def test_nobody_forces_it_for_ever_or_without_a_name_and_a_reason(
    make: Make, who: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="owner and a reason"):
        make().force_open(**{"seconds": 60, "owner": "ana", "reason": "at work", **who})  # type: ignore[arg-type]


def test_listeners_hear_each_transition_outside_the_lock(
    make: Make, dependency: Dependency, clock: Clock
) -> None:
    breaker, heard = make(), []

    def listener(change: Transition) -> None:
        heard.append((change.before, change.after, change.reason, breaker.snapshot().state))

    breaker.listeners.append(listener)
    swallow(breaker(dependency.call))
    swallow(breaker(dependency.call))
    clock.forward(60)
    dependency.fails = False
    breaker(dependency.call)()
    assert heard == [
        (
            State.CLOSED,
            State.OPEN,
            "2 failures in a row: ConnectionError: refused",
            State.OPEN,
        ),
        (State.OPEN, State.HALF_OPEN, "the wait is over", State.HALF_OPEN),
        (State.HALF_OPEN, State.CLOSED, "it has recovered", State.CLOSED),
    ]


def test_a_listener_that_fails_harms_neither_the_call_nor_the_others(
    make: Make, dependency: Dependency, caplog: pytest.LogCaptureFixture
) -> None:
    breaker, heard = make(failure_threshold=1), []

    def broken(change: Transition) -> None:
        raise KeyError(change.name)

    breaker.listeners += [broken, heard.append]
    assert swallow(breaker(dependency.call)) == "ConnectionError"
    assert len(heard) == 1
    assert "a listener failed" in caplog.text


def test_two_of_one_name_are_refused_and_unused_ones_are_forgotten() -> None:
    registry = Registry()
    breaker = CircuitBreaker("search", registry=registry)
    with pytest.raises(ValueError, match="a circuit breaker 'search' already"):
        CircuitBreaker("search", registry=registry)
    assert [one.name for one in registry] == ["search"]
    assert registry.get("search") is breaker
    del breaker
    gc.collect()
    assert list(registry) == []


def test_the_log_and_prometheus_tell_of_every_breaker_of_a_registry(
    dependency: Dependency, clock: Clock
) -> None:
    registry = Registry()
    registry.listeners.append(log_transition)
    breaker = CircuitBreaker("search", failure_threshold=1, clock=clock, registry=registry)
    with capture_logs() as logs:
        swallow(breaker(dependency.call))
        swallow(breaker(dependency.call))
    assert logs == [
        {
            "event": "circuit breaker",
            "log_level": "warning",
            "breaker": "search",
            "state": "open",
            "before": "closed",
            "reason": "1 failures in a row: ConnectionError: refused",
        }
    ]
    metrics = CollectorRegistry()
    metrics.register(BreakerCollector(registry))
    shown = generate_latest(metrics).decode()
    assert 'bgpilot_breaker_state{breaker="search",state="open"} 1.0' in shown
    assert 'bgpilot_breaker_calls_total{breaker="search",outcome="failure"} 1.0' in shown
    assert 'bgpilot_breaker_calls_total{breaker="search",outcome="rejected"} 1.0' in shown
    assert 'bgpilot_breaker_transitions_total{breaker="search"} 1.0' in shown
