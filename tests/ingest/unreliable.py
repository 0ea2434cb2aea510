"""A proxy in front of PostgreSQL that loses a connection at a moment of the test's choice."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Cut = Literal["within a copy", "before the commit", "after the commit"]
_AT = {
    "within a copy": b"PGCOPY",
    "before the commit": b"COMMIT;",
    "after the commit": b"COMMIT;",
}


class UnreliableProxy:
    """Passes bytes on until it is armed; then the next such moment loses its connection.

    Within a copy: when the client waits for room to send more. Before the commit: the server
    never sees it. After: the server commits, and the client never hears of it.
    """

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._armed: list[Cut] = []
        self.lost = 0
        self.is_refusing = False

    def lose_next(self, *cuts: Cut) -> None:
        """The next such moments are lost, in this order."""
        self._armed += cuts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        if self.is_refusing:
            writer.close()
            return
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._socket_path)
        answers = asyncio.create_task(_pipe(upstream_reader, writer))
        try:
            while data := await reader.read(65536):
                cut = self._armed[0] if self._armed and _AT[self._armed[0]] in data else None
                if cut is not None:
                    self._armed.pop(0)
                if cut == "within a copy":
                    await _until_the_client_waits(reader)
                    break
                if cut == "before the commit":
                    break
                if cut == "after the commit":
                    answers.cancel()
                    await asyncio.wait([answers])
                    upstream_writer.write(data)
                    await upstream_reader.read(1)  # its answer: the commit is done
                    break
                upstream_writer.write(data)
                await upstream_writer.drain()
            else:
                return
            self.lost += 1
        except OSError:
            return
        finally:
            answers.cancel()
            writer.transport.abort()
            upstream_writer.close()


async def _until_the_client_waits(reader: asyncio.StreamReader) -> None:
    """Reads nothing, so that the sockets between fill; the reader's own buffer shows when."""
    before = -1
    while len(reader._buffer) != before:
        before = len(reader._buffer)
        await asyncio.sleep(0.2)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def unreliable(url: str) -> AsyncIterator[tuple[UnreliableProxy, str]]:
    """The proxy, and the URL by which the same database is reached through it."""
    parts = urlsplit(url)
    (directory,) = parse_qs(parts.query)["host"]
    proxy = UnreliableProxy(f"{directory}/.s.PGSQL.5432")
    # A Unix socket holds little, so that a large COPY has to wait as it does in earnest.
    with tempfile.TemporaryDirectory(prefix="bgpilot-") as between:
        server = await asyncio.start_unix_server(proxy.serve, f"{between}/.s.PGSQL.5432")
        async with server:
            yield proxy, f"postgresql://{parts.username}@{parts.path}?host={between}"
