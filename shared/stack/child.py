"""One running program: its process, and its output into the log stream."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from typing import TYPE_CHECKING

import structlog

from shared.stack import leash
from shared.stack.lines import LineSplitter, parse

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from shared.stack.component import Component
    from shared.stack.lines import Line
    from shared.stack.stream import LogStream

log = structlog.get_logger()

_CHUNK = 64 * 1024
_DRAIN_SECONDS = 2.0

# What uvicorn says after the error itself.
_FORMULA = re.compile(r"Application (?:startup|shutdown) failed\. Exiting\.")


class Child:
    """A process in a session of its own, so that a Ctrl-C reaches the supervisor alone."""

    def __init__(
        self, component: Component, stream: LogStream, process: Process, output: int
    ) -> None:
        self.component = component
        self.pid = process.pid
        self.complaint = ""
        """The last error, or where there is none the last warning."""
        self._gravity = 0
        self._stream = stream
        self._process = process
        self._ended = asyncio.create_task(self._run(output))

    @classmethod
    async def start(cls, component: Component, stream: LogStream) -> Child:
        """Starts the process; it ends when this process does, however that happens."""
        # Not asyncio's own pipe: whoever waits for the process would wait for the end of the
        # pipe as well, which a grandchild can hold open.
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *leash.command(
                    list(component.argv),
                    stop_signal=component.stop_signal,
                    account=component.account(),
                ),
                env=dict(component.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=None if component.draws else asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        return cls(component, stream, process, read_end)

    async def wait(self) -> int:
        """The exit status, or minus the number of the signal that ended the process."""
        return await asyncio.shield(self._ended)

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended.done()

    async def ends_within(self, seconds: float) -> bool:
        """Waits for the end of the process, but no longer than this."""
        await asyncio.wait([self._ended], timeout=seconds)
        return self.ended

    async def ending(self) -> str:
        """Waits for the end of the process and says how it came, with its last words if bad."""
        status = await self.wait()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return f"{how}: {self.complaint}" if status and self.complaint else how

    async def stop(self, hurry: asyncio.Event) -> int:
        """Asks the process to end; kills it after its grace time, or at once when in a hurry."""
        self._signal(self.component.stop_signal)
        hurried = asyncio.create_task(hurry.wait())
        await asyncio.wait(
            [self._ended, hurried],
            timeout=self.component.grace_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        hurried.cancel()
        if not self._ended.done():
            reason = "told to hurry" if hurry.is_set() else "it did not stop in time"
            log.warning("killed", component=self.component.name, pid=self.pid, reason=reason)
            self._signal(signal.SIGKILL)
        return await self.wait()

    async def _run(self, read_end: int) -> int:
        copying = asyncio.create_task(self._copy_output(read_end))
        status = await self._process.wait()
        self._signal_group(signal.SIGKILL)  # whatever it has started itself
        await asyncio.wait([copying], timeout=_DRAIN_SECONDS)
        copying.cancel()
        return status

    async def _copy_output(self, read_end: int) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
        )
        with contextlib.closing(transport):
            splitter = LineSplitter()
            data = b"more"
            while data:
                data = await reader.read(_CHUNK)
                for raw in splitter.feed(data):
                    self._put(raw)

    def _put(self, raw: bytes) -> None:
        line = parse(self.component.name, raw, self.component.plain_line)
        if line is not None:
            gravity = _gravity(line)
            if gravity and gravity >= self._gravity:
                self._gravity, self.complaint = gravity, _last_words(line)
            self._stream.put(line)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _gravity(line: Line) -> int:
    if line.level in {"error", "critical"}:
        return 1 if _FORMULA.fullmatch(line.event) else 2
    return 1 if line.level == "warning" else 0


def _last_words(line: Line) -> str:
    # uvicorn logs a traceback as one event, which ends with what was raised.
    return line.event.rstrip().rpartition("\n")[2].removeprefix("bgpilot: ")
