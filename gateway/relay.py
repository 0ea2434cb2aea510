"""Passes a WebSocket on: messages as they come, in both directions, and how it ends.

Each direction holds one message, and takes the next when that one is written; so a client that
does not read stops the reading from its service, whose own sending then blocks, and the other
way round. Pings are answered and sent on each side by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import OK_CLOSE_CODES, CloseCode

from gateway import faults, metrics
from gateway.headers import request_headers, response_headers
from shared.web.serve import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from starlette.types import Receive, Scope, Send
    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response

    from gateway.headers import Headers
    from gateway.upstreams import Upstream

log = structlog.get_logger(__name__)

# What our server and our client say themselves, in the handshake of each hop.
_OF_THE_HOP = (b"sec-websocket-", b"host", b"content-length", b"origin", b"connection", b"upgrade")
# RFC 6455 section 7.4.1: these say that there was no close frame, or none with a code.
_NEVER_SENT = {CloseCode.NO_STATUS_RCVD, CloseCode.ABNORMAL_CLOSURE, CloseCode.TLS_HANDSHAKE}
_CLOSE_SECONDS = 2.0
_QUEUE = 4
"""Messages that may be read ahead of the client."""


class End(NamedTuple):
    """How a WebSocket ended, and by whom: `client`, `service`, or `broken` without a word."""

    by: str
    code: int
    reason: str


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        return exc  # a redirect is the client's to follow, as everywhere in the gateway


class Relay:
    """One WebSocket between a client and a service."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, upstream: Upstream) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._upstream = upstream
        self._record: dict[str, Any] = {"upstream": upstream.name}
        if scope.get("client"):
            self._record["client"] = scope["client"][0]
        scope["access_log"] = self._record

    async def run(self) -> None:
        """Returns when both sides are closed; raises ProblemError where the service has no answer.

        A service that answers with something else than a WebSocket answers the client.
        """
        await self._receive()  # websocket.connect
        try:
            service = await self._connected()
        except InvalidStatus as refusal:
            await self._refuse(refusal.response)
            return
        metrics.ANSWERS.labels(self._upstream.name, "1xx").inc()
        async with service:
            assert service.response is not None  # noqa: S101 - the handshake is over
            await self._accept(service.subprotocol, service.response)
            end = await self._until_one_ends(service)
            await self._finish(service, end)

    async def _connected(self) -> ClientConnection:
        upstream = self._upstream
        try:
            return await _Connect(
                "ws" + upstream.url.removeprefix("http") + self._target(),
                additional_headers=[
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in _passed_on(request_headers(self._scope, upstream.authority))
                ],
                subprotocols=self._scope["subprotocols"] or None,
                user_agent_header=None,
                compression=None,
                proxy=None,
                open_timeout=upstream.answer_seconds,
                close_timeout=_CLOSE_SECONDS,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=_QUEUE,
            )
        except InvalidStatus as refusal:
            metrics.ANSWERS.labels(upstream.name, f"{refusal.response.status_code // 100}xx").inc()
            raise
        except (OSError, InvalidHandshake) as error:
            problem = faults.no_answer(upstream, _as_transport_error(error))
            metrics.ANSWERS.labels(upstream.name, problem.kind).inc()
            log.warning("no answer", upstream=upstream.url, error=repr(error))
            raise problem from error

    def _target(self) -> str:
        query: bytes = self._scope["query_string"]
        target: bytes = self._scope["raw_path"] + (b"?" + query if query else b"")
        return target.decode("ascii")

    async def _accept(self, subprotocol: str | None, answer: Response) -> None:
        headers = _passed_on(self._headers_of(answer))
        accept = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers}
        await self._send(accept)

    async def _refuse(self, answer: Response) -> None:
        start = {
            "type": "websocket.http.response.start",
            "status": answer.status_code,
            "headers": self._headers_of(answer),
        }
        await self._send(start)
        body = bytes(answer.body or b"")
        await self._send({"type": "websocket.http.response.body", "body": body})

    def _headers_of(self, answer: Response) -> Headers:
        raw = ((k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers.raw_items())
        return response_headers(raw, self._upstream.url)

    async def _until_one_ends(self, service: ClientConnection) -> End:
        ways = [_task(self._to_client(service)), _task(self._to_service(service))]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _to_client(self, service: ClientConnection) -> End:
        counter = metrics.MESSAGES.labels(self._upstream.name, "client")
        try:
            while True:
                message = await service.recv()
                kind = "text" if isinstance(message, str) else "bytes"
                await self._send({"type": "websocket.send", kind: message})
                counter.inc()
        except ConnectionClosed as closed:
            return _end_of(closed, self._upstream.name)
        except OSError:  # what ASGI servers raise where the client has gone
            return End("client", CloseCode.ABNORMAL_CLOSURE, "")

    async def _to_service(self, service: ClientConnection) -> End:
        counter = metrics.MESSAGES.labels(self._upstream.name, "service")
        try:
            while (message := await self._receive())["type"] == "websocket.receive":
                text = message.get("text")
                await service.send(message["bytes"] if text is None else text)
                counter.inc()
        except ConnectionClosed as closed:
            return _end_of(closed, self._upstream.name)
        return End("client", message.get("code", 1005), message.get("reason") or "")

    async def _finish(self, service: ClientConnection, end: End) -> None:
        self._record |= {
            "closed_by": end.by,
            "close_code": int(end.code),
            "close_reason": end.reason,
        }
        metrics.CLOSED.labels(self._upstream.name, end.by).inc()
        if end.by == "client":
            gone = end.code in _NEVER_SENT
            code, reason = (CloseCode.GOING_AWAY, "the client has gone") if gone else end[1:]
            await service.close(code, reason)
            return
        if end.by == "broken":
            log.warning("websocket broken off", upstream=self._upstream.url, reason=end.reason)
        with contextlib.suppress(OSError):  # the client may have gone meanwhile
            await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})


def _task(way: Coroutine[Any, Any, End]) -> asyncio.Task[End]:
    return asyncio.create_task(way)


def _passed_on(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if not name.startswith(_OF_THE_HOP)]


def _end_of(closed: ConnectionClosed, service: str) -> End:
    """What the client is told of the end of the service's side (RFC 6455 section 7.4)."""
    if closed.rcvd is not None:
        code = CloseCode.NORMAL_CLOSURE if closed.rcvd.code in _NEVER_SENT else closed.rcvd.code
        return End("service", code, closed.rcvd.reason)
    if closed.sent is None or closed.sent.code in OK_CLOSE_CODES:
        return End("broken", CloseCode.SERVICE_RESTART, f"the {service} service broke off")
    if closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return End("broken", CloseCode.MESSAGE_TOO_BIG, closed.sent.reason)
    # Our client ended it: no pong came in time, or what came was not a WebSocket's.
    why = f"the {service} service: {closed.sent.reason}"
    return End("broken", CloseCode.TRY_AGAIN_LATER, why.encode()[:123].decode(errors="ignore"))


def _as_transport_error(error: Exception) -> httpx.TransportError:
    """The same fault as an HTTP client would name it."""
    match error:
        case TimeoutError():
            return httpx.ReadTimeout(str(error))
        case InvalidHandshake():
            return httpx.RemoteProtocolError(str(error))
        case _:
            return httpx.ConnectError(str(error))
