"""One worker process, as its parent sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

from services.ingest.worker_link import Asker

if TYPE_CHECKING:
    from asyncio.subprocess import Process


class WorkerProcess:
    """A running `services.ingest.worker`, which ends in order when this process does."""

    def __init__(self, process: Process, asker: Asker) -> None:
        self._process = process
        self._asker = asker
        self.pid = process.pid

    @classmethod
    async def start(cls, index: int, count: int, listener: socket.socket) -> WorkerProcess:
        """Starts worker `index` of `count` and gives it its listening socket."""
        ours, theirs = socket.socketpair()
        asker = await Asker.on(ours)
        with theirs:
            arguments = [index, count, listener.fileno(), theirs.fileno()]
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *(["-P"] if sys.flags.safe_path else []),
                    *("-m", "services.ingest.worker"),
                    *map(str, arguments),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=arguments[2:],
                )
            except BaseException:
                asker.close()
                raise
        return cls(process, asker)

    async def ask(self, what: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """What the worker answers, or WorkerSilent."""
        return await self._asker.ask(what)

    def end(self) -> None:
        """Tells it to stop in order."""
        self._asker.close()

    def kill(self) -> None:
        """Ends it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def ending(self) -> tuple[int, str]:
        """Waits for its end: its exit status, or minus a signal's number, and that in words."""
        status = await self._process.wait()
        self._asker.close()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return status, how
