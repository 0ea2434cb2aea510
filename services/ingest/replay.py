"""Plays captures to a BMP station over TCP, as routers would."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, NamedTuple

from services.ingest.captures import CHUNK, Block, blocks, open_capture
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from services.ingest.captures import Capture

CONNECT_SECONDS = 10.0
DRAIN_SECONDS = 60.0
"""How long the station may take to read what is left in the sockets after the last octet."""

# RFC 7854 section 4.1: version, length of the whole message, type. Version 4 is
# draft-ietf-grow-bmp-tlv.
_HEADER = 6
_VERSIONS = (3, 4)
_LONGEST = 64 * CHUNK

PACE_SECONDS = 0.05
"""A paced replay sends what is due this often."""


class Target(NamedTuple):
    """Where a BMP station listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Progress:
    """What all connections of a replay have sent so far."""

    def __init__(self, connections: int) -> None:
        self.connections = connections
        self.messages = 0
        self.octets = 0
        self.finished = 0
        """Connections that have sent everything."""
        self.is_sent = False
        self.share = 0.0
        """From 0 to 1; stays 0 where the size of the capture is not known."""

    def add(self, messages: int, octets: int, share: float) -> None:
        self.messages += messages
        self.octets += octets
        self.share += share / self.connections


async def replay(
    path: str,
    target: Target,
    *,
    connections: int = 1,
    rate: float | None = None,
    hold: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_sent: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Send the whole capture on each of `connections` connections at the same time.

    `rate` is messages per second on each connection, None for as fast as the station reads. The
    capture is streamed: memory does not grow with it. `on_sent` is told once, when everything is
    sent. Ends when the station has read it all and closed; with `hold` it never ends by itself,
    for the routes of a router that is gone are no longer current. UserError where the station
    cannot be reached or breaks off, or where the capture does not begin as BMP does.
    """
    progress = Progress(connections)

    def tell(progress: Progress) -> None:
        on_progress(progress)
        if progress.finished == connections and not progress.is_sent:
            progress.is_sent = True
            on_sent(progress)

    players = [_Player(path, target, rate, hold, progress, tell) for _ in range(connections)]
    tasks = [asyncio.create_task(player.play()) for player in players]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return progress


class _Player:
    """One connection of a replay."""

    def __init__(
        self,
        path: str,
        target: Target,
        rate: float | None,
        hold: bool,
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._path = path
        self._target = target
        self._rate = rate
        self._hold = hold
        self._progress = progress
        self._on_progress = on_progress
        self._sent = 0

    async def play(self) -> None:
        with open_capture(self._path) as capture:
            source = _checked(capture)
            reader, writer = await _connect(self._target)
            try:
                await self._send(capture, source, writer)
                await self._finish(reader, writer)
            except OSError as error:
                raise UserError(
                    f"the BMP station at {self._target} broke off after {self._sent} octets: "
                    f"{_reason(error)}; its log says why"
                ) from None
            finally:
                writer.transport.abort()

    async def _send(
        self, capture: Capture, source: Iterator[Block], writer: asyncio.StreamWriter
    ) -> None:
        progress, done = self._progress, 0.0
        async for block in _paced(source, self._rate):
            writer.write(block.data)
            await writer.drain()
            self._sent += len(block.data)
            share = capture.position() / capture.size if capture.size else 0.0
            progress.add(len(block.ends), len(block.data), share - done)
            done = share
            self._on_progress(progress)

    async def _finish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wait until the station closes its side: by then it has read all that was sent."""
        self._progress.finished += 1
        self._on_progress(self._progress)
        if not self._hold:
            writer.write_eof()
        async with asyncio.timeout(None if self._hold else DRAIN_SECONDS):
            while await reader.read(65_536):
                pass  # RFC 7854 3.2: a station sends nothing; whatever comes is of no concern
        if self._hold:
            raise ConnectionError("it closed the connection")


def _checked(capture: Capture) -> Iterator[Block]:
    """The capture's blocks; UserError where the first one has no header of BMP."""
    source = blocks(capture.chunks())
    first = next(source, Block(b"", []))
    version, length = first.data[:1], int.from_bytes(first.data[1:5], "big")
    is_bmp = len(first.data) >= _HEADER and version[0] in _VERSIONS
    if not is_bmp or not _HEADER <= length <= _LONGEST:
        raise UserError(
            f"{capture.path} does not begin with a BMP message; give the byte stream of one "
            "router's connection, plain, gzip or xz (a packet capture is read by decode alone)"
        )
    return itertools.chain([first], source)


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(target.host, target.port)
    except OSError as error:
        raise UserError(
            f"cannot connect to a BMP station at {target}: {_reason(error)}; "
            "is it running and listening there?"
        ) from None


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "it reset the connection"
    return error.strerror or str(error)


async def _paced(source: Iterator[Block], rate: float | None) -> AsyncIterator[Block]:
    """The blocks, cut and held back so that `rate` messages a second come out."""
    if rate is None:
        for block in source:
            yield block
        return
    clock = asyncio.get_running_loop().time
    started, sent = clock(), 0
    step = max(1, int(rate * PACE_SECONDS))
    for block in source:
        for part in cut(block, step):
            due = started + sent / rate - clock()
            if due > 0:
                await asyncio.sleep(due)
            yield part
            sent += len(part.ends)


def cut(block: Block, step: int) -> Iterator[Block]:
    """The block in parts of at most `step` messages."""
    start = 0
    for first in range(0, len(block.ends), step):
        ends = block.ends[first : first + step]
        yield Block(block.data[start : ends[-1]], [end - start for end in ends])
        start = ends[-1]
    if start < len(block.data):
        yield Block(block.data[start:], [])
