"""The live stream of one process: its tail and its subscribers."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.routes.live.hub import Hub
from services.routes.live.tail import Tail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from services.routes.live.hub import Transport
    from services.routes.live.subscriber import Subscriber
    from services.routes.settings import RoutesSettings

BEGIN_SECONDS = 5.0
"""How long a subscriber waits for the database before he is told that it is away."""
_LINGER_SECONDS = 15.0
"""How long the tail goes on for an event source, which comes back by itself and goes on, too."""


class Live:
    """Made inert; `running` starts it."""

    def __init__(self, settings: RoutesSettings) -> None:
        self.idle_seconds = settings.routes_live_idle_seconds
        self.hub = Hub(settings)
        self._tail = Tail(
            settings.database_url,
            poll_seconds=settings.routes_live_poll_seconds,
            most_behind=settings.routes_live_most_behind,
            publish=self.hub.publish,
            report=self.hub.report,
        )
        self._stopping: asyncio.TimerHandle | None = None
        self._linger_until = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follows the history while somebody listens, within this context."""
        task = asyncio.create_task(self._tail.run())
        try:
            yield
        finally:
            self.end()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @contextlib.contextmanager
    def subscriber(self, caller: str, transport: Transport) -> Iterator[Subscriber]:
        """A subscriber of nothing yet, for as long as the context lasts. TooMany."""
        subscriber = self.hub.join(caller, transport)
        if self._stopping is not None:
            self._stopping.cancel()
        self._tail.start()
        try:
            yield subscriber
        finally:
            self.hub.leave(subscriber)
            loop = asyncio.get_running_loop()
            if transport == "http":
                self._linger_until = loop.time() + _LINGER_SECONDS
            if self.hub.is_empty:
                self._stopping = loop.call_at(self._linger_until, self._stop)

    def end(self) -> None:
        """Tells every subscriber that the service stops."""
        self.hub.end("the service stops; come back in a few seconds")

    async def begins(self) -> bool:
        """Waits until what is committed from now on is told; False if that takes too long."""
        return await self._tail.until_following(BEGIN_SECONDS)

    def _stop(self) -> None:
        self._tail.stop()
        self.hub.forget()
