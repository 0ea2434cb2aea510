"""What a worker process and its parent say to each other, over a private socket, by lines.

The parent asks `7 stats`, the worker answers `7 {...}` in JSON. When the parent closes its end,
or is gone, that is the worker's order to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import socket

Answers = Mapping[str, Callable[[], Awaitable[object]]]
"""What can be asked; what it gives must be fit for JSON."""

_LONGEST_LINE = 16 * 1024 * 1024
_ANSWER_SECONDS = 2.0


class WorkerSilent(Exception):
    """The worker has ended, or gave no answer in time."""


class Asker:
    """The parent's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = asyncio.Lock()
        self._number = 0

    @classmethod
    async def on(cls, sock: socket.socket) -> Asker:
        """Speaks through this end of a pair of sockets."""
        return cls(*await asyncio.open_unix_connection(sock=sock, limit=_LONGEST_LINE))

    async def ask(self, what: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """The worker's answer, or WorkerSilent."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), self._lock:
                return await self._ask(what)
        except TimeoutError:
            raise WorkerSilent(f"no answer within {_ANSWER_SECONDS:g} s") from None
        except OSError as error:
            raise WorkerSilent("it has ended") from error

    def close(self) -> None:
        """Tells the worker to stop."""
        self._writer.close()

    async def _ask(self, what: str) -> Any:  # noqa: ANN401 - JSON of any shape
        self._number += 1
        self._writer.write(f"{self._number} {what}\n".encode())
        while line := await self._reader.readline():
            number, _, answer = line.partition(b" ")
            if int(number) == self._number:  # else it answers one that we gave up
                return orjson.loads(answer)
        raise ConnectionResetError


async def answer(sock: socket.socket, answers: Answers) -> None:
    """The worker's end: answers until the parent closes its own."""
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=_LONGEST_LINE)
    try:
        while line := await reader.readline():
            number, _, what = line.decode().strip().partition(" ")
            given = orjson.dumps(await answers[what]())
            writer.write(number.encode() + b" " + given + b"\n")
            await writer.drain()
    except OSError:  # the parent is gone, which says the same
        return
    finally:
        writer.close()
