"""HTTP handlers: what is told, what operators say, and the circuit breakers."""

from services.failover.endpoints import breakers, orders, practice, reading, stopping

ALL = [reading.api, orders.api, stopping.api, practice.api, breakers.api]
