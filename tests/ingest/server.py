"""A PostgreSQL server of a test's own, to which the test may do what it likes."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import asyncpg
import psutil
import pytest

from shared.stack.postgres import EmbeddedPostgres
from shared.stack.temporary import running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

DEADLINE = 60.0


class Server:
    """Started, killed, frozen and asked. It has the settings of the product."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._postgres = EmbeddedPostgres(home)
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self._postgres.dsn

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._postgres.data

    def start(self) -> None:
        """Starts it on the data that is there, and returns when it takes connections."""
        self._postgres.prepare()
        self._process = self._stack.enter_context(running(self._postgres, self._home / "log"))

    def stop(self) -> None:
        """Stops it as its operator would."""
        self._stack.close()

    def kill(self) -> None:
        """SIGKILL to the postmaster; returns when what it leaves behind has noticed."""
        assert self._process is not None
        _, *others = self._processes()
        self._process.kill()
        self._process.wait()
        deadline = time.monotonic() + DEADLINE
        while any(_is_at_work(process) for process in others) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._stack.close()

    def freeze(self) -> None:
        """SIGSTOP to all of it."""
        for process in self._processes():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to all of it."""
        for process in self._processes():
            process.send_signal(signal.SIGCONT)

    async def connect(self) -> asyncpg.Connection[Any]:
        """A superuser's connection to our database."""
        return await asyncpg.connect(self.url.replace("bgpilot@", "postgres@"))

    async def run(self, *statements: str) -> None:
        """Runs statements as a superuser."""
        conn = await self.connect()
        for statement in statements:
            await conn.execute(statement)
        await conn.close()

    async def row(self, query: str) -> tuple[Any, ...]:
        """The only row of a query."""
        conn = await self.connect()
        row = await conn.fetchrow(query)
        await conn.close()
        assert row is not None
        return tuple(row.values())

    async def until(self, query: str, *wanted: Any) -> None:
        """Waits until the query's only row is what is wanted."""
        row: tuple[Any, ...] | None = None
        try:
            async with asyncio.timeout(DEADLINE):
                while (row := await self.row(query)) != wanted:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"{query!r} gives {row}, not {wanted}")

    def _processes(self) -> list[psutil.Process]:
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        return [postmaster, *postmaster.children(recursive=True)]


def _is_at_work(process: psutil.Process) -> bool:
    # Whoever adopts them may be slow to bury them.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(is_so: Callable[[], bool]) -> None:
    """Waits for something in this process."""
    async with asyncio.timeout(DEADLINE):
        while not is_so():
            await asyncio.sleep(0.01)
