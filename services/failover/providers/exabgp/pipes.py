"""The two named pipes of an ExaBGP on this machine: commands go in, answers come out.

No answer says to which command it is, and one that came too late for its asker is still there for
the next. So each exchange begins with a summary of the sessions, whose answer is known by its
first line: what comes before it is left over. All of these commands are answered in the order in
which they were given. Of all processes only one at a time may read the answers: it holds a lock.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from services.failover.acting.exchanges import may_write
from services.failover.providers.exabgp.words import ENDS, SUMMARY, is_summary
from services.failover.providers.faults import Fault, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES = 16 * 1024 * 1024
"""Of an answer: some 200,000 routes."""
_BETWEEN_TRIES = 0.02


class PipeError(Exception):
    """An exchange failed: `refusal` says how, and whether the command was sent."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.said)
        self.refusal = refusal


class Pipes:
    """Asks one ExaBGP; one exchange at a time."""

    def __init__(self, path: str) -> None:
        """`path` is that of both pipes without `.in` and `.out`: `/run/exabgp/exabgp`."""
        self.commands = f"{path}.in"
        self.answers = f"{path}.out"
        self._lock = asyncio.Lock()

    async def ask(self, command: str, *, seconds: float) -> tuple[list[str], list[str]]:
        """The lines of the summary, and those of the answer with its end. Raises PipeError."""
        is_sent = False
        try:
            async with asyncio.timeout(seconds), self._lock:
                with _opened(self.answers, os.O_RDWR) as answers:
                    await _locked(answers)
                    reader = _Reader(answers)
                    reader.discard()
                    self._write(SUMMARY)
                    while not is_summary(summary := await reader.answer()):
                        pass
                    if command == SUMMARY:
                        return summary, summary
                    may_write()
                    self._write(command)
                    is_sent = True
                    while is_summary(answer := await reader.answer()):
                        pass
                    return summary, answer
        except TimeoutError:
            # Before the command was sent, nothing can have come of it.
            fault = Fault.NO_ANSWER if is_sent else Fault.UNREACHABLE
            raise _failed(
                fault,
                f"no answer came from {self.answers} within {seconds:g} s: does ExaBGP hang, is "
                "its exabgp.api.ack off, or does something else read that pipe?",
            ) from None

    def _write(self, command: str) -> None:
        line = f"{command}\n".encode()
        with _opened(self.commands, os.O_WRONLY) as pipe:
            try:
                # Up to 4096 bytes are written whole or not at all (pipe(7)).
                os.write(pipe, line)
            except BlockingIOError:
                raise _failed(Fault.BUSY, f"{self.commands} is full") from None
            except BrokenPipeError:
                raise _failed(Fault.UNREACHABLE, _nobody(self.commands)) from None


class _Reader:
    """Answers from a pipe that does not block."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._rest = b""
        self._lines: deque[str] = deque()

    def discard(self) -> None:
        """What is there already was for somebody who waited no longer."""
        with suppress(BlockingIOError):
            while os.read(self._pipe, 65_536):
                pass

    async def answer(self) -> list[str]:
        """The next one, as lines, of which the last is its end."""
        found: list[str] = []
        size = 0
        while not found or found[-1] not in ENDS:
            while not self._lines:
                await self._fill()
            found.append(self._lines.popleft())
            size += len(found[-1])
            if size > _MOST_BYTES:
                raise _failed(Fault.NONSENSE, f"its answer is longer than {_MOST_BYTES} bytes")
        return found

    async def _fill(self) -> None:
        try:
            read = os.read(self._pipe, 65_536)
        except BlockingIOError:
            await _readable(self._pipe)
            return
        *lines, self._rest = (self._rest + read).split(b"\n")
        if len(self._rest) > _MOST_BYTES:
            raise _failed(Fault.NONSENSE, "its answer is one line without an end")
        self._lines += [line.decode("utf-8", "replace").rstrip() for line in lines]


@contextmanager
def _opened(path: str, mode: int) -> Iterator[int]:
    """A named pipe, which is not waited for. Raises PipeError."""
    try:
        pipe = os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = {
            errno.ENXIO: _nobody(path),
            errno.ENOENT: f"there is no pipe {path}: make it before ExaBGP starts (mkfifo)",
        }
        said = why.get(error.errno or 0, f"{path} cannot be opened: {error.strerror}")
        raise _failed(Fault.UNREACHABLE, said) from None
    try:
        if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
            raise _failed(Fault.UNREACHABLE, f"{path} is no named pipe")
        yield pipe
    finally:
        os.close(pipe)


async def _locked(pipe: int) -> None:
    """Waits until no other process holds it; closing gives it back."""
    while True:
        try:
            fcntl.flock(pipe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_BETWEEN_TRIES)
        else:
            return


async def _readable(pipe: int) -> None:
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(pipe, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(pipe)


def _nobody(path: str) -> str:
    return f"nobody reads {path}: is ExaBGP running, and did it find its pipes?"


def _failed(fault: Fault, said: str) -> PipeError:
    return PipeError(Refusal(fault, said))
