"""The request body on its way through, and the news that the client has gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from shared.errors import BgpilotError
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message, Receive

_CLOSE = {"Connection": "close"}


class ClientGone(BgpilotError):
    """The client closed its connection before the exchange was over."""


class RequestBody(httpx.AsyncByteStream):
    """Streams the body chunk by chunk, within a size and a pace, and then watches the client.

    ASGI has one `receive` for both, so the watch starts when the body is finished with.
    """

    def __init__(self, receive: Receive, *, max_bytes: int, max_silence: float) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._max_silence = max_silence
        self._finished = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        more = True
        while more:
            message = await self._next()
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(chunk)
            if size > self._max_bytes:
                raise too_large(self._max_bytes)
            if chunk:
                yield chunk

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._max_silence):
                message = await self._receive()
        except TimeoutError:
            detail = f"no byte of the body came for {self._max_silence:g} s"
            raise ProblemError(408, "request-timeout", detail, headers=_CLOSE) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    def finish(self) -> None:
        """No more of the body is wanted."""
        self._finished.set()

    async def client_gone(self) -> None:
        """Returns when the client has gone, or when it has its whole answer."""
        await self._finished.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def too_large(max_bytes: int) -> ProblemError:
    """413, after which the rest of the body is not read."""
    detail = f"the body is larger than {max_bytes:,} bytes (GATEWAY_MAX_BODY_BYTES)"
    return ProblemError(413, "content-too-large", detail, headers=_CLOSE)
