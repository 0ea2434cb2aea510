"""What Prometheus reads of the operator's files."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ENTRIES = Gauge(
    "bgpilot_routes_file_entries", "VRPs, names or communities of the file in use", ["file"]
)
AGE_SECONDS = Gauge(
    "bgpilot_routes_file_age_seconds", "Since the file in use was written", ["file"]
)
READS = Counter("bgpilot_routes_file_reads_total", "Times a file was read", ["file", "result"])
