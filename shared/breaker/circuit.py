"""The state machine of a circuit breaker.

    CLOSED --too many failures--> OPEN --recovery_timeout--> HALF-OPEN --successes--> CLOSED
                                   ^------------a failure----------------'

A call takes the number of the state it began in along, and its outcome counts only in that state:
a call that was begun before the circuit opened neither closes it nor opens it again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

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
from shared.breaker.trips import Consecutive, Trip
from shared.breaker.wrapping import wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    Listener = Callable[[Transition], None]

F = TypeVar("F", bound="Callable[..., Any]")

log = logging.getLogger(__name__)

_CLOSED, _OPEN, _HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN


def every_error_fails(_: Exception) -> Verdict:
    """The verdict on errors where the caller gives none."""
    return Verdict.FAILURE


class CircuitBreaker:
    """Guards one dependency: `breaker(function)(...)`, or `@circuit_break` on a function.

    It may be used by threads and by tasks of several event loops at once; its lock is held for
    a few assignments, never while the function runs or a listener listens.
    """

    def __init__(
        self,
        name: str,
        *,
        failure_threshold: int = 5,
        recovery_timeout: float = 30.0,
        fallback_function: Callable[..., Any] | None = None,
        fallback_on_failure: bool = False,
        half_open_max_calls: int = 1,
        success_threshold: int = 1,
        call_timeout: float | None = None,
        judge_error: Callable[[Exception], Verdict] = every_error_fails,
        judge_result: Callable[[Any], Verdict] | None = None,
        trip: Trip | None = None,
        recovery_growth: float = 1.0,
        max_recovery_timeout: float = 600.0,
        recovery_jitter: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        registry: Registry | None = REGISTRY,
    ) -> None:
        """All times are seconds.

        Args:
            name: In errors, logs and metrics; no two of a registry share it.
            failure_threshold: Failures in a row that open the circuit, unless `trip` decides.
            recovery_timeout: How long it stays open before a call is let through to see.
            fallback_function: Called with the call's arguments in place of a refused one.
            fallback_on_failure: Also in place of one that failed.
            half_open_max_calls: Calls at a time that the half-open state lets through.
            success_threshold: Successes in the half-open state that close the circuit.
            call_timeout: A call of an async function that takes longer is ended and failed.
            judge_error: What an error says of the dependency; a refusal of our request is none.
            judge_result: The same of a result, where one may be bad.
            trip: Decides in place of `failure_threshold`; see `RateWindow`.
            recovery_growth: Each time in a row that the circuit opens again the wait grows by
                this factor, up to `max_recovery_timeout`.
            recovery_jitter: A part of the wait, at random more or less.
        """
        if recovery_timeout < 0 or max_recovery_timeout < 0 or not 0 <= recovery_jitter < 1:
            raise ValueError("waits cannot be negative, and recovery_jitter is a part of one")
        if half_open_max_calls < 1 or success_threshold < 1 or recovery_growth < 1:
            raise ValueError(
                "half_open_max_calls, success_threshold and recovery_growth are at least 1"
            )
        self.name = name
        self.fallback = fallback_function
        self.fallback_on_failure = fallback_on_failure
        self.call_timeout = call_timeout
        self.judge_error = judge_error
        self.judge_result = judge_result
        self.clock = clock
        self.listeners: list[Listener] = []
        self._trip = trip or Consecutive(failure_threshold)
        self._recovery_timeout = recovery_timeout
        self._recovery_growth = recovery_growth
        self._max_recovery_timeout = max(max_recovery_timeout, recovery_timeout)
        self._recovery_jitter = recovery_jitter
        self._uniform = uniform
        self._half_open_max_calls = half_open_max_calls
        self._success_threshold = success_threshold
        self._lock = threading.Lock()
        self._state = _CLOSED
        self._generation = 0
        self._passes = True  # closed and not forced: nothing to ask
        self._probes = self._successes = self._openings = 0
        self._open_until = 0.0
        self._forced: Forced | None = None
        self._last_error: str | None = None
        self._counts = Counts()
        self._registry = registry
        if registry is not None:
            registry.add(self)

    def __call__(self, function: F) -> F:
        """The same function, guarded: sync or async, generators of both kinds included."""
        return wrap(self, function)

    # ---- what a guarded call does

    def admit(self) -> int:
        """The number of the state in which a call begins; raises CircuitOpenError."""
        generation = self._generation
        if self._passes:
            return generation
        with self._lock:
            change = self._on_time()
            refusal = self._refusal()
            if refusal is not None:
                self._counts.rejected += 1
            elif self._state is _HALF_OPEN:
                self._probes += 1
            generation = self._generation
        self._announce(change)
        if refusal is not None:
            raise refusal
        return generation

    def returned(self, generation: int, started: float, result: object) -> None:
        """A call that began in this state, at this time, gave a result."""
        verdict = Verdict.SUCCESS
        if self.judge_result is not None:
            verdict = self._judged(self.judge_result, result)
        self._ended(generation, verdict, self.clock() - started, result)

    def raised(self, generation: int, started: float, error: Exception) -> Verdict:
        """A call that began in this state, at this time, ended with an error; what it says."""
        verdict = self._judged(self.judge_error, error)
        self._ended(generation, verdict, self.clock() - started, error)
        return verdict

    def timed_out(self, generation: int, started: float) -> Verdict:
        """A call took longer than `call_timeout`, which is a failure."""
        complaint = f"no answer within {self.call_timeout} s"
        self._ended(generation, Verdict.FAILURE, self.clock() - started, complaint)
        return Verdict.FAILURE

    def abandoned(self, generation: int) -> None:
        """Its caller gave a call up. That says nothing, but a probe's place is free again."""
        with self._lock:
            self._counts.abandoned += 1
            if generation != self._generation:
                self._counts.stale += 1
            elif self._state is _HALF_OPEN:
                self._probes -= 1

    # ---- what a person does

    def force_open(self, *, seconds: float, owner: str, reason: str) -> None:
        """Refuses all calls for so long; afterwards calls are let through to see."""
        self._force(_OPEN, seconds, owner, reason)

    def force_closed(self, *, seconds: float, owner: str, reason: str) -> None:
        """Lets all calls pass for so long, whatever becomes of them."""
        self._force(_CLOSED, seconds, owner, reason)

    def release(self) -> None:
        """Takes a force back. What was held open lets calls through to see."""
        with self._lock:
            if self._forced is None:
                return
            after = _HALF_OPEN if self._forced.state is _OPEN else _CLOSED
            change = self._go(after, f"released from what {self._forced.owner} forced")
        self._announce(change)

    def reset(self) -> None:
        """Closed, as if it were new, save for its counts."""
        with self._lock:
            self._openings = 0
            change = self._go(_CLOSED, "reset")
        self._announce(change)

    # ---- what it tells

    @property
    def state(self) -> State:
        """The state that the next call meets."""
        return self.snapshot().state

    def snapshot(self) -> Snapshot:
        """What it is in now."""
        with self._lock:
            change = self._on_time()
            found = Snapshot(
                name=self.name,
                state=self._state,
                generation=self._generation,
                retry_after=self._retry_after() if self._state is _OPEN else 0.0,
                probes=self._probes,
                last_error=self._last_error,
                forced=self._forced,
                counts=replace(self._counts),
            )
        self._announce(change)
        return found

    # ---- under the lock

    def _on_time(self) -> Transition | None:
        """What the clock changes by itself."""
        if self._state is _OPEN and self.clock() >= self._open_until:
            return self._go(_HALF_OPEN, "the wait is over")
        if self._forced is not None and self.clock() >= self._forced.until:
            return self._go(_CLOSED, f"the time is over that {self._forced.owner} forced it for")
        return None

    def _refusal(self) -> CircuitOpenError | None:
        if self._state is _OPEN:
            if self._forced is not None:
                reason = f"{self._forced.owner} holds it open ({self._forced.reason})"
            else:
                reason = f"the last error was: {self._last_error}"
            return CircuitOpenError(self.name, self._retry_after(), reason)
        if self._state is _HALF_OPEN and self._probes >= self._half_open_max_calls:
            reason = "a call is on its way to see whether it has recovered"
            # Nobody knows how long that takes.
            return CircuitOpenError(self.name, min(1.0, self._recovery_timeout), reason)
        return None

    def _retry_after(self) -> float:
        return max(0.0, self._open_until - self.clock())

    def _ended(self, generation: int, verdict: Verdict, seconds: float, outcome: object) -> None:
        failed = verdict is Verdict.FAILURE
        change = None
        with self._lock:
            if failed:
                self._counts.failure += 1
                self._last_error = _shown(outcome)
            elif verdict is Verdict.SUCCESS:
                self._counts.success += 1
            else:
                self._counts.ignored += 1
            if generation != self._generation:
                self._counts.stale += 1
            elif self._state is _HALF_OPEN:
                change = self._probed(verdict)
            # Else it is closed: in the open state no call begins.
            elif (
                verdict is not Verdict.IGNORED
                and self._forced is None
                and self._trip.record(self.clock(), failed=failed, seconds=seconds)
            ):
                change = self._open(str(self._trip))
        if change is not None:
            self._announce(change)

    def _probed(self, verdict: Verdict) -> Transition | None:
        self._probes -= 1
        if verdict is Verdict.FAILURE:
            return self._open("it has not recovered")
        if verdict is Verdict.SUCCESS:
            self._successes += 1
            if self._successes >= self._success_threshold:
                self._openings = 0
                return self._go(_CLOSED, "it has recovered")
        return None

    def _open(self, reason: str) -> Transition:
        wait = min(
            self._recovery_timeout * self._recovery_growth**self._openings,
            self._max_recovery_timeout,
        )
        self._openings += 1
        wait *= 1 + self._uniform(-self._recovery_jitter, self._recovery_jitter)
        self._open_until = self.clock() + wait
        return self._go(_OPEN, f"{reason}: {self._last_error}")

    def _force(self, state: State, seconds: float, owner: str, reason: str) -> None:
        if not (seconds > 0 and owner and reason):
            raise ValueError("a forced state needs seconds > 0, an owner and a reason")
        with self._lock:
            until = self.clock() + seconds
            change = self._go(state, f"forced by {owner}: {reason}")
            self._forced = Forced(state, owner, reason, until)
            self._open_until = until
            self._passes = False
        self._announce(change)

    def _go(self, after: State, reason: str) -> Transition:
        change = Transition(self.name, self._state, after, reason, self._generation + 1)
        self._generation += 1
        self._state = after
        self._forced = None
        self._probes = self._successes = 0
        self._trip.reset()
        self._passes = after is _CLOSED
        return change

    # ---- without the lock

    def _judged(self, judge: Callable[[Any], Verdict], outcome: object) -> Verdict:
        try:
            return judge(outcome)
        except Exception:
            log.exception("%s: an outcome could not be judged, and counts as a failure", self.name)
            return Verdict.FAILURE

    def _announce(self, change: Transition | None) -> None:
        if change is None:
            return
        everyone = self._registry.listeners if self._registry is not None else ()
        for listener in (*self.listeners, *everyone):
            try:
                listener(change)
            except Exception:
                log.exception("%s: a listener failed", self.name)


def _shown(outcome: object) -> str:
    """An error as one short line."""
    if isinstance(outcome, Exception):
        outcome = f"{type(outcome).__name__}: {outcome}" if str(outcome) else repr(outcome)
    return " ".join(str(outcome)[:300].split())
