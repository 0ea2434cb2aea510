"""The BMP monitoring station (RFC 7854 3.2): routers connect, or are dialled, and are read."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
import time
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
from services.ingest.addresses import canonical
from services.ingest.limits import Refusal, Seldom, Unfinished
from services.ingest.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.connection import RouterConnection
    from services.ingest.limits import Admission, Patience

log = structlog.get_logger(__name__)

# accept(2): errors of the connection that was to be accepted, not of ours.
_OF_THE_CONNECTION = {
    errno.ECONNABORTED,
    errno.EPROTO,
    errno.ENETDOWN,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
}
_ACCEPT_AGAIN_SECONDS = 1.0
_OTHER_DESCRIPTORS = 50
_UNFINISHED_OCTETS = 32 * 1024 * 1024


class Station:
    """Takes connections and reads each of them in a task of its own."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        new_connection: Callable[[str], RouterConnection],
        admission: Admission,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._new_connection = new_connection
        self._admission = admission
        self._patience = patience
        self._clock = clock
        self._seldom = Seldom()
        self._unfinished = Unfinished(_UNFINISHED_OCTETS)
        self._accepting: asyncio.Task[None] | None = None
        self._links: dict[RouterConnection, Link] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[socket.socket] | None = None
        self._shut: Refusal | None = None
        self._ended_bytes = 0
        self._ended_messages = 0
        self.accepted = 0

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._links)

    @property
    def received_bytes(self) -> int:
        """Octets read from routers since the start."""
        return self._ended_bytes + sum(link.received_bytes for link in self._links.values())

    @property
    def messages(self) -> int:
        """BMP messages read since the start."""
        return self._ended_messages + sum(connection.messages for connection in self._links)

    @property
    def is_listening(self) -> bool:
        """Whether routers can connect."""
        return self._accepting is not None and not self._accepting.done()

    async def start(self) -> None:
        """Begins to accept."""
        _leave_descriptors(self._admission)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        host, port = self._listener.getsockname()[:2]
        log.info("listening for routers", host=host, port=port)

    async def serve(self, sock: socket.socket, address: str) -> None:
        """Serves a router that we have dialled; returns when its connection has ended.

        It is always admitted unless we are shut, but it takes a place that others do not have.
        """
        if self._shut is not None:
            _close(sock)
            return
        await asyncio.wait([self._open(sock, address, is_dialled=True)])

    def open_connections(self) -> list[RouterConnection]:
        """The connections that are open now."""
        return list(self._links)

    def close_connection(self, connection: RouterConnection, reason: str) -> None:
        """Ends a connection in order: what was read of it is handed on before its `end`."""
        if (link := self._links.get(connection)) is not None:
            log.warning("closing a connection", router=connection.address, reason=reason)
            link.close(reason)

    def close_connections(self, reason: str) -> int:
        """Ends every connection in the same way; says how many."""
        for connection in list(self._links):
            self.close_connection(connection, reason)
        return len(self._links)

    def shut(self, reason: str) -> int:
        """Ends every connection in order and takes no other until `reopen`; says how many."""
        self._shut = Refusal("shut", reason)
        for link in self._links.values():
            link.close(reason)
        return len(self._links)

    def reopen(self) -> None:
        """Takes connections again."""
        self._shut = None

    async def stop_accepting(self) -> None:
        """Frees the port. Open connections go on."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        self._listener.close()

    async def finish(self, seconds: float) -> bool:
        """Reads no more, and waits so long until what was read is handed on; whether all was.

        The sockets stay open until `close`: a router must not come back, perhaps to another
        process, before what it said here is written.
        """
        self._held = self._held or []
        for link in self._links.values():
            link.finish("the ingest service stopped")
        if not self._tasks:
            return True
        _, unfinished = await asyncio.wait(self._tasks, timeout=seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        return not unfinished

    def close(self) -> int:
        """Closes the connections that `finish` has ended; says how many they were."""
        held, self._held = self._held or [], None
        for sock in held:
            _close(sock)
        return len(held)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, name = await loop.sock_accept(self._listener)
            except OSError as error:
                if error.errno not in _OF_THE_CONNECTION:
                    await self._cannot_accept(error)
                continue
            if name:  # macOS has none of a connection that is reset already
                self._admit(sock, canonical(name[0]))
            else:
                sock.close()
            await asyncio.sleep(0)  # those that are open have their turn, whoever else knocks

    async def _cannot_accept(self, error: OSError) -> None:
        if (left_out := self._seldom.now("accept")) is not None:
            reason = error.strerror or str(error)
            log.error("no connection can be accepted", reason=reason, left_out=left_out)
        await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)

    def _admit(self, sock: socket.socket, address: str) -> None:
        refusal = self._shut or self._admission.refusal(address)
        if refusal is None:
            self._open(sock, address, is_dialled=False)
            return
        sock.close()
        metrics.REFUSED.labels(refusal.label).inc()
        if (left_out := self._seldom.now((refusal.label, address))) is not None:
            log.warning(
                "connection refused", router=address, reason=refusal.sentence, left_out=left_out
            )

    def _open(self, sock: socket.socket, address: str, *, is_dialled: bool) -> asyncio.Task[None]:
        connection = self._new_connection(address)
        link = self._links[connection] = Link(
            sock,
            connection,
            patience=self._patience,
            clock=self._clock,
            seldom=self._seldom,
            unfinished=self._unfinished,
            is_dialled=is_dialled,
        )
        self.accepted += 1
        self._admission.enter(address)
        metrics.CONNECTIONS.set(self.connections)
        task = asyncio.create_task(self._run(sock, connection, link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, sock: socket.socket, connection: RouterConnection, link: Link) -> None:
        try:
            await link.run()
        finally:
            del self._links[connection]
            self._ended_bytes += link.received_bytes
            self._ended_messages += connection.messages
            self._admission.leave(connection.address)
            metrics.CONNECTIONS.set(self.connections)
            if self._held is None:
                _close(sock)
            else:
                self._held.append(sock)


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Said in order, even where octets that nobody will read make the close a reset.
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def _leave_descriptors(admission: Admission) -> None:
    """Sees to it that connections do not take the files that the database and HTTP need.

    Raises this process's own limit of open files as far as it may and needs to, and lets fewer
    connect where that is not far enough.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = admission.connections + _OTHER_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        admission.connections = max(allowed - _OTHER_DESCRIPTORS, 1)
        log.warning(
            "fewer connections than INGEST_MAX_CONNECTIONS can be open: raise the limit of files",
            connections=admission.connections,
            open_files=allowed,
        )
