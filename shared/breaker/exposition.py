"""Breakers for Prometheus and in the log, for the services; `shared.breaker` needs neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.breaker.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from shared.breaker.registry import Registry
    from shared.breaker.states import Transition

log = structlog.get_logger(__name__)

_OUTCOMES = ("success", "failure", "ignored", "abandoned", "rejected")


class BreakerCollector(Collector):
    """Reads every breaker when Prometheus asks, so that a call pays nothing for it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        states = GaugeMetricFamily(
            "bgpilot_breaker_state",
            "1 for the state that a circuit breaker is in",
            labels=("breaker", "state"),
        )
        forced = GaugeMetricFamily(
            "bgpilot_breaker_forced",
            "1 while a person holds a circuit breaker in its state",
            labels=("breaker",),
        )
        calls = CounterMetricFamily(
            "bgpilot_breaker_calls_total",
            "Calls by what became of them",
            labels=("breaker", "outcome"),
        )
        transitions = CounterMetricFamily(
            "bgpilot_breaker_transitions_total", "Changes of state", labels=("breaker",)
        )
        for found in (breaker.snapshot() for breaker in self._registry):
            for state in State:
                states.add_metric((found.name, state.value), float(found.state is state))
            forced.add_metric((found.name,), float(found.forced is not None))
            for outcome in _OUTCOMES:
                calls.add_metric((found.name, outcome), getattr(found.counts, outcome))
            transitions.add_metric((found.name,), found.generation)
        yield from (states, forced, calls, transitions)


def log_transition(change: Transition) -> None:
    """A listener that writes each change of state to the log."""
    say = log.warning if change.after is State.OPEN else log.info
    say(
        "circuit breaker",
        breaker=change.name,
        state=change.after.value,
        before=change.before.value,
        reason=change.reason,
    )
