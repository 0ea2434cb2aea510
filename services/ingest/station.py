"""The BMP monitoring station (RFC 7854 3.2): it listens, routers connect, and it only reads."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
from services.ingest.wire import FramingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.connection import RouterConnection

log = structlog.get_logger(__name__)

# One read is decoded in one go, so it bounds how long the other connections wait: about 10 ms.
READ_BYTES = 65_536
_BACKLOG = 512
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPALIVE", 60),  # the name that macOS has for it
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
)


class Station:
    """Accepts connections and reads them, each no faster than its routes can be written."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        new_connection: Callable[[str], RouterConnection],
        max_connections: int,
    ) -> None:
        self._listener = listener
        self._new_connection = new_connection
        self._max_connections = max_connections
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.received_bytes = 0
        self.accepted = 0
        self.messages = 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._tasks)

    @property
    def is_listening(self) -> bool:
        """Whether routers can connect."""
        return self._server is not None and self._server.is_serving()

    async def start(self) -> None:
        """Begins to accept."""
        self._server = await asyncio.start_server(
            self._serve, sock=self._listener, limit=READ_BYTES, backlog=_BACKLOG
        )
        host, port = self._listener.getsockname()[:2]
        log.info("listening for routers", host=host, port=port)

    async def stop(self) -> None:
        """Accepts no more, closes every connection and waits until what was read is handed on."""
        if self._server is not None:
            self._server.close()
        if self._tasks:
            log.info("closing BMP connections", count=len(self._tasks))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peername = writer.get_extra_info("peername")
        if peername is None:  # reset before we came to it, as a port scan does
            writer.close()
            return
        address = _canonical(peername[0])
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs this as a task
        if self.connections >= self._max_connections:
            metrics.REFUSED.inc()
            log.warning("connection refused: too many", router=address, open=self.connections)
            writer.close()
            return
        self._tasks.add(task)
        metrics.CONNECTIONS.set(self.connections)
        self.accepted += 1
        # Only `stop` cancels, and the loop would report a cancelled handler as an error.
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._read(address, reader, writer)
        finally:
            self._tasks.discard(task)
            metrics.CONNECTIONS.set(self.connections)
            writer.close()

    async def _read(
        self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        _keep_alive(writer.get_extra_info("socket"))
        connection = self._new_connection(address)
        started = time.monotonic()
        reason = "the connection was closed"
        log.info("peer_connected", peer=address)
        try:
            while data := await reader.read(READ_BYTES):
                self.received_bytes += len(data)
                metrics.BYTES.inc(len(data))
                before = connection.messages
                try:
                    await connection.receive(data)
                finally:
                    self.messages += connection.messages - before
        except FramingError as error:
            metrics.FRAMING_ERRORS.inc()
            reason = str(error)
            log.warning("connection closed: not the BMP we speak", router=address, error=reason)
        except OSError as error:
            reason = error.strerror or str(error)
        except asyncio.CancelledError:
            reason = "the ingest service stopped"
            raise
        finally:
            connection.end(reason)
            seconds = round(time.monotonic() - started, 3)
            log.info("peer_disconnected", peer=address, reason=reason, duration_seconds=seconds)


def _canonical(address: str) -> str:
    """An IPv4 router stays one where the station listens on `::`."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return str(ip.ipv4_mapped or ip) if ip.version == 6 else str(ip)


def _keep_alive(sock: socket.socket) -> None:
    """Notices within two minutes that a router has vanished without a word."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
