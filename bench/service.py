"""An ingest service of its own on a fresh database with the product's settings, to be measured."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import psutil

from bench.compiled import environment
from shared.stack.temporary import temporary_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BMP_PORT, HTTP_PORT = 21019, 28081
POLL_SECONDS = 0.05
"""Often enough for the figures, and little of the two cores that are measured."""

START_SECONDS = 60.0
DEADLINE_SECONDS = 900.0


class Service:
    """The running service, its database, and what both have used."""

    def __init__(self, dsn: str, ingest: psutil.Process, postgres: psutil.Process) -> None:
        self.dsn = dsn
        self.ingest = ingest
        self.postgres = postgres
        # Kept: to make a client takes 20 ms of a core.
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{HTTP_PORT}", timeout=30)

    def cpu_seconds(self) -> tuple[float, float]:
        """CPU seconds so far: of ingest, and of the server with all its processes."""
        server = _cpu(self.postgres)
        for child in self.postgres.children(recursive=True):
            try:
                server += _cpu(child)
            except psutil.NoSuchProcess:
                continue
        return _cpu(self.ingest), server

    def rss_mb(self) -> int:
        """Memory of the ingest process."""
        return round(self.ingest.memory_info().rss / 1e6)

    def stats(self) -> dict[str, Any]:
        """What `/api/v1/ingest/stats` says."""
        data: dict[str, Any] = self._http.get("/api/v1/ingest/stats").json()["data"]
        return data

    def until_committed(self, received_bytes: int) -> dict[str, Any]:
        """Waits until so many octets are read and all that they said is committed."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            stats = self.stats()
            if stats["received_bytes"] >= received_bytes and stats["pending_routes"] == 0:
                return stats
            time.sleep(POLL_SECONDS)
        raise SystemExit("the ingest service did not commit in time")

    def query(self, statement: str) -> Any:  # noqa: ANN401 - whatever the statement gives
        """The first field of the first row."""

        async def ask() -> Any:  # noqa: ANN401 - as above
            conn = await asyncpg.connect(self.dsn)
            try:
                return await conn.fetchval(statement)
            finally:
                await conn.close()

        return asyncio.run(ask())


@contextmanager
def running(copy: Path, **settings: str) -> Iterator[Service]:
    """Runs the service from a copy of the sources."""
    with temporary_postgres(throwaway=False) as dsn:
        variables = environment(copy) | {
            "DATABASE_URL": dsn,
            "INGEST_BMP_PORT": str(BMP_PORT),
            "INGEST_HTTP_PORT": str(HTTP_PORT),
            "LOG_LEVEL": "ERROR",
            **settings,
        }
        child = subprocess.Popen(
            [sys.executable, "-m", "services.ingest"],
            cwd=copy,
            env=variables,
            stdout=subprocess.DEVNULL,
        )
        try:
            _await_ready(child)
            service = Service(dsn, psutil.Process(child.pid), asyncio.run(_postmaster(dsn)))
            yield service
        finally:
            child.terminate()
            child.wait()


def connect() -> socket.socket:
    """A router's connection."""
    return socket.create_connection(("127.0.0.1", BMP_PORT))


def send(connection: socket.socket, stream: Path, times: int = 1) -> int:
    """Sends a stream as fast as it is read; how many octets."""
    for _ in range(times):
        with stream.open("rb") as file:
            connection.sendfile(file)
    return times * stream.stat().st_size


async def _postmaster(dsn: str) -> psutil.Process:
    conn = await asyncpg.connect(dsn)
    try:
        backend = psutil.Process(await conn.fetchval("SELECT pg_backend_pid()"))
        return psutil.Process(backend.ppid())
    finally:
        await conn.close()


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


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)
