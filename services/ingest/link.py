"""One TCP connection with a router: its octets are read, no faster than they can be written."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import structlog

from services.ingest import metrics
from services.ingest.limits import Waiting
from services.ingest.router import TooManyPeers
from services.ingest.wire import FramingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.connection import RouterConnection
    from services.ingest.limits import Patience, Seldom, Unfinished

log = structlog.get_logger(__name__)

# One read is decoded in one go, so it bounds how long the other connections wait: about 10 ms.
# With what is missing of a message (INGEST_MAX_MESSAGE), it is all that is held of a connection.
READ_BYTES = 32_768
_KEEPALIVE = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPALIVE", 60),  # the name that macOS has for it
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
)


class _Overdue(Exception):
    """The router kept us waiting too long."""


class Link:
    """Reads one socket until the router, a limit or somebody else ends it."""

    def __init__(
        self,
        sock: socket.socket,
        connection: RouterConnection,
        *,
        patience: Patience,
        clock: Callable[[], float],
        seldom: Seldom,
        unfinished: Unfinished,
        is_dialled: bool,
    ) -> None:
        self._sock = sock
        self._connection = connection
        self._waiting = Waiting(patience)
        self._clock = clock
        self._seldom = seldom
        self._unfinished = unfinished
        self._is_dialled = is_dialled
        self._is_router = False
        self._end_reason: str | None = None
        self.received_bytes = 0

    def finish(self, reason: str) -> None:
        """Nothing more is read. What was read is handed on, then `run` returns."""
        if self._end_reason is None:
            self._end_reason = reason
            with contextlib.suppress(OSError):  # it may be gone already
                self._sock.shutdown(socket.SHUT_RD)  # wakes up whoever waits for octets

    def close(self, reason: str) -> None:
        """The same, and the router is told at once that we leave."""
        self.finish(reason)
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    async def run(self) -> None:
        """Reads to the end, then tells the connection. The socket stays open for the caller."""
        _keep_alive(self._sock)
        started, reason = self._clock(), "the ingest service stopped"
        try:
            reason = await self._read()
        except FramingError as error:
            metrics.FRAMING_ERRORS.inc()
            reason = str(error)
            self._complain("connection closed: not the BMP we speak", reason)
        except _Overdue as error:
            metrics.TIMED_OUT.inc()
            reason = str(error)
            self._complain("connection closed: it kept us waiting", reason)
        except TooManyPeers as error:
            metrics.SHED.inc()
            reason = str(error)
            self._complain("connection closed: too many peers", reason)
        except OSError as error:
            reason = error.strerror or str(error)
        except Exception:
            metrics.CONNECTION_ERRORS.inc()
            reason = "an error of ours"
            log.exception("connection closed: an error of ours", router=self._address)
        finally:
            self._end(reason, self._clock() - started)

    @property
    def _address(self) -> str:
        return self._connection.address

    async def _read(self) -> str:
        while self._end_reason is None:
            data = await self._next()
            if not data:
                return self._ended_because("the router closed the connection")
            await self._take(data)
            await asyncio.sleep(0)  # the others' turn, however much there is to read here
        return self._end_reason

    def _ended_because(self, otherwise: str) -> str:
        return self._end_reason or otherwise

    async def _next(self) -> bytes:
        loop, asked = asyncio.get_running_loop(), self._clock()
        limit = asyncio.timeout(self._waiting.left)
        try:
            async with limit:
                return await loop.sock_recv(self._sock, READ_BYTES)
        except TimeoutError:  # or the kernel's, when a keepalive was not answered
            if limit.expired():
                raise _Overdue(self._waiting.complaint) from None
            raise
        finally:
            self._waiting.waited(self._clock() - asked)

    async def _take(self, data: bytes) -> None:
        if not self.received_bytes and _begins_like_bmp(data):
            self._is_router = True
            log.info(
                "peer_connected",
                peer=self._address,
                router_id=self._connection.bgp_id,
                dialled=self._is_dialled,
            )
        self.received_bytes += len(data)
        metrics.BYTES.inc(len(data))
        before = self._connection.messages
        await self._connection.receive(data)
        is_whole = self._connection.messages > before
        self._waiting.came(whole_messages=is_whole)
        self._account(0 if is_whole else len(data))

    def _account(self, held: int) -> None:
        if not held:
            self._unfinished.release(self)
        elif isinstance(link := self._unfinished.hold(self, held), Link):
            link.shed()

    def shed(self) -> None:
        """Ends it, since what is held of all unfinished messages is too much and its part most."""
        self._unfinished.release(self)
        metrics.SHED.inc()
        reason = "too much is held of messages that are not whole, and most of it is its own"
        self._complain("connection closed: unfinished messages", reason)
        self.close(reason)

    def _end(self, reason: str, seconds: float) -> None:
        self._unfinished.release(self)
        figures: dict[str, Any] = {
            "router_id": self._connection.bgp_id,
            "reason": reason,
            "duration_seconds": round(seconds, 3),
            "received_bytes": self.received_bytes,
            "messages": self._connection.messages,
        }
        if self._connection.messages:
            self._connection.end(reason)
        if self._is_router:
            log.info("peer_disconnected", peer=self._address, **figures)
        else:
            log.debug("connection ended without BMP", router=self._address, **figures)

    def _complain(self, event: str, reason: str) -> None:
        left_out = self._seldom.now((event, self._address))
        if left_out is not None:
            log.warning(event, router=self._address, error=reason, left_out=left_out)


def _begins_like_bmp(data: bytes) -> bool:
    """RFC 7854 4.1: version 3, a length below 16 MiB and a type that exists, as far as it goes."""
    return data[0] == 3 and data[1:2] in {b"", b"\0"} and data[5:6] <= b"\x06"


def _keep_alive(sock: socket.socket) -> None:
    """Notices within two minutes that a router has vanished without a word."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
