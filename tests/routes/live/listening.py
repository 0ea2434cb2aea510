"""Subscribers of every kind, on a real server in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr
from websockets.asyncio.client import connect

from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from shared.contracts.live import ServerMessage
from tests.gateway.harness.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from websockets.asyncio.client import ClientConnection

DEADLINE = 20.0

Body = dict[str, Any]


def strictly(text: str | bytes) -> Body:
    """A message that has every field of its type, each of its type, and no other."""
    ServerMessage.model_validate_json(text)
    message: Body = json.loads(text)
    return message


class Server:
    """The query service on a port."""

    def __init__(self, app: FastAPI, port: int) -> None:
        self.app = app
        self.port = port

    @contextlib.asynccontextmanager
    async def websocket(self, path: str = "/v1/ws/?client=test") -> AsyncIterator[Listener]:
        """A subscriber of nothing yet."""
        url = f"ws://127.0.0.1:{self.port}{path}"
        async with connect(url, proxy=None, max_size=None) as connection:
            yield Listener(connection)

    @contextlib.asynccontextmanager
    async def stream(
        self,
        path: str = "/v1/stream/?format=json",
        *,
        subscribe: Body | None = None,
        last_id: str | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """The answer to a request for a stream, whose head has come."""
        headers = {} if subscribe is None else {"X-RIS-Subscribe": json.dumps(subscribe)}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        url = f"http://127.0.0.1:{self.port}{path}"
        async with (
            httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            yield answer


class Listener:
    """Speaks RIS Live over a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.socket = connection

    async def say(self, kind: str, data: Any = None) -> None:
        """Sends a message."""
        await self.socket.send(json.dumps({"type": kind, "data": data}))

    async def hear(self) -> Body:
        """The next message."""
        async with asyncio.timeout(DEADLINE):
            return strictly(await self.socket.recv())

    async def ask(self, kind: str, data: Any = None) -> Body:
        """The answer to a message."""
        await self.say(kind, data)
        return await self.hear()

    async def subscribe(self, **data: Any) -> Body:
        """Subscribes; from the answer on, what is committed is told."""
        data["socketOptions"] = {"acknowledge": True} | data.get("socketOptions", {})
        answer = await self.ask("ris_subscribe", data)
        assert answer["type"] == "ris_subscribe_ok", answer
        body: Body = answer["data"]
        return body

    async def told(self, kind: str | None = None) -> Body:
        """The data of the next `ris_message`, of a type if need be."""
        while True:
            message = await self.hear()
            assert message["type"] == "ris_message", message
            if kind is None or message["data"]["type"] == kind:
                data: Body = message["data"]
                return data

    async def heard_all(self, ends: Any) -> list[Body]:
        """The data of every `ris_message` up to the one that announces this prefix, inclusive."""
        heard = []
        while not heard or ends not in announced(heard[-1]):
            heard.append(await self.told())
        return heard


def announced(data: Body) -> list[str]:
    """The prefixes that an UPDATE announces."""
    return [p for one in data.get("announcements", []) for p in one["prefixes"]]


@contextlib.asynccontextmanager
async def server(url: str, **settings: Any) -> AsyncIterator[Server]:
    """The query service; `routes_live_...` without the prefix."""
    values = {f"routes_live_{name}": value for name, value in settings.items()}
    app = create_app(
        RoutesSettings(database_url=SecretStr(url), **{"routes_live_poll_seconds": 0.02} | values)
    )
    async with serving(app) as port:
        yield Server(app, port)
