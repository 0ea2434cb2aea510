"""The live stream: 500 subscribers with 1,000 subscriptions, at 5,000 updates a second."""

from __future__ import annotations

import array
import asyncio
import json
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import psutil

from bench.compiled import copied, environment
from bench.live_clients import FIRST_ORIGIN
from bench.service import START_SECONDS, Service, connect, running

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

Figure = dict[str, Any]

SUBSCRIBERS = 500
UPDATES_PER_SECOND = 5_000
SECONDS = 20
HTTP_PORT = 28_082
_PREFIXES = 100_000
_TRANSITS = 40
"""Each with routes of every origin: so many sets of attributes there are."""
_POLL_SECONDS = 0.02
_LAST_SECONDS = 2.0
"""What is not heard by then is lost."""


def run() -> Iterator[Figure]:
    """Lag from the commit of ingest to the subscriber, and what it costs."""
    with tempfile.TemporaryDirectory() as name:
        copy = copied(Path(name), compiled=False)
        assert isinstance(copy, Path)
        with running(copy) as service, _routes(copy, service.dsn) as routes:
            yield _measured(service, routes, Path(name) / "heard")


def _measured(service: Service, routes: psutil.Process, file: Path) -> Figure:
    router = connect()
    router.sendall(_message(4, struct.pack(">HH5s", 2, 5, b"bench")) + _peer_up())
    listeners = subprocess.Popen(
        [sys.executable, "-m", "bench.live_clients", str(HTTP_PORT), str(SUBSCRIBERS), str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listeners.stdin is not None
    assert listeners.stdout is not None
    assert listeners.stdout.readline() == "ready\n"
    commits = _Commits(service.dsn)
    before, ingest_before = _cpu(routes), sum(service.cpu_seconds())
    started = time.monotonic()
    sent = _send(router)
    seconds = time.monotonic() - started
    service.until_committed(0)
    time.sleep(_LAST_SECONDS)
    used, ingest_used = _cpu(routes) - before, sum(service.cpu_seconds()) - ingest_before
    batches = commits.stop()
    listeners.stdin.close()
    errors = json.loads(listeners.stdout.readline())
    listeners.wait()
    heard = _read(file)
    lags = sorted(
        at - batches[1][bisect_left(batches[0], number)]
        for numbers, times in heard
        for number, at in zip(numbers, times, strict=True)
    )
    return {
        "figure": "live stream",
        "subscribers": SUBSCRIBERS + 1,
        "subscriptions": 2 * SUBSCRIBERS + 1,
        "updates": sent,
        "updates_per_second": round(sent / seconds),
        "delivered": len(lags),
        "lost": sent - len(heard[0][0]),
        "out_of_order_or_twice": sum(
            sum(a >= b for a, b in pairwise(numbers)) for numbers, _ in heard
        ),
        "errors": len(errors),
        "lag_from_commit_p50_s": round(lags[len(lags) // 2], 3),
        "lag_from_commit_p99_s": round(lags[len(lags) * 99 // 100], 3),
        "lag_from_commit_max_s": round(lags[-1], 3),
        "cpu_share_of_routes": round(used / seconds, 2),
        "cpu_share_of_ingest_and_database": round(ingest_used / seconds, 2),
        "routes_rss_mb": round(routes.memory_info().rss / 1e6),
    }


class _Commits:
    """Up to which sequence number what was committed when."""

    def __init__(self, dsn: str) -> None:
        self._seqs: list[int] = []
        self._times: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch(dsn)))
        self._thread.start()

    async def _watch(self, dsn: str) -> None:
        conn = await asyncpg.connect(dsn)
        query = "SELECT last_seq, committed_at FROM rib.progress WHERE stage = 'history'"
        while not self._ended.is_set():
            row = await conn.fetchrow(query)
            if row is not None and row[0] is not None and row[0] not in self._seqs[-1:]:
                self._seqs.append(row[0])
                self._times.append(row[1].timestamp())
            await asyncio.sleep(_POLL_SECONDS)
        await conn.close()

    def stop(self) -> tuple[list[int], list[float]]:
        self._ended.set()
        self._thread.join()
        return self._seqs, self._times


def _send(router: socket.socket) -> int:
    """Updates of one prefix each, evenly; how many."""
    pick = random.Random(1)  # noqa: S311 - a stream to measure, no secret
    started = time.monotonic()
    sent = 0
    while (now := time.monotonic() - started) < SECONDS:
        due = int(now * UPDATES_PER_SECOND)
        router.sendall(b"".join(_update(pick) for _ in range(due - sent)))
        sent = due
        time.sleep(0.005)
    return sent


def _update(pick: random.Random) -> bytes:
    prefix = pick.randrange(_PREFIXES)
    origin = FIRST_ORIGIN + pick.randrange(SUBSCRIBERS)
    path = (65_001, pick.randrange(1, 1 + _TRANSITS), origin)
    attributes = b"\x40\x01\x01\x00\x40\x02\x0e\x02\x03" + struct.pack(">3I", *path)
    attributes += b"\x40\x03\x04\x0a\x00\x00\x01" + b"\xc0\x08\x04" + struct.pack(">I", origin)
    nlri = b"\x18" + struct.pack(">I", 0x01000000 + (prefix << 8))[:3]
    body = b"\0\0" + struct.pack(">H", len(attributes)) + attributes + nlri
    return _message(0, _HEADER + _bgp(2, body))


_HEADER = struct.pack(">BB8x12xIIIII", 0, 0, 0x0A000001, 65001, 1, 0, 0)


def _peer_up() -> bytes:
    capability = b"\2\6\x41\4\0\0\xfd\xe9"
    opened = _bgp(1, struct.pack(">BHHIB", 4, 65001, 90, 0x0A000001, 8) + capability)
    return _message(3, _HEADER + bytes(16) + struct.pack(">HH", 179, 50000) + 2 * opened)


def _bgp(kind: int, body: bytes) -> bytes:
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack(">BIB", 3, 6 + len(body), kind) + body


def _read(file: Path) -> list[tuple[array.array[int], array.array[float]]]:
    heard = []
    with file.open("rb") as source:
        while head := source.read(8):
            (count,) = struct.unpack("<Q", head)
            numbers, times = array.array("Q"), array.array("d")
            numbers.fromfile(source, count)
            times.fromfile(source, count)
            heard.append((numbers, times))
    return heard


@contextmanager
def _routes(copy: Path, dsn: str) -> Iterator[psutil.Process]:
    variables = environment(copy) | {
        "DATABASE_URL": dsn,
        "ROUTES_HTTP_PORT": str(HTTP_PORT),
        "LOG_LEVEL": "ERROR",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "services.routes"],
        cwd=copy,
        env=variables,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready():
            if time.monotonic() > deadline or child.poll() is not None:
                raise SystemExit("the query service did not get ready")
            time.sleep(0.05)
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait()


def _is_ready() -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{HTTP_PORT}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)
