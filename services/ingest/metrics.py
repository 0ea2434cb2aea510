"""What Prometheus reads of the ingest service."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from services.ingest.histogram import CountedHistogram
from services.ingest.wire import family_name
from services.ingest.wire.readable import attribute_name

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
SHED = Counter(
    "bgpilot_ingest_connections_shed_total", "Connections closed that made us hold too much"
)
DIALS = Counter("bgpilot_ingest_dials_total", "Attempts to connect to a router", ["result"])
WORKER_ENDS = Counter(
    "bgpilot_worker_ends_total", "Ingest workers that ended without being told to", ["worker"]
)
BYTES = Counter("bgpilot_ingest_bytes_total", "Bytes read from routers")
MESSAGES = Counter("bgpilot_ingest_messages_total", "BMP messages decoded", ["type"])
MALFORMED = Counter(
    "bgpilot_ingest_malformed_total",
    "Errors in BMP messages and the BGP messages in them",
    ["type", "approach", "attribute"],
)
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
PENDING_BYTES = Gauge(
    "bgpilot_ingest_pending_bytes", "Bytes of rows of routes that are not yet committed"
)
QUEUE_BATCHES = Gauge("bgpilot_ingest_queue_batches", "Full batches that wait for the database")
BATCHES = Counter("bgpilot_ingest_batches_total", "Batches committed")
BATCH_SECONDS = Histogram(
    "bgpilot_ingest_batch_seconds", "Time to write and commit a batch", ["stage"]
)
BATCH_ROUTES = Histogram(
    "bgpilot_ingest_batch_routes",
    "Routes in a batch",
    buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000, 100_000),
)
LAG_SECONDS = CountedHistogram(
    "bgpilot_ingest_lag_seconds",
    "UPDATEs by the time from the socket to the commit in the current RIB",
    (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.5, 2, 5, 10, 30, 60, 300),
)
HELD_UP = Counter(
    "bgpilot_ingest_held_up_total", "Times that a router was made to wait for the database"
)
HELD_UP_SECONDS = Counter(
    "bgpilot_ingest_held_up_seconds_total", "How long routers were made to wait, added up"
)
RETRIES = Counter(
    "bgpilot_ingest_database_retries_total",
    "Transactions tried again: the database was away",
    ["connection"],
)
AWAY_SECONDS = Counter(
    "bgpilot_ingest_database_away_seconds_total",
    "How long the database could not be used",
    ["connection"],
)
SENT_AWAY = Gauge(
    "bgpilot_ingest_sent_away",
    "1 while routers cannot connect, because the database has been away for too long",
)
KEEPER_FAILURES = Counter(
    "bgpilot_ingest_keeper_failures_total", "Housekeeping in the store that failed", ["task"]
)
FOUND_COMMITTED = Counter(
    "bgpilot_ingest_found_committed_total",
    "Batches found committed after a lost connection",
    ["stage"],
)
LATE = Counter(
    "bgpilot_ingest_late_total",
    "Routes from a connection whose router has a newer one",
)


def family_label(family: int) -> str:
    """Its name; a router can make up more families than there are, which are all `other`."""
    name = family_name(family)
    return "other" if name.startswith("afi_") else name


@cache
def malformed(kind: str, approach: str | None, attribute: int | None) -> Counter:
    """The counter of errors of this class: an attribute that no RFC here names is `other`."""
    name = "none" if attribute is None else attribute_name(attribute) or "other"
    return MALFORMED.labels(kind, approach or "none", name)
