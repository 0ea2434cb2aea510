"""What is counted of calls to any provider (docs/metrics.md)."""

from __future__ import annotations

from prometheus_client import Histogram

REQUESTS = Histogram(
    "bgpilot_failover_provider_request_seconds",
    "How long providers took to answer a request, each attempt counted",
    ["provider", "region", "way", "result"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
