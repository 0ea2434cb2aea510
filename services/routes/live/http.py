"""A subscriber over HTTP: one message a line, or one an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from starlette.requests import Request
from starlette.responses import Response

from services.routes.live.delivery import deliver
from services.routes.live.hub import TooMany
from shared.web import problem
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Receive, Scope, Send

    from services.routes.live.message import Message
    from services.routes.live.protocol import Subscription
    from services.routes.live.stream import Live
    from services.routes.live.subscriber import Subscriber

Format = Literal["json", "sse"]

_MEDIA_TYPES: dict[Format, str] = {"json": "application/x-ndjson", "sse": "text/event-stream"}
_IDLE: dict[Format, bytes] = {"json": b"\n", "sse": b": ping\n\n"}
_CHUNK_BYTES = 64 * 1024


class LiveResponse(Response):
    """An answer that ends when the client leaves or is cut off."""

    def __init__(
        self, live: Live, subscription: Subscription, form: Format, last_id: str | None
    ) -> None:
        super().__init__(
            media_type=_MEDIA_TYPES[form],
            # Proxies that buffer an answer would hold a stream for ever.
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
        )
        del self.headers["content-length"]
        self._live = live
        self._subscription = subscription
        self._form: Format = form
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        try:
            with self._live.subscriber(client[0] if client else "unknown", "http") as subscriber:
                await self._stream(subscriber, receive, send)
        except TooMany as error:
            kind = "too-many-streams" if error.is_callers_fault else "no-room"
            status = 429 if error.is_callers_fault else 503
            await _refuse(ProblemError(status, kind, str(error)), scope, receive, send)
        except _AwayAtStart:
            text = "the database is away, so nothing can be streamed; try again in a few seconds"
            await _refuse(ProblemError(503, "database-unavailable", text), scope, receive, send)

    async def _stream(self, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        async def write(waiting: Sequence[Message | bytes]) -> None:
            for chunk in self._chunks(waiting):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

        async def idle() -> None:
            body = _IDLE[self._form]
            await send({"type": "http.response.body", "body": body, "more_body": True})

        async def gone() -> None:
            is_gone = False
            while not is_gone:
                is_gone = (await receive())["type"] == "http.disconnect"

        if not await self._live.begins():
            raise _AwayAtStart
        self._live.hub.subscribe(subscriber, self._subscription.filters)
        if self._last_id is not None:
            self._live.hub.resume(subscriber, self._last_id)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        is_to_be_ended = await deliver(
            subscriber,
            write=write,
            idle=idle,
            idle_seconds=self._live.idle_seconds,
            gone=gone(),
        )
        if is_to_be_ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _chunks(self, waiting: Sequence[Message | bytes]) -> list[bytes]:
        """Pieces that are large enough to be cheap and small enough to wait for one another."""
        chunks, chunk, size = [], [], 0
        for one in waiting:
            chunk.append(self._framed(one))
            size += len(chunk[-1])
            if size >= _CHUNK_BYTES:
                chunks.append(b"".join(chunk))
                chunk, size = [], 0
        return [*chunks, b"".join(chunk)] if chunk else chunks

    def _framed(self, one: Message | bytes) -> bytes:
        if isinstance(one, bytes):
            name, number, body = b"ris_error", b"", one
        else:
            name, number = b"ris_message", b"id: %s\n" % one.id.encode()
            body = one.body
        if self._form == "json":
            return body + b"\n"
        return b"%sevent: %s\ndata: %s\n\n" % (number, name, body)


class _AwayAtStart(Exception):
    pass


async def _refuse(error: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    error.headers["Retry-After"] = "5"
    await problem.response(Request(scope), error)(scope, receive, send)
