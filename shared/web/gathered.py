"""What a connection is given to send in one turn of the loop leaves in one piece.

uvicorn writes the head of an answer and its body one after the other, and uvloop hands each to the
kernel at once. So whoever reads wakes for the head alone, and once more for the body, at each hop
of an answer; on a busy machine each time is a turn to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    Data = bytes | bytearray | memoryview

GATHERED_BYTES = 16_384
"""More than this does not wait: whoever streams may not end its turn for long."""


class GatheringProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, and WebSocket after it, over a `GatheringTransport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called with the connection that was accepted."""
        self._gathering = GatheringTransport(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._gathering))

    def on_response_complete(self) -> None:
        """Called after the last write of an answer, which need not wait for the turn to end."""
        self._gathering.flush()
        super().on_response_complete()


class GatheringTransport:
    """A transport of asyncio's that writes when the turn is over, or there is enough to write."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[Data] = []
        self._bytes = 0

    def write(self, data: Data) -> None:
        """Keeps the data, which must not change, for the end of the turn."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes > GATHERED_BYTES:
            self.flush()

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """The same with each of them."""
        for data in list_of_data:
            self.write(data)

    def write_eof(self) -> None:
        """After what was written."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """After what was written."""
        self.flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Octets that the kernel has not taken."""
        return self._bytes + self._transport.get_write_buffer_size()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of any method
        """All else is the connection's own."""
        return getattr(self._transport, name)

    def flush(self) -> None:
        """Writes what is kept, at once."""
        pieces, self._pieces, self._bytes = self._pieces, [], 0
        if pieces and not self._transport.is_closing():
            self._transport.writelines(pieces)
