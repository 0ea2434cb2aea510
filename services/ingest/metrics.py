"""What Prometheus reads of the ingest service."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from services.ingest.wire import family_name

CONNECTIONS = Gauge("bgpilot_ingest_connections", "BMP connections open now")
REFUSED = Counter(
    "bgpilot_ingest_connections_refused_total", "Connections closed on arrival", ["reason"]
)
CONNECTION_ERRORS = Counter(
    "bgpilot_ingest_connection_errors_total", "Connections closed because of an error of ours"
)
TIMED_OUT = Counter(
    "bgpilot_ingest_connections_timed_out_total", "Connections closed that kept us waiting"
)
DIALS = Counter("bgpilot_ingest_dials_total", "Attempts to connect to a router", ["result"])
WORKER_ENDS = Counter(
    "bgpilot_worker_ends_total", "Ingest workers that ended without being told to", ["worker"]
)
BYTES = Counter("bgpilot_ingest_bytes_total", "Bytes read from routers")
MESSAGES = Counter("bgpilot_ingest_messages_total", "BMP messages decoded", ["type"])
MALFORMED = Counter("bgpilot_ingest_malformed_total", "Messages or UPDATEs with an error", ["type"])
FRAMING_ERRORS = Counter(
    "bgpilot_ingest_framing_errors_total", "Connections closed because they do not speak BMP"
)
ANNOUNCED = Counter("bgpilot_ingest_announced_total", "Routes announced", ["family"])
WITHDRAWN = Counter("bgpilot_ingest_withdrawn_total", "Routes withdrawn", ["family"])
OWN_ASN_REMOVED = Counter(
    "bgpilot_ingest_own_asn_removed_total",
    "UPDATEs whose path had the router's own AS in front (FRR before 2026)",
)
PENDING = Gauge("bgpilot_ingest_pending_routes", "Routes decoded and not yet committed")
COMMITTED = Counter("bgpilot_ingest_committed_total", "Routes committed")
QUEUE_BATCHES = Gauge("bgpilot_ingest_queue_batches", "Full batches that wait for the database")
BATCHES = Counter("bgpilot_ingest_batches_total", "Batches committed")
BATCH_SECONDS = Histogram(
    "bgpilot_ingest_batch_seconds", "Time to write and commit a batch", ["stage"]
)
LAG_SECONDS = Histogram(
    "bgpilot_ingest_lag_seconds",
    "From the first row of a batch to its commit",
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300),
)
RETRIES = Counter(
    "bgpilot_ingest_retries_total", "Batches tried again: the database was away", ["stage"]
)
FOUND_COMMITTED = Counter(
    "bgpilot_ingest_found_committed_total",
    "Batches found committed after a lost connection",
    ["stage"],
)
LATE = Counter(
    "bgpilot_ingest_late_total",
    "Routes left out of the current RIB: their router has a newer connection",
)


@cache
def routes(family: int, is_withdrawn: bool) -> Counter:
    """The counter of this family's routes; to look one up by its label costs as much as a route."""
    return (WITHDRAWN if is_withdrawn else ANNOUNCED).labels(family_name(family))


@cache
def messages(kind: str) -> Counter:
    """The counter of this kind of BMP message."""
    return MESSAGES.labels(kind)
