"""One router's BMP connection: from its bytes to messages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
from services.ingest.faults import Faults
from services.ingest.filters import message_type
from services.ingest.flow import ConnectionFlow, Flows
from services.ingest.router import Router
from services.ingest.wire import RouteMonitoring, StreamDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.batcher import Batcher
    from services.ingest.registry import Registry
    from services.ingest.wire import AnyMessage

log = structlog.get_logger(__name__)

# The longest Route Monitoring that RFC 4271 4.1 allows.
_DUMP_BYTES = 6 + 42 + 4096
_levels = logging.getLogger(__name__)


class RouterConnection:
    """Decodes one connection, for the router on it. It does no socket I/O itself.

    Whatever a router gets wrong inside a message is logged and counted, and the connection goes
    on; only what is no BMP at all raises FramingError out of `receive`.
    """

    def __init__(
        self,
        address: str,
        *,
        connection_id: int,
        registry: Registry,
        batcher: Batcher,
        max_message: int,
        now_us: Callable[[], int],
        clock: Callable[[], float],
        complete_seconds: float,
        flows: Flows | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.address = address
        self._connection_id = connection_id
        self.messages = 0
        self._other_messages = 0
        self._registry = registry
        self._batcher = batcher
        self._decoder = StreamDecoder(max_message=max_message)
        self._now_us = now_us
        self._clock = clock
        self._complete_seconds = complete_seconds
        self._flows = flows or Flows()
        self._flow = ConnectionFlow(address)
        self._faults = faults or Faults()
        self._router: Router | None = None
        self._taking_since: float | None = None
        self._taken_seconds = 0.0
        self._log = log.bind(router=address)

    async def receive(self, data: bytes) -> None:
        """Takes the next bytes of the stream; returns when all they complete is handed on."""
        before = self.messages - self._other_messages
        read_at = self._taking_since = self._clock()
        try:
            await self._take(data, read_at)
        finally:
            self._taken_seconds += self._clock() - read_at
            self._taking_since = None
            monitoring = self.messages - self._other_messages
            metrics.MESSAGES.labels("RouteMonitoring").inc(monitoring - before)
            self._flow.messages = self.messages

    async def _take(self, data: bytes, read_at: float) -> None:
        is_debugging = _levels.isEnabledFor(logging.DEBUG)
        router = self._router
        for message in self._decoder.feed(data):
            time_us = self._now_us()  # of each: the history is ordered by it
            if router is None:
                router = await self._begin(time_us)
            self.messages += 1
            if is_debugging:
                self._dump(message)
            if type(message) is RouteMonitoring:
                if message.update.errors:
                    self._note_faults(message)
                await router.add_routes(message, time_us, read_at)
            else:
                self._other_messages += 1
                metrics.MESSAGES.labels(type(message).__name__).inc()
                self._note_faults(message)
                await router.handle(message, time_us)
            if self._batcher.is_full:
                await self._batcher.wait_for_room()
        if router is not None:
            self._batcher.heard(router.router_id, self._now_us())

    async def _begin(self, time_us: int) -> Router:
        # Not on connect: a port scan would leave routers behind.
        self._router = Router(
            await self._registry.router(self.address),
            self.address,
            connection_id=self._connection_id,
            registry=self._registry,
            batcher=self._batcher,
            flow=self._flow,
            listened_seconds=self._listened_seconds,
            complete_seconds=self._complete_seconds,
        )
        self._flows.add(self._flow)
        self._router.begin(time_us)
        return self._router

    def end(self, reason: str) -> None:
        """The connection is over."""
        self._flow.end()
        if (rest := self._decoder.close()) is not None:
            self._log.warning("connection ended inside a message", error=str(rest))
        router, self._router = self._router, None  # which knows us: neither would be let go of
        if router is not None:
            router.end(reason, self._now_us())

    @property
    def bgp_id(self) -> str | None:
        """The router's BGP identifier in its last OPEN that we know of."""
        return self._registry.bgp_ids.get(self.address)

    def feeds(self, peer_ids: set[int]) -> bool:
        """Whether one of these peers has a session on this connection."""
        return self._router is not None and self._router.feeds(peer_ids)

    def expire(self) -> None:
        """Tables that had the time to be sent again count as complete."""
        if self._router is not None:
            self._router.expire(self._now_us)

    def _listened_seconds(self) -> float:
        """A clock that stands still while the router waits for us: its table may be under way."""
        now = self._clock() if self._taking_since is None else self._taking_since
        return now - self._taken_seconds

    def _dump(self, message: AnyMessage) -> None:
        octets = self._decoder.octets_of(message)
        self._log.debug(
            "bmp_message_received",
            message_type=message_type(message),
            stream_offset=message.offset,
            length=message.length,
            data_hex=octets[:_DUMP_BYTES].hex(),
        )

    def _note_faults(self, message: AnyMessage) -> None:
        self._faults.note(self.address, message, lambda: self._decoder.octets_of(message))
