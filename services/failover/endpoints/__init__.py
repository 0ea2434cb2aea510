"""HTTP handlers: what is told, what operators say, and the circuit breakers."""

from services.failover.endpoints import breakers, orders, reading

ALL = [reading.api, orders.api, breakers.api]
