"""Random lives of a breaker against a model that is told in a dozen lines."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.breaker import CircuitBreaker, CircuitOpenError, State
from tests.shared.breaker.conftest import Clock

THRESHOLD, WAIT, PROBES, SUCCESSES = 3, 60.0, 2, 2


class BreakerLife(RuleBasedStateMachine):
    """Calls begin, end in any order and in any way, and time goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = CircuitBreaker(
            "model",
            failure_threshold=THRESHOLD,
            recovery_timeout=WAIT,
            half_open_max_calls=PROBES,
            success_threshold=SUCCESSES,
            clock=self.clock,
            registry=None,
        )
        self.state, self.life = State.CLOSED, 0
        self.in_a_row = self.successes = 0
        self.opened_at = 0.0
        self.running: list[tuple[int, int]] = []
        """Of each call: the breaker's number, and the model's."""

    def go(self, state: State) -> None:
        self.state, self.life = state, self.life + 1
        self.in_a_row = self.successes = 0
        self.opened_at = self.clock.now

    def probes(self) -> int:
        return sum(life == self.life for _, life in self.running)

    @rule()
    def begin(self) -> None:
        if self.state is State.OPEN and self.clock.now >= self.opened_at + WAIT:
            self.go(State.HALF_OPEN)
        refused = self.state is State.OPEN or (
            self.state is State.HALF_OPEN and self.probes() >= PROBES
        )
        if refused:
            with pytest.raises(CircuitOpenError) as caught:
                self.breaker.admit()
            assert 0 < caught.value.retry_after <= WAIT
        else:
            self.running.append((self.breaker.admit(), self.life))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(("returned", "raised", "abandoned")))
    def end(self, data: st.DataObject, how: str) -> None:
        generation, life = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        if how == "returned":
            self.breaker.returned(generation, self.clock.now, None)
        elif how == "raised":
            self.breaker.raised(generation, self.clock.now, ConnectionError())
        else:
            self.breaker.abandoned(generation)
        if life != self.life or how == "abandoned":
            return
        if self.state is State.CLOSED:
            self.in_a_row = self.in_a_row + 1 if how == "raised" else 0
            if self.in_a_row == THRESHOLD:
                self.go(State.OPEN)
        elif how == "raised":
            self.go(State.OPEN)
        else:
            self.successes += 1
            if self.successes == SUCCESSES:
                self.go(State.CLOSED)

    @rule(seconds=st.sampled_from((1.0, 59.0, 60.0)))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @invariant()
    def it_is_as_the_model_has_it(self) -> None:
        if self.state is State.OPEN and self.clock.now >= self.opened_at + WAIT:
            self.go(State.HALF_OPEN)
        found = self.breaker.snapshot()
        assert found.state is self.state
        assert found.probes == (self.probes() if self.state is State.HALF_OPEN else 0)


TestBreakerLife = BreakerLife.TestCase
