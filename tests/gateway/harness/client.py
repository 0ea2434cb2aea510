"""A client that sends exactly the bytes it is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header names in lower case, repeated ones repeated."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def header(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def problem(self) -> dict[str, Any]:
        assert self.header("content-type") == "application/problem+json", self
        assert self.json["status"] == self.status
        return self.json


class CutShort(Exception):
    """The connection closed before the answer was complete; holds what had come of its body."""

    def __init__(self, body: bytes) -> None:
        super().__init__(f"{len(body)} bytes")
        self.body = body


class Connection:
    """A TCP connection on which bytes are written as they are and answers are parsed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = h11.Connection(h11.CLIENT)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def read_line(self) -> bytes:
        """The next line as it comes."""
        return await self._reader.readline()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Ends the connection as a killed client's kernel does."""
        self._writer.transport.abort()

    async def events(self, method: str = "GET") -> AsyncGenerator[h11.Event]:
        """The parsed answer to a request with this method."""
        self._parser = h11.Connection(h11.CLIENT)
        self._parser.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        self._parser.send(h11.EndOfMessage())
        while True:
            event = self._parser.next_event()
            if event is h11.NEED_DATA:
                self._parser.receive_data(await self._reader.read(65_536))
                continue
            assert not isinstance(event, type), event
            yield event
            if isinstance(event, h11.EndOfMessage):
                return

    async def answer(self, method: str = "GET") -> Answer:
        """The whole answer, or CutShort."""
        status, headers, body = 0, [], b""
        try:
            async with contextlib.aclosing(self.events(method)) as events:
                async for event in events:
                    if isinstance(event, h11.Response):
                        status = event.status_code
                        headers = [(k.decode(), v.decode("latin-1")) for k, v in event.headers]
                    elif isinstance(event, h11.Data):
                        body += event.data
        except h11.RemoteProtocolError as error:
            raise CutShort(body) from error
        return Answer(status, headers, body)


@contextlib.asynccontextmanager
async def connection(port: int) -> AsyncIterator[Connection]:
    """A connection to a loopback port, closed afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def request(
    target: str,
    method: str = "GET",
    headers: Headers = (),
    body: bytes = b"",
    host: str = "gateway",
) -> bytes:
    """The bytes of a request; a body gets its Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def ask(
    port: int, target: str, method: str = "GET", headers: Headers = (), body: bytes = b""
) -> Answer:
    """The answer to one request on a connection of its own."""
    return await send(port, request(target, method, headers, body), method)


async def send(port: int, data: bytes, method: str = "GET") -> Answer:
    """The answer to these bytes on a connection of their own."""
    async with connection(port) as conn:
        await conn.write(data)
        return await conn.answer(method)
