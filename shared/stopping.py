"""Stops a program in order on the first signal, and at once on the second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Stop:
    """The way from the first signal to the end of the process."""

    def __init__(
        self, begin: Callable[[signal.Signals], None], abort: Callable[[], None], seconds: float
    ) -> None:
        self._begin = begin
        self._abort = abort
        self._seconds = seconds
        self._is_asked = False
        self._limit: threading.Timer | None = None

    def receive(self, number: signal.Signals) -> None:
        if self._is_asked:
            log.warning("shutdown: a second signal, ending at once", signal=number.name)
            self._end(128 + number)
        self._is_asked = True
        log.info("shutdown: asked for", signal=number.name, at_most_s=self._seconds)
        self.limit()
        self._begin(number)

    def limit(self) -> None:
        if self._limit is None:
            # A thread, since it must work where the event loop hangs.
            self._limit = threading.Timer(self._seconds, self._overdue)
            self._limit.daemon = True
            self._limit.start()

    def done(self) -> None:
        if self._limit is not None:
            self._limit.cancel()

    def _overdue(self) -> None:
        log.critical("shutdown: not done in time, ending at once", seconds=self._seconds)
        self._end(1)

    def _end(self, status: int) -> None:
        try:
            self._abort()
        finally:
            os._exit(status)


@contextlib.contextmanager
def stopping_on_signals(
    begin: Callable[[signal.Signals], None],
    *,
    seconds: float,
    abort: Callable[[], None] = lambda: None,
    signals: Sequence[signal.Signals] = SIGNALS,
) -> Iterator[Callable[[], None]]:
    """In the `with` block the first signal calls `begin`, which starts an orderly stop.

    A second signal ends the process at once with the exit code 128 and its number, as shells
    have it; an orderly stop that takes longer than `seconds` is ended with 1. Before either,
    `abort` is called, from any thread. It gives a function that starts the time limit, for a stop
    that no signal asked for. Needs a running event loop.
    """
    loop, stop = asyncio.get_running_loop(), _Stop(begin, abort, seconds)
    for number in signals:
        loop.add_signal_handler(number, stop.receive, number)
    try:
        yield stop.limit
    finally:
        stop.done()
        for number in signals:
            loop.remove_signal_handler(number)
