"""Active mode (RFC 7854 3.2): connects to routers that wait for the station to do so."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
from shared.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from services.ingest.addresses import Target

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 10.0
BACKOFF = Backoff(first=1.0, longest=300.0, healthy_after=30.0)


async def connect(target: Target) -> socket.socket:
    """A connected TCP socket, or an OSError."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, tuple(target))
    except BaseException:
        sock.close()
        raise
    return sock


class Dialer:
    """Keeps one connection with each of its targets, for as long as it runs."""

    def __init__(
        self,
        targets: Iterable[Target],
        serve: Callable[[socket.socket, str], Awaitable[None]],
        *,
        backoff: Backoff = BACKOFF,
        dial: Callable[[Target], Awaitable[socket.socket]] = connect,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._targets = tuple(targets)
        self._serve = serve
        self._backoff = backoff
        self._dial = dial
        self._clock = clock
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to dial."""
        self._tasks = [asyncio.create_task(self._keep(target)) for target in self._targets]

    async def stop(self) -> None:
        """Dials no more. Connections that are open go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, target: Target) -> None:
        failures = 0
        while True:
            lasted, ending = await self._once(target)
            failures = 1 if lasted >= self._backoff.healthy_after else failures + 1
            delay = self._backoff.delay(failures)
            log.warning(
                "router is dialled again", target=str(target), reason=ending, in_s=round(delay, 1)
            )
            await self._sleep(delay)

    async def _once(self, target: Target) -> tuple[float, str]:
        """How many seconds the connection lasted, and how it ended or why there was none."""
        try:
            sock = await self._dial(target)
        except OSError as error:
            metrics.DIALS.labels("failed").inc()
            return 0.0, error.strerror or f"no answer within {_CONNECT_SECONDS:g} s"
        metrics.DIALS.labels("connected").inc()
        log.info("router dialled", target=str(target))
        began = self._clock()
        await self._serve(sock, target.address)
        return self._clock() - began, "the connection ended"
