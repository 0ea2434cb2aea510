"""Trouble on the way to a fake provider: what comes late, gets lost, or is torn in half."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass
class Trouble:
    """What happens to the requests that match, one thing each."""

    match: str
    """A regular expression, searched in `METHOD /path?query`."""
    times: int | None = 1
    """How many requests it meets; None: all."""
    latency: float = 0.0
    """Seconds before the provider gets the request."""
    until: asyncio.Event | None = None
    """It gets the request when this is set."""
    lost: bool = False
    """The provider never gets it, and no answer comes."""
    silent: bool = False
    """The provider does what is asked, and no answer comes."""
    torn: bool = False
    """The provider does what is asked, and half of the answer comes."""
    astray: bool = False
    """No answer comes, and the provider gets it when everything that is astray arrives."""
    status: int | None = None
    """This is answered in the provider's place, with `body` and `headers`."""
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


class Troubled:
    """An app with trouble before it; and what it was asked, in order."""

    def __init__(self, app: ASGIApp) -> None:
        self.troubles: list[Trouble] = []
        self.asked: list[str] = []
        self._astray: list[tuple[Scope, Message]] = []
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode()
        asked = f"{scope['method']} {scope['path']}" + (f"?{query}" if query else "")
        self.asked.append(asked)
        trouble = self._met(asked)
        if trouble is None:
            await self._app(scope, receive, send)
        else:
            await self._with(trouble, scope, receive, send)

    async def arrive(self) -> None:
        """The provider gets all that is astray; nobody waits for its answers any more."""
        while self._astray:
            scope, body = self._astray.pop(0)

            async def receive(body: Message = body) -> Message:
                return body

            await self._app(scope, receive, _nowhere)

    async def _with(self, trouble: Trouble, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(trouble.latency)
        if trouble.until is not None:
            await trouble.until.wait()
        if trouble.lost:
            await _client_gone(receive)
        elif trouble.astray:
            self._astray.append((scope, await _whole(receive)))
            await _client_gone(receive)
        elif trouble.status is not None:
            answer = JSONResponse(trouble.body, trouble.status, trouble.headers)
            await answer(scope, receive, send)
        elif trouble.silent:
            await self._app(scope, receive, _nowhere)
            await _client_gone(receive)
        elif trouble.torn:
            await self._app(scope, receive, _Torn(send))
        else:
            await self._app(scope, receive, send)

    def _met(self, asked: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.times != 0 and re.search(trouble.match, asked):
                if trouble.times is not None:
                    trouble.times -= 1
                return trouble
        return None


async def _whole(receive: Receive) -> Message:
    """The body, as one message."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return {"type": "http.request", "body": body}


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nowhere(_: Message) -> None:
    """What is sent here is not sent."""


class _Torn:
    """Sends the first half of a body, which is too short for its Content-Length."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        cut: dict[str, Any] = dict(message)
        if message["type"] == "http.response.body":
            cut["body"] = message.get("body", b"")[: len(message.get("body", b"")) // 2]
        await self._send(cut)
