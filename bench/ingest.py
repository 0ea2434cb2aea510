"""How fast routes get from a socket into the history and the current RIB, all indexes in place."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import pmbmpd
from bench.captures import churn, streams
from bench.compiled import copied
from bench.service import connect, running, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.service import Service

Figure = dict[str, Any]

CHURN_TIMES = 10
_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE nspname = 'rib' AND relkind = 'r'
"""
_HISTORY_SIZE = f"{_SIZE} AND relname LIKE 'route_event%'"


def run() -> Iterator[Figure]:
    """Loads of each stream by each decoder, and what pmbmpd takes to write the same as JSON."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        copies = {}
        for kind in ("plain", "compiled"):
            copy = copied(directory, compiled=kind == "compiled")
            if isinstance(copy, str):
                yield {"decoder": kind, "skipped": copy}
            else:
                copies[kind] = copy
        for stream in streams(directory):
            routes = 0
            for kind, copy in copies.items():
                for figure in _load(copy, stream, churn(directory)):
                    routes = routes or figure["routes"]
                    yield {"stream": stream.name, "decoder": kind} | figure
            yield _pmbmpd(directory, stream, routes)


def _load(copy: Path, stream: Path, changes: Path | None) -> Iterator[Figure]:
    with running(copy) as service:
        connection = connect()
        first = _measured(service, "first load", lambda: send(connection, stream))
        current = service.query("SELECT count(*) FROM current_routes WHERE state = 'active'")
        size = service.query(_SIZE)
        yield first | {"current_routes": current, "bytes_per_route": round(size / current, 1)}
        connection.close()
        again = connect()
        second = _measured(service, "second load", lambda: send(again, stream))
        rows = service.query("SELECT count(*) FROM rib.route")
        ratio = second["routes_per_second"] / first["routes_per_second"]
        yield second | {"rows": rows, "speed_of_first": round(ratio, 2)}
        if changes is not None:
            router = connect()
            before = service.query(_HISTORY_SIZE)
            churned = _measured(service, "churn on top", lambda: send(router, changes, CHURN_TIMES))
            grown = service.query(_HISTORY_SIZE) - before
            yield churned | {"bytes_per_event": round(grown / churned["routes"], 1)}
            router.close()
        again.close()


def _measured(service: Service, what: str, work: Callable[[], int]) -> Figure:
    before = service.stats()
    ingest, server = service.cpu_seconds()
    started = time.monotonic()
    sent = work()
    stats = service.until_committed(before["received_bytes"] + sent)
    seconds = time.monotonic() - started
    ingest_after, server_after = service.cpu_seconds()
    routes = stats["committed_routes"] - before["committed_routes"]
    return {
        "figure": what,
        "routes": routes,
        "seconds": round(seconds, 2),
        "routes_per_second": round(routes / seconds),
        "ingest_us_per_route": round((ingest_after - ingest) / routes * 1e6, 2),
        "postgres_us_per_route": round((server_after - server) / routes * 1e6, 2),
        "ingest_rss_mb": service.rss_mb(),
    }


def _pmbmpd(directory: Path, stream: Path, routes: int) -> Figure:
    figure: Figure = {"stream": stream.name, "figure": "pmbmpd to a JSON file"}
    if pmbmpd.PROGRAM is None:
        return figure | {"skipped": "pmbmpd is not installed (Debian package pmacct)"}
    used = pmbmpd.measure(directory, stream, log=True)
    return figure | {
        "routes": routes,
        "seconds": round(used.seconds, 2),
        "routes_per_second": round(routes / used.seconds),
        "us_per_route": round(used.cpu_seconds / routes * 1e6, 2),
    }
