"""What Prometheus reads of the live stream."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SUBSCRIBERS = Gauge("bgpilot_live_subscribers", "Subscribers of the live stream", ["transport"])
SUBSCRIPTIONS = Gauge("bgpilot_live_subscriptions", "Subscriptions of all subscribers")
REFUSED = Counter("bgpilot_live_refused_total", "Subscribers that were turned away", ["reason"])
CUT_OFF = Counter(
    "bgpilot_live_cut_off_total", "Subscribers that were cut off because they were too slow"
)
MESSAGES = Counter("bgpilot_live_messages_total", "Messages made of the history", ["type"])
SENT = Counter("bgpilot_live_sent_total", "Messages put into the queues of subscribers")
SKIPPED = Counter(
    "bgpilot_live_skipped_routes_total", "Routes that no subscriber was told of, who was told so"
)
LAG_SECONDS = Histogram(
    "bgpilot_live_lag_seconds",
    "Time from a commit of ingest to the queues of the subscribers",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 60.0),
)
READ_FAILURES = Counter(
    "bgpilot_live_read_failures_total", "Reads of the history that the database did not answer"
)
