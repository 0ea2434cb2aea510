"""The connections to a service: what is kept for the next request, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from gateway.connections import Connections, connections
from shared import http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Service:
    """Counts its connections; on each it does what it is told, request by request.

    At None it closes the connection instead.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.connections = 0
        self.requests = 0
        self._open = 0
        self._none_open = asyncio.Event()
        self._none_open.set()
        self.said: list[asyncio.StreamWriter] = []
        self.has_said = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self._none_open.clear()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                answer = self._answers.pop(0) if self._answers else OK
                if answer is None:
                    break
                writer.write(answer)
                self.said.append(writer)
                self.has_said.set()
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self._open -= 1
        if not self._open:
            self._none_open.set()

    @contextlib.asynccontextmanager
    async def reached(self, most: int = 5) -> AsyncIterator[Connections]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        url = httpx.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with server, asyncio.timeout(10):
            async with Connections(url, most) as connections:
                yield connections
            await self._none_open.wait()


def request(seconds: float = 5.0, method: str = "GET", url: str = "http://s/") -> httpx.Request:
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    return httpx.Request(method, url, extensions={"target": b"/x", "timeout": timeouts})


async def asked(
    connections: httpx.AsyncBaseTransport, seconds: float = 5.0, url: str = "http://s/"
) -> bytes:
    answer = await connections.handle_async_request(request(seconds, url=url))
    try:
        return b"".join([chunk async for chunk in answer.aiter_raw()])
    finally:
        await answer.aclose()


async def test_a_connection_is_kept_for_the_next_request() -> None:
    service = Service()
    async with service.reached() as connections:
        assert [await asked(connections) for _ in range(3)] == [b"ok"] * 3
    assert service.connections == 1


@pytest.mark.parametrize(
    "last",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
        OK + b"more than was announced",
    ],
)
async def test_what_is_not_as_it_should_be_is_not_kept(last: bytes) -> None:
    service = Service(last)
    async with service.reached() as connections:
        assert await asked(connections) == b"ok"
        assert await asked(connections) == b"ok"
    assert service.connections == 2


@pytest.mark.parametrize("and_closes", [False, True])
@pytest.mark.parametrize("word", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", OK, b"HTTP/1.1 2", b""])
async def test_a_word_that_nobody_asked_for_is_no_answer_to_the_next_request(
    word: bytes, and_closes: bool
) -> None:
    service = Service()
    async with service.reached() as connections:
        assert await asked(connections) == b"ok"
        (writer,) = service.said
        writer.write(word)
        await writer.drain()
        if and_closes:
            writer.close()
            await writer.wait_closed()
        assert await asked(connections) == b"ok"
        assert await asked(connections) == b"ok"
    assert service.connections == (2 if word or and_closes else 1)


CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"


async def test_chunks_that_are_none_break_the_answer_at_once() -> None:
    service = Service(CHUNK)
    async with service.reached() as connections:
        answer = await connections.handle_async_request(request())
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"part"
        service.said[0].write(b"no chunk\r\n")
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(pieces)
        await answer.aclose()
        assert await asked(connections) == b"ok"
    assert service.connections == 2


@pytest.mark.parametrize("begun", [CHUNK, b"HTTP/1.1 200 OK\r\n\r\npart"])
async def test_an_answer_whose_connection_is_reset_is_not_complete(begun: bytes) -> None:
    service = Service(begun)
    async with service.reached() as connections:
        answer = await connections.handle_async_request(request())
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"part"
        line = service.said[0].get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        service.said[0].transport.abort()
        with pytest.raises(httpx.ReadError):
            await anext(pieces)
        await answer.aclose()


async def test_another_protocol_is_no_answer_where_none_was_asked_for() -> None:
    service = Service(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")
    async with service.reached() as connections:
        with pytest.raises(httpx.RemoteProtocolError):
            await asked(connections)
        assert await asked(connections) == b"ok"


async def test_what_ends_after_the_others_were_closed_is_closed_too() -> None:
    service = Service()
    async with service.reached() as connections:
        answer = await connections.handle_async_request(request())
        await connections.aclose()
        assert b"".join([chunk async for chunk in answer.aiter_raw()]) == b"ok"
        await answer.aclose()


@contextlib.contextmanager
def full() -> Iterator[socket.socket]:
    """Listens, and has no room for one more connection."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waits = stack.enter_context(socket.socket())
            waits.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waits.connect(listener.getsockname())
        yield listener


async def test_an_address_that_is_silent_or_refuses_does_not_hide_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service()
    with full() as listener, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with service.reached() as connections:
            good = ("127.0.0.1", connections._port)

            async def getaddrinfo(*_: object, **__: object) -> list[tuple[object, ...]]:
                ends = (listener.getsockname(), closed.getsockname(), good)
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", end) for end in ends]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
            assert await asked(connections, seconds=1.0) == b"ok"


@pytest.mark.parametrize("host", ["a..b", "nowhere.invalid"])
async def test_a_name_that_is_none_cannot_be_reached(host: str) -> None:
    async with Connections(httpx.URL(f"http://{host}"), 1) as connections:
        with pytest.raises(httpx.ConnectError):
            await asked(connections)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, with its key in the same file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    path = tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=s -addext"
    names = ["subjectAltName=DNS:localhost", "-keyout", str(path), "-out", str(tmp_path / "out")]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "out").read_text())
    return path


async def test_encrypted_services_are_reached_and_those_of_another_name_are_not(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate)
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=ours)
    port = server.sockets[0].getsockname()[1]
    named, unnamed = f"https://localhost:{port}", f"https://127.0.0.1:{port}"
    async with server, asyncio.timeout(20):
        async with connections(httpx.URL(named), 2) as unknown:
            with pytest.raises(httpx.ConnectError, match="verify"):
                await asked(unknown, url=named)
        known = ssl.create_default_context(cafile=certificate)
        monkeypatch.setattr(http, "authorities", lambda: known)
        async with connections(httpx.URL(named), 2) as trusted:
            assert [await asked(trusted, url=named) for _ in range(3)] == [b"ok"] * 3
        async with connections(httpx.URL(unnamed), 2) as misnamed:
            with pytest.raises(httpx.ConnectError, match="mismatch"):
                await asked(misnamed, url=unnamed)


async def test_three_hundred_headers_come_through() -> None:
    many = b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(300))
    service = Service(OK.replace(b"\r\n\r\n", b"\r\n" + many + b"\r\n"))
    async with service.reached() as connections:
        answer = await connections.handle_async_request(request())
        assert len(answer.headers) == 301
        await answer.aclose()


async def test_an_answer_that_is_not_read_to_its_end_closes_its_connection() -> None:
    service = Service()
    async with service.reached() as connections:
        answer = await connections.handle_async_request(request())
        await answer.aclose()
        await answer.aclose()
        assert await asked(connections) == b"ok"
    assert service.connections == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nothing_is_asked_again_by_itself(method: str) -> None:
    service = Service(OK, None)
    async with service.reached() as connections:
        assert await asked(connections) == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await connections.handle_async_request(request(method=method))
    assert service.requests == 2


async def test_who_finds_no_connection_free_waits_and_is_told_at_last() -> None:
    service = Service()
    async with service.reached(most=1) as connections:
        held = await connections.handle_async_request(request())
        with pytest.raises(httpx.PoolTimeout):
            await asked(connections, seconds=0.05)
        waits = asyncio.create_task(asked(connections))
        await asyncio.sleep(0)
        await held.aclose()
        assert await waits == b"ok"


async def test_who_gives_up_leaves_room_for_others() -> None:
    service = Service(b"")
    async with service.reached(most=1) as connections:
        waits = asyncio.create_task(asked(connections))
        await service.has_said.wait()
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert await asked(connections) == b"ok"


async def test_an_answer_that_is_read_slowly_is_sent_slowly() -> None:
    size = 50_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    service = Service(head + bytes(size))
    async with service.reached() as connections:
        answer = await connections.handle_async_request(request())
        for _ in range(5_000):  # turns of the loop, in each of which it could be read
            await asyncio.sleep(0)
        (writer,) = service.said
        assert writer.transport.get_write_buffer_size() > size // 2
        assert sum([len(chunk) async for chunk in answer.aiter_raw()]) == size
        await answer.aclose()
        assert await asked(connections) == b"ok"
    assert service.connections == 1


async def test_information_on_the_way_is_not_the_answer() -> None:
    service = Service(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
    async with service.reached() as connections:
        assert await asked(connections) == b"ok"
