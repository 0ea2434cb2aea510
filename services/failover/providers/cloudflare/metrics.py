"""What is counted of calls to Cloudflare (docs/metrics.md)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REMAINING = Gauge(
    "bgpilot_failover_cloudflare_remaining_requests",
    "Requests that may still be sent",
    ["counted_by"],
)
HELD_BACK = Counter(
    "bgpilot_failover_cloudflare_held_back_total",
    "Requests that were not sent, so that the limit is kept",
    ["reason"],
)
BLOCKS = Counter(
    "bgpilot_failover_cloudflare_rate_limited_total", "Answers that said: too many requests"
)
REPAIRS = Counter(
    "bgpilot_failover_cloudflare_repairs_total",
    "Bulk updates of which only a part was applied, and the rest sent again",
)
TOKEN_EXPIRY = Gauge(
    "bgpilot_failover_cloudflare_token_expiry_seconds",
    "When the API token expires, in seconds since 1970; 0 where it never does",
)
