"""WebSocket services to stand behind the gateway, and clients to stand before it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection

PATH = "/v1/ws/"


def talking(handler: Callable[[WebSocket], Awaitable[None]]) -> ASGIApp:
    """A service that accepts every WebSocket and hands it over."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ws = WebSocket(scope, receive, send)
        await ws.accept(subprotocol=next(iter(scope["subprotocols"]), None))
        await handler(ws)

    return app


async def echo(ws: WebSocket) -> None:
    """Says everything back until the client closes."""
    while (message := await ws.receive())["type"] == "websocket.receive":
        text = message.get("text")
        await (ws.send_bytes(message["bytes"]) if text is None else ws.send_text(text))


class Listening:
    """Keeps what it hears, and how its client went."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.heard: list[str] = []
        self.connected = asyncio.Event()
        self.ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def __call__(self, ws: WebSocket) -> None:
        self.scope = dict(ws.scope)
        self.connected.set()
        while (message := await ws.receive())["type"] == "websocket.receive":
            self.heard.append(message["text"])
        self.ended.set_result((message["code"], message.get("reason") or ""))


def attach(port: int, target: str = PATH, **options: Any) -> connect:
    """A client of the gateway at this port."""
    return connect(f"ws://127.0.0.1:{port}{target}", proxy=None, **options)


@contextlib.asynccontextmanager
async def bare_service(
    handler: Callable[[ServerConnection], Awaitable[None]],
) -> AsyncIterator[str]:
    """The URL of a service that can do to its connections what no ASGI app can."""
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def read_all(ws: ClientConnection) -> list[str | bytes]:
    """Every message to the close."""
    return [message async for message in ws]
