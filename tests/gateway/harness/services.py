"""Small services for the gateway to stand before: raw ASGI apps that hide nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Seen:
    """One request as it reached a service."""

    method: str
    raw_path: bytes
    query: bytes
    headers: Headers
    body: bytes

    def all(self, name: str) -> list[str]:
        return [v.decode("latin-1") for k, v in self.headers if k == name.encode()]

    @property
    def names(self) -> set[str]:
        return {name.decode() for name, _ in self.headers}


@dataclass
class Recorder:
    """Answers everything alike and keeps what it was asked."""

    status: int = 200
    headers: Headers = field(default_factory=lambda: [(b"content-length", b"2")])
    body: bytes = b"ok"
    seen: list[Seen] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.seen.append(
            Seen(
                scope["method"],
                scope["raw_path"],
                scope["query_string"],
                list(scope["headers"]),
                body,
            )
        )
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})

    @property
    def last(self) -> Seen:
        return self.seen[-1]


@dataclass
class Slow:
    """Sends `first` where given, then holds the rest back until `release` is set."""

    first: bytes = b""
    rest: bytes = b""
    content_type: bytes = b"text/event-stream"
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    caller_gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.asked.set()
        if self.first:
            await self._start(send)
            await send({"type": "http.response.body", "body": self.first, "more_body": True})
        gone = asyncio.ensure_future(receive())
        released = asyncio.create_task(self.release.wait())
        await asyncio.wait({gone, released}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            assert gone.result()["type"] == "http.disconnect"
            self.caller_gone.set()
        gone.cancel()
        released.cancel()
        if not self.first:
            await self._start(send)
        await send({"type": "http.response.body", "body": self.rest})

    async def _start(self, send: Send) -> None:
        headers = [(b"content-type", self.content_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
