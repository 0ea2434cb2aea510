"""`python -m services.ingest` as a process of its own: its log, its HTTP and its BMP port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEADLINE = 60.0
"""A start takes seconds where other tests run beside this one."""
ROOT = Path(__file__).parents[2]


class Program:
    """A running service, and what it has logged so far."""

    def __init__(self, process: Process, http_port: int) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self._http = f"http://127.0.0.1:{http_port}"

    async def line(self, event: str, *, nth: int = 1, **fields: Any) -> dict[str, Any]:
        """Waits for the nth log line with this event and these fields."""
        try:
            async with asyncio.timeout(DEADLINE):
                while len(found := self.said(event, **fields)) < nth:
                    if self._reading.done():
                        pytest.fail(f"it ended without {nth} times {event!r}")
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            pytest.fail(f"{event!r} was not said {nth} times: {self.lines}")
        return found[nth - 1]

    def said(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """The log lines with this event and these fields."""
        wanted = {"event": event, **fields}.items()
        return [line for line in self.lines if wanted <= line.items()]

    async def get(self, path: str) -> httpx.Response:
        """What the service answers."""
        async with httpx.AsyncClient(base_url=self._http, timeout=10) as client:
            return await client.get(path)

    async def stats(self) -> dict[str, Any]:
        """`/api/v1/ingest/stats`."""
        data: dict[str, Any] = (await self.get("/api/v1/ingest/stats")).json()["data"]
        return data

    async def ready(self) -> dict[str, Any]:
        """Waits until `/readyz` says so, and gives its checks."""
        await self.line("listening for routers")
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await self.get("/readyz")
                    if answer.status_code == httpx.codes.OK:
                        checks: dict[str, Any] = answer.json()["checks"]
                        return checks
                await asyncio.sleep(0.05)

    async def ended(self) -> int:
        """Waits for its end, and gives its exit status."""
        async with asyncio.timeout(DEADLINE):
            status = await self.process.wait()
            await self._reading
        return status

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            with contextlib.suppress(orjson.JSONDecodeError):
                self.lines.append(orjson.loads(raw))
                self._news.set()
        self._news.set()


@contextlib.asynccontextmanager
async def program(database_url: str, **variables: str) -> AsyncIterator[Program]:
    """The service with these settings, killed with its workers afterwards if need be."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        http_port = place.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": database_url,
        "INGEST_BMP_PORT": "0",
        "INGEST_HTTP_PORT": str(http_port),
        "LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ingest"),
        stdout=PIPE,
        env=environment | variables,
        cwd=ROOT,
        start_new_session=True,
    )
    running = Program(process, http_port)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await running.ended()
