"""What a loaded station does besides: lag under steady updates, a Peer Down of a whole table, and
memory while the database is fifty times slower than the routers."""

from __future__ import annotations

import asyncio
import math
import re
import signal
import struct
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from bench.captures import churn, streams
from bench.compiled import copied
from bench.service import BMP_PORT, HTTP_PORT, Service, connect, running, send
from services.ingest.replay import Target, replay
from services.ingest.wire import PeerUp, StreamDecoder

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

Figure = dict[str, Any]

UPDATES_PER_SECOND = 5_000
SLOWER = 50
SLOW_SECONDS = 30.0
_TURN_SECONDS = 0.25
_LAG = re.compile(r'^bgpilot_ingest_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
_PEER_HEADER = slice(6, 48)


def run() -> Iterator[Figure]:
    """The figures, on the last of the streams."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        copy = copied(directory, compiled=False)
        assert isinstance(copy, Path)
        table = streams(directory)[-1]
        updates = churn(directory)
        with running(copy) as service:
            router = connect()
            service.until_committed(send(router, table))
            if updates is not None:
                yield _lag(service, updates)
            yield _peer_down(service, router, table, updates)
        with running(copy) as service:
            yield _slow_database(service, table)


def _lag(service: Service, updates: Path) -> Figure:
    before = _buckets()
    started = time.monotonic()
    asyncio.run(replay(str(updates), Target("127.0.0.1", BMP_PORT), rate=UPDATES_PER_SECOND))
    service.until_committed(0)
    seconds = time.monotonic() - started
    return {
        "figure": "lag from socket to commit",
        "updates_per_second": UPDATES_PER_SECOND,
        "seconds": round(seconds, 1),
        "p99_seconds_at_most": _quantile(before, _buckets(), 0.99),
    }


def _peer_down(
    service: Service, router: socket.socket, table: Path, updates: Path | None
) -> Figure:
    header = _first_peer(table)
    routes = service.query(_LIVE)
    others = None
    if updates is not None:
        others = threading.Thread(
            target=lambda: asyncio.run(
                replay(str(updates), Target("127.0.0.1", BMP_PORT), rate=UPDATES_PER_SECOND)
            )
        )
        others.start()
    before = _buckets()
    started = time.monotonic()
    router.sendall(struct.pack(">BIB", 3, 49, 2) + header + b"\4")
    while service.query("SELECT count(*) FROM rib.peer WHERE state = 'down'") == 0:
        time.sleep(0.005)
    seconds = time.monotonic() - started
    if others is not None:
        others.join()
    return {
        "figure": "peer down",
        "routes": routes - service.query(_LIVE),
        "visible_after_seconds": round(seconds, 3),
        "others_p99_lag_seconds_at_most": _quantile(before, _buckets(), 0.99),
    }


_LIVE = """
SELECT count(*) FROM rib.route JOIN rib.peer_rib USING (rib_id)
 WHERE NOT is_withdrawn AND session >= valid_session
   AND peer_id = (SELECT min(peer_id) FROM rib.peer)
"""


def _slow_database(service: Service, table: Path) -> Figure:
    router = connect()
    sender = threading.Thread(target=lambda: _send_what_is_taken(router, table), daemon=True)
    largest = 0
    with _slowed(service.postgres):
        sender.start()
        deadline = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < deadline:
            largest = max(largest, service.rss_mb())
            time.sleep(_TURN_SECONDS)
        stats = service.stats()
    router.close()
    return {
        "figure": f"database {SLOWER} times slower",
        "seconds": SLOW_SECONDS,
        "committed_routes": stats["committed_routes"],
        "pending_routes": stats["pending_routes"],
        "ingest_rss_mb": largest,
    }


def _send_what_is_taken(router: socket.socket, table: Path) -> None:
    try:
        send(router, table)
    except OSError:
        return  # closed while it waited


@contextmanager
def _slowed(postgres: psutil.Process) -> Iterator[None]:
    """Gives the server's processes one turn in fifty."""
    ended = threading.Event()

    def take_turns() -> None:
        while not ended.is_set():
            _signal(postgres, signal.SIGSTOP)
            ended.wait(_TURN_SECONDS * (SLOWER - 1) / SLOWER)
            _signal(postgres, signal.SIGCONT)
            time.sleep(_TURN_SECONDS / SLOWER)

    turns = threading.Thread(target=take_turns)
    turns.start()
    try:
        yield
    finally:
        ended.set()
        turns.join()
        _signal(postgres, signal.SIGCONT)


def _signal(postgres: psutil.Process, number: signal.Signals) -> None:
    for child in postgres.children(recursive=True):
        try:
            child.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _first_peer(table: Path) -> bytes:
    data = table.read_bytes()[: 1 << 16]
    for message in StreamDecoder().feed(data):
        if isinstance(message, PeerUp):
            return data[message.offset :][_PEER_HEADER]
    raise SystemExit(f"{table.name} has no Peer Up")


def _buckets() -> dict[float, float]:
    page = httpx.get(f"http://127.0.0.1:{HTTP_PORT}/metrics").text
    return {float(le): float(count) for le, count in _LAG.findall(page)}


def _quantile(before: dict[float, float], after: dict[float, float], share: float) -> float | None:
    """The upper end of the bucket in which the quantile is; None past the last."""
    total = after[math.inf] - before[math.inf]
    for bound in sorted(after):
        if after[bound] - before[bound] >= share * total:
            return bound if math.isfinite(bound) else None
    return None
