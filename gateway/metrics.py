"""What the gateway counts beside the metrics of every HTTP app."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ANSWERS = Counter(
    "bgpilot_gateway_upstream_answers_total",
    "What became of forwarded requests: a status class such as 2xx, or the kind of failure",
    ["service", "outcome"],
)
SECONDS = Histogram(
    "bgpilot_gateway_upstream_first_byte_seconds",
    "Time from forwarding a request to the headers of the answer",
    ["service"],
)
IN_FLIGHT = Gauge(
    "bgpilot_gateway_upstream_in_flight",
    "Forwarded requests not answered in full yet, without streams",
    ["service"],
)
RETRIES = Counter("bgpilot_gateway_upstream_retries_total", "Connections tried again", ["service"])
ABANDONED = Counter(
    "bgpilot_gateway_abandoned_total", "Requests whose client left before the end", ["service"]
)
BROKEN = Counter(
    "bgpilot_gateway_broken_answers_total", "Answers that a service broke off midway", ["service"]
)
STREAMS = Gauge(
    "bgpilot_gateway_open_streams",
    "WebSockets and other answers without an end that are open",
    ["service", "kind"],
)
MESSAGES = Counter(
    "bgpilot_gateway_websocket_messages_total",
    "WebSocket messages passed on to the client or to the service",
    ["service", "to"],
)
CLOSED = Counter(
    "bgpilot_gateway_websockets_closed_total",
    "WebSockets that are over, by who ended them: client, service, or broken without a word",
    ["service", "by"],
)
