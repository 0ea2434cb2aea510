"""What stays open for long: slow readers, quiet services, many clients."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import h11
import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from shared.web.serve import allow_open_files
from tests.gateway.harness.client import CutShort, ask, connection, request
from tests.gateway.harness.services import Slow
from tests.gateway.harness.serving import gateway, gateway_before
from tests.gateway.harness.sockets import attach, bare_service, echo, talking

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from websockets.asyncio.server import ServerConnection

STREAM = "/api/v1/stream/"
CHUNK = 64 * 1024
MUCH = 64 * 1024 * 1024
"""More than the kernel holds for the two connections on the way."""


class Flood:
    """Sends chunks until sending blocks, and no more after that save the word to end with."""

    def __init__(self) -> None:
        self.sent = 0
        self.blocked = asyncio.Event()
        self.drained = asyncio.Event()

    async def over_http(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while await self._goes(
            send({"type": "http.response.body", "body": self._chunk(), "more_body": True})
        ):
            pass
        await send({"type": "http.response.body", "body": b"end"})
        self.drained.set()

    async def over_websocket(self, ws: WebSocket) -> None:
        while await self._goes(ws.send_bytes(self._chunk())):
            pass
        await ws.send_bytes(b"end")
        self.drained.set()
        await echo(ws)

    def _chunk(self) -> bytes:
        return str(self.sent).encode().rjust(CHUNK)

    async def _goes(self, sending: object) -> bool:
        """Whether it was sent without a wait; else it is sent when the client reads."""
        assert asyncio.iscoroutine(sending)
        task = asyncio.ensure_future(sending)
        done, _ = await asyncio.wait({task}, timeout=1)
        if not done:
            self.blocked.set()
            await task
        self.sent += 1
        assert self.sent * CHUNK < MUCH
        return bool(done)


async def test_a_subscriber_that_does_not_read_blocks_its_service_and_nobody_else() -> None:
    flood = Flood()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        slow = b"slow" in scope["query_string"]
        await talking(flood.over_websocket if slow else echo)(scope, receive, send)

    async with (
        gateway_before(service) as port,
        attach(port, "/v1/ws/?slow", max_queue=1) as slow,
        attach(port) as other,
    ):
        await flood.blocked.wait()
        for n in range(100):
            await other.send(str(n))
            assert await other.recv() == str(n)
        assert not flood.drained.is_set()
        received = [await slow.recv() for _ in range(flood.sent + 1)]
        assert [int(each) for each in received] == list(range(flood.sent))
        assert await slow.recv() == b"end"


async def test_a_service_that_does_not_read_blocks_its_client() -> None:
    go = asyncio.Event()
    heard = asyncio.Queue[str]()

    async def service(ws: WebSocket) -> None:
        await go.wait()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                heard.put_nowait(await ws.receive_text())

    async with gateway_before(talking(service)) as port, attach(port) as ws:
        sent = 0
        blocked: asyncio.Task[None] | None = None
        while blocked is None:
            task = asyncio.create_task(ws.send(str(sent).rjust(CHUNK)))
            done, _ = await asyncio.wait({task}, timeout=1)
            blocked = None if done else task
            sent += 1
            assert sent * CHUNK < MUCH
        go.set()
        await blocked
        assert [int(await heard.get()) for _ in range(sent)] == list(range(sent))


async def test_a_reader_of_a_stream_that_does_not_read_blocks_its_service() -> None:
    flood = Flood()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await flood.over_http(send)

    async with gateway_before(service) as port, connection(port) as conn:
        await conn.write(request(STREAM))
        await flood.blocked.wait()
        assert not flood.drained.is_set()
        answer = await conn.answer()
    assert len(answer.body) == flood.sent * CHUNK + len(b"end")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (STREAM, b"text/event-stream"),
        ("/api/v1/routes?format=ndjson", b"application/x-ndjson"),
        ("/api/v1/peers/1/routes?format=csv", b"text/csv; charset=utf-8"),
    ],
)
async def test_silence_ends_an_answer_but_neither_a_stream_nor_a_table(
    path: str, content_type: bytes
) -> None:
    endless = Slow(first=b"data: 1\n\n", rest=b"data: 2\n\n", content_type=content_type)
    answer = Slow(first=b"[", content_type=b"application/json")

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        is_answer = scope["path"] == "/api/v1/stats"
        await (answer if is_answer else endless)(scope, receive, send)

    async with (
        gateway_before(service, gateway_answer_seconds=0.3) as port,
        connection(port) as conn,
    ):
        await conn.write(request(path))
        events = conn.events()
        assert isinstance(await anext(events), h11.Response)
        first = await anext(events)
        assert isinstance(first, h11.Data)
        assert first.data == endless.first
        with pytest.raises(CutShort):
            await ask(port, "/api/v1/stats")
        endless.release.set()
        second = await anext(events)
        assert isinstance(second, h11.Data)
        assert second.data == endless.rest


@pytest.mark.parametrize("path", [STREAM, "/v1/stream/?format=json"])
async def test_a_stream_has_to_begin_like_any_answer(path: str) -> None:
    async with gateway_before(Slow(), gateway_answer_seconds=0.2) as port:
        answer = await ask(port, path)
    assert answer.status == 504
    assert answer.problem["type"] == "urn:bgpilot:problem:upstream-timeout"


async def test_a_reader_that_leaves_ends_its_stream_and_gives_its_place_back() -> None:
    service = Slow(first=b"data: 1\n\n")
    async with gateway_before(service, gateway_max_streams=2) as port:
        async with connection(port) as conn:
            await conn.write(request(STREAM))
            await service.asked.wait()
            assert (await ask(port, STREAM)).status == 429
        await service.caller_gone.wait()
        service.release.set()
        async with asyncio.timeout(10):
            while (await ask(port, STREAM)).status != 200:
                pass


def broadcasting(listeners: int, ready: asyncio.Event, go: asyncio.Event) -> ASGIApp:
    """A service that says the same to all once so many are there."""
    here = 0

    async def handler(ws: WebSocket) -> None:
        nonlocal here
        here += 1
        if here == listeners:
            ready.set()
        await go.wait()
        for n in range(20):
            await ws.send_text(str(n))
        await ws.close(1000, "done")

    return talking(handler)


async def test_five_hundred_subscribers_hear_all_of_it_at_one_time() -> None:
    allow_open_files()
    clients = 500
    ready, go = asyncio.Event(), asyncio.Event()
    async with gateway_before(broadcasting(clients, ready, go)) as port:
        at_once = asyncio.Semaphore(50)

        async def listen() -> list[str | bytes]:
            async with at_once:
                ws = await attach(port, open_timeout=60, compression=None)
            async with ws:
                return [message async for message in ws]

        listeners = [asyncio.create_task(listen()) for _ in range(clients)]
        await ready.wait()
        answer = await ask(port, "/metrics")
        assert b'open_streams{kind="websocket",service="routes"} 500.0' in answer.body
        go.set()
        assert await asyncio.gather(*listeners) == [[str(n) for n in range(20)]] * clients


async def test_a_service_that_dies_lets_all_its_subscribers_go_at_once() -> None:
    connections: list[ServerConnection] = []

    async def service(ws: ServerConnection) -> None:
        connections.append(ws)
        await ws.wait_closed()

    async with (
        bare_service(service) as url,
        gateway(gateway_routes_url=url) as port,
        contextlib.AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(attach(port)) for _ in range(50)]
        for each in connections:
            each.transport.abort()
        await asyncio.gather(*(client.wait_closed() for client in clients))
        assert {client.close_code for client in clients} == {1012}
