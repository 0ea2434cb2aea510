"""How fast routes get from a socket into the history and the current RIB."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import psutil

from bench.captures import captures
from services.ingest.replay import Target, replay
from shared.stack.temporary import temporary_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BMP_PORT, HTTP_PORT = 21019, 28081
STATS = f"http://127.0.0.1:{HTTP_PORT}/api/v1/stats"
POLL_SECONDS = 0.05
START_SECONDS = 60.0


def run() -> Iterator[dict[str, object]]:
    """One figure for each capture, each into a fresh database with all its indexes."""
    for path in captures():
        with temporary_postgres(throwaway=False) as dsn, _ingest(dsn) as process:
            yield {"capture": path.name} | asyncio.run(_measure(path, process))


@contextmanager
def _ingest(dsn: str) -> Iterator[psutil.Process]:
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "INGEST_BMP_PORT": str(BMP_PORT),
        "INGEST_HTTP_PORT": str(HTTP_PORT),
        "LOG_LEVEL": "WARNING",
    }
    child = subprocess.Popen([sys.executable, "-m", "services.ingest"], env=environment)
    try:
        _await_ready(child)
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait()


def _await_ready(child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{HTTP_PORT}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_SECONDS)
    raise SystemExit("the ingest service did not get ready")


async def _measure(path: Path, process: psutil.Process) -> dict[str, object]:
    started = time.monotonic()
    sent = await replay(str(path), Target("127.0.0.1", BMP_PORT))
    async with httpx.AsyncClient() as client:
        while True:
            stats = (await client.get(STATS)).json()["data"]
            if stats["messages"] >= sent.messages and stats["pending_routes"] == 0:
                break
            await asyncio.sleep(POLL_SECONDS)
    seconds = time.monotonic() - started
    memory = process.memory_info()
    return {
        "routes": stats["committed_routes"],
        "seconds": round(seconds, 2),
        "routes_per_second": round(stats["committed_routes"] / seconds),
        "ingest_cpu_seconds": round(sum(process.cpu_times()[:2]), 2),
        "ingest_rss_mb": round(memory.rss / 1e6),
    }
