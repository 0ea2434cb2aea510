"""A TCP connection as bytes to read and to write, with a time for each; errors are httpx's."""

from __future__ import annotations

import asyncio
import contextlib
import select
from typing import TYPE_CHECKING, cast

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_UNREAD_BYTES = 1 << 16
"""With so much that nobody has read, no more is taken from the network."""


class Wire(asyncio.Protocol):
    """Made by the event loop's `create_connection`. One task reads and writes at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._is_over = False
        self._error: Exception | None = None
        self._may_write = True
        self._changed: asyncio.Future[None] | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it is open and nothing has come that was not read, seen by the loop or not."""
        return not (self._received or self._is_over or self._unseen.poll(0))

    async def read(self, seconds: float) -> bytes:
        """What has come, or what comes next; nothing: the other side says no more."""
        with translated({TimeoutError: httpx.ReadTimeout, OSError: httpx.ReadError}):
            if not self._received:
                await self._until(seconds, lambda: bool(self._received or self._is_over))
            if not self._received and self._error is not None:
                raise self._error
        data = bytes(self._received)
        self._received.clear()
        if len(data) >= _UNREAD_BYTES and not self._is_over:
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes, seconds: float) -> None:
        """Returns when there is room for more."""
        with translated({TimeoutError: httpx.WriteTimeout, OSError: httpx.WriteError}):
            if data and not self._is_over:
                self._transport.write(data)
            if not self._may_write:
                await self._until(seconds, lambda: self._may_write or self._is_over)
            if self._is_over:
                raise self._error or ConnectionResetError("the other side has closed")

    def abort(self) -> None:
        """Closes it, and waits for nobody to take what is still to be sent."""
        self._is_over = True
        self._transport.close()
        asyncio.get_running_loop().call_soon(self._transport.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._unseen = select.poll()
        self._unseen.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) >= _UNREAD_BYTES:
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> None:
        self._is_over = True
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._error = exc
        self._tell()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._tell()

    async def _until(self, seconds: float, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(seconds):
            while not is_so():
                self._changed = asyncio.get_running_loop().create_future()
                await self._changed

    def _tell(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)


@contextlib.contextmanager
def translated(
    errors: Mapping[type[Exception], type[httpx.TransportError]],
) -> Iterator[None]:
    """Raises httpx's error for the first of these kinds that an error is of."""
    try:
        yield
    except httpx.TransportError:
        raise
    except tuple(errors) as error:
        into = next(to for kind, to in errors.items() if isinstance(error, kind))
        raise into(str(error)) from error
