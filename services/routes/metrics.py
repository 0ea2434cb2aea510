"""What is counted of answers (docs/metrics.md)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

HEAVY_RUNNING = Gauge("bgpilot_routes_heavy_running", "Heavy queries that run now")
HEAVY_REFUSED = Counter(
    "bgpilot_routes_heavy_refused_total", "Heavy queries that were refused", ["bound"]
)
TIMEOUTS = Counter(
    "bgpilot_routes_query_timeouts_total", "Questions that took longer than a query may"
)
STREAMED = Counter("bgpilot_routes_streamed_total", "Items sent in streams", ["format"])
STREAMS_LEFT = Counter(
    "bgpilot_routes_streams_left_total", "Streams whose client went away before the end"
)
NOT_MODIFIED = Counter(
    "bgpilot_routes_not_modified_total", "Answers that the client had already (304)"
)
