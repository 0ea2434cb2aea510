"""Connections to one service (RFC 9112), kept for the next request, as a transport of httpx.

httpx's own took 40 % of the gateway's time (docs/decisions/0011-connections-to-services.md). What
is said on a connection is left to h11 here as there. Encrypted ones are httpx's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING

import h11
import httpx

from gateway.wire import Wire, translated
from shared import http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_KEPT_SECONDS = 30.0
"""Below the services' keep-alive of 75 s, so that we close an idle connection first."""

_DONE = {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}
_MAX_HEAD_BYTES = 100 * 1024


def connections(url: httpx.URL, most: int) -> httpx.AsyncBaseTransport:
    """At most so many connections to `url`."""
    if url.scheme != "https":
        return Connections(url, most)
    limits = httpx.Limits(
        max_connections=most, max_keepalive_connections=most, keepalive_expiry=_KEPT_SECONDS
    )
    return httpx.AsyncHTTPTransport(verify=http.authorities(), trust_env=False, limits=limits)


class Connections(httpx.AsyncBaseTransport):
    """At most so many connections to `url`; those used last are used next.

    The timeouts of each request are those of its extension `timeout`, as httpx names them.
    """

    def __init__(self, url: httpx.URL, most: int) -> None:
        self._host = url.raw_host.decode("ascii")
        self._port = url.port or 80
        self._free = asyncio.Semaphore(most)
        self._idle: list[_Connection] = []
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer up to its headers; whoever reads it closes it."""
        timeouts = request.extensions["timeout"]
        with translated({TimeoutError: httpx.PoolTimeout}):
            async with asyncio.timeout(timeouts["pool"]):
                await self._free.acquire()
        connection = None
        try:
            connection = self._kept() or await self._opened(timeouts["connect"])
            answer = await connection.ask(request, timeouts)
        except BaseException:
            self._give_back(connection)
            raise
        body = _Body(connection, timeouts, self._give_back)
        return httpx.Response(answer.status_code, headers=answer.headers.raw_items(), stream=body)

    async def aclose(self) -> None:
        """Closes those that nobody uses now, and the others when nobody does."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh:
                return connection
            connection.close()
        return None

    async def _opened(self, seconds: float) -> _Connection:
        errors = {
            TimeoutError: httpx.ConnectTimeout,
            OSError: httpx.ConnectError,
            UnicodeError: httpx.ConnectError,  # a name that cannot be one
        }
        with translated(errors):
            async with asyncio.timeout(seconds):
                return _Connection(await self._wire(seconds))

    async def _wire(self, seconds: float) -> Wire:
        """To the first address that takes it; none may take the time of those behind it."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = [address[:2] for *_, address in found]
        error: OSError = OSError(f"{self._host} has no address")
        for left, (host, port) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                async with asyncio.timeout((ends - loop.time()) / left):
                    return (await loop.create_connection(Wire, str(host), int(port)))[1]
            except OSError as failed:  # TimeoutError is one, too
                error = failed
        raise error

    def _give_back(self, connection: _Connection | None) -> None:
        self._free.release()
        if connection is not None and connection.is_ready_again():
            self._idle.append(connection)
        if self._is_closed:
            while self._idle:
                self._idle.pop().close()
        while self._idle and not self._idle[0].is_fresh:
            self._idle.pop(0).close()


class _Connection:
    """One exchange after the other."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._kept_since = 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether the service has said nothing since, not even that it closes."""
        return self._wire.is_silent and time.monotonic() - self._kept_since < _KEPT_SECONDS

    def is_ready_again(self) -> bool:
        """Whether it can take another request; else it is closed, whatever is on its way."""
        # What has come behind an answer must never be taken for the next one.
        is_done = self._protocol.states == _DONE and not self._protocol.trailing_data[0]
        if not (is_done and self._wire.is_silent):
            self._wire.abort()
            return False
        self._protocol.start_next_cycle()
        self._kept_since = time.monotonic()
        return True

    def close(self) -> None:
        self._wire.abort()

    async def ask(self, request: httpx.Request, timeouts: dict[str, float]) -> h11.Response:
        # A service may answer and close before it has read all: its answer counts.
        with contextlib.suppress(httpx.WriteError):
            await self._send(request, timeouts["write"])
        while True:
            event = await self.next_event(timeouts["read"])
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise httpx.RemoteProtocolError(f"{event} in place of an answer")

    async def _send(self, request: httpx.Request, seconds: float) -> None:
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 - as it was made
        with translated({h11.LocalProtocolError: httpx.LocalProtocolError}):
            head = self._said(
                h11.Request(
                    method=request.method,
                    target=request.extensions["target"],
                    headers=request.headers.raw,
                )
            )
            await self._wire.write(head, seconds)
            async for chunk in request.stream:
                await self._wire.write(self._said(h11.Data(data=chunk)), seconds)
            await self._wire.write(self._said(h11.EndOfMessage()), seconds)

    def _said(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> bytes:
        return self._protocol.send(event) or b""

    async def next_event(self, seconds: float) -> object:
        """What the service says next; `seconds` is how long it may be silent."""
        with translated({h11.RemoteProtocolError: httpx.RemoteProtocolError}):
            while True:
                event = self._protocol.next_event()
                if event is not h11.NEED_DATA:
                    return event
                self._protocol.receive_data(await self._wire.read(seconds))


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes. The timeouts may be changed while it does."""

    def __init__(
        self,
        connection: _Connection,
        timeouts: dict[str, float],
        give_back: Callable[[_Connection], None],
    ) -> None:
        self._connection = connection
        self._timeouts = timeouts
        self._give_back: Callable[[_Connection], None] | None = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            event = await self._connection.next_event(self._timeouts["read"])
            if not isinstance(event, h11.Data):
                return
            yield bytes(event.data)

    async def aclose(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back(self._connection)
