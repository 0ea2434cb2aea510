"""One of several ingest processes: `python -m services.ingest.worker INDEX COUNT LISTENER LINK`.

Its parent (`workers.py`) starts it with two open sockets: one on which routers connect, and one
through which the parent asks it and whose end is the order to stop.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import TYPE_CHECKING

import structlog
import uvloop
from prometheus_client import generate_latest

from services.ingest.collector import Collector
from services.ingest.router import PEER_EVENTS
from services.ingest.settings import IngestSettings
from services.ingest.worker_link import answer
from shared import log
from shared.cli.run import as_program
from shared.settings import load
from shared.stopping import stopping_on_signals
from shared.web.health import Check, NotReady

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.ingest.worker_link import Answers

logger = structlog.get_logger(__name__)

_STOP_SECONDS = 50.0
"""Below the time after which the parent kills it."""


@as_program
def main() -> None:
    """Runs until its parent says so or is gone, or until SIGTERM."""
    index, count, listener, link = map(int, sys.argv[1:])
    # A Ctrl-C reaches every process of a terminal: it is for the parent, which tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = load(IngestSettings)
    log.configure("ingest", settings, report=PEER_EVENTS)
    structlog.contextvars.bind_contextvars(worker=index)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_work(settings, (index, count), _adopt(listener), _adopt(link))))


async def _work(
    settings: IngestSettings, share: tuple[int, int], listener: socket.socket, link: socket.socket
) -> int:
    """Works until it is told to stop, and gives the exit code."""
    stop = asyncio.Event()
    collector = Collector(settings, listener, on_failure=stop.set, share=share)
    answering = asyncio.create_task(answer(link, _answers(collector)))
    answering.add_done_callback(lambda _: stop.set())
    with stopping_on_signals(
        lambda _: stop.set(), seconds=_STOP_SECONDS, signals=[signal.SIGTERM]
    ) as begin_limit:
        collector.start()
        await stop.wait()
        begin_limit()
        try:
            await collector.stop()
        except Exception:
            logger.critical("shutdown: failed", exc_info=True)
            return 1
    return 0


def _answers(collector: Collector) -> Answers:
    async def stats() -> object:
        return (await collector.stats()).model_dump()

    async def metrics() -> object:
        return generate_latest().decode()

    return {
        "stats": stats,
        "metrics": metrics,
        "station": _answering(collector.check_station),
        "database": _answering(collector.check_database),
    }


def _answering(check: Check) -> Callable[[], Awaitable[object]]:
    async def run() -> object:
        try:
            return dict(await check())
        except NotReady as error:
            return {"reason": str(error), **error.details}

    return run


def _adopt(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    return sock


if __name__ == "__main__":
    main()
