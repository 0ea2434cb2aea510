"""A supervisor under the eyes of a person: signals stop it, a second one stops it at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from shared.stack.stream import LogStream
    from shared.stack.supervisor import Supervisor

log = structlog.get_logger()

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop:
    """Whether and how to stop."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.requested = asyncio.Event()
        self.hurried = False
        self._supervisor = supervisor

    def request(self, reason: str) -> None:
        if self.requested.is_set():
            log.warning("stopping at once", reason=reason)
            self.hurried = True
            self._supervisor.hurry()
        else:
            log.info("stopping everything", reason=reason, to_hurry="the same signal again")
            self.requested.set()


async def attend(
    supervisor: Supervisor, stream: LogStream, work: Coroutine[None, None, int]
) -> int:
    """Does the work until it ends or a signal comes, then stops the supervisor.

    Gives the exit code: that of the work, 0 after a signal, 1 after a second one. No process is
    left behind, whether the work ends, fails or is interrupted.
    """
    stop = _Stop(supervisor)
    stream.on_broken = stop.requested.set
    with _signals(stop):
        task = asyncio.create_task(work)
        requested = asyncio.create_task(stop.requested.wait())
        try:
            await asyncio.wait([task, requested], return_when=asyncio.FIRST_COMPLETED)
            code = task.result() if task.done() else 0
        finally:
            stop.requested.set()  # from here on, one signal is enough to hurry
            task.cancel()
            await asyncio.wait([task, requested])
            await supervisor.stop()
    return 1 if stop.hurried else code


@contextlib.contextmanager
def _signals(stop: _Stop) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
        loop.add_signal_handler(number, stop.request, number.name)
    try:
        yield
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
