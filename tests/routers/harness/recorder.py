"""A BMP station that only listens: what one router sends, as it came."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.routers.harness.process import Daemon

_READ = 1 << 16


class Recorder:
    """Listens from the start; the octets wait in the kernel until they are read.

    There is no thread: a test that waits for something reads each time it looks.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._listening: socket.socket | None = None
        self._connection: socket.socket | None = None

    @property
    def daemons(self) -> Sequence[Daemon]:
        return ()

    def start(self) -> None:
        self._listening = socket.create_server(self._address)
        self._listening.setblocking(False)

    def stop(self) -> None:
        for open_socket in (self._connection, self._listening):
            if open_socket is not None:
                open_socket.close()

    def read(self) -> bytes:
        """What has come since the last call; raises where the router has hung up."""
        if self._connection is None and not self._accept():
            return b""
        chunks: list[bytes] = []
        while (chunk := self._receive()) is not None:
            chunks.append(chunk)
        return b"".join(chunks)

    def _accept(self) -> bool:
        if self._listening is None:
            raise RuntimeError("the recorder has not been started")
        try:
            self._connection, _ = self._listening.accept()
        except BlockingIOError:
            return False
        self._connection.setblocking(False)
        return True

    def _receive(self) -> bytes | None:
        if self._connection is None:
            return None
        try:
            chunk = self._connection.recv(_READ)
        except BlockingIOError:
            return None
        if not chunk:
            raise RuntimeError("the router has closed its BMP connection")
        return chunk
