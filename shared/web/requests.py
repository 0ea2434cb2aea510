"""Around every request and WebSocket: its id, its log line, its metrics. Pure ASGI.

A middleware of Starlette's own kind (`@app.middleware("http")`) would hide from endpoints that
the client has gone, so none is used anywhere.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import HTTPConnection

from shared.web import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("access")

_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")
# Probes and scrapes come every few seconds and tell nothing when all is well.
_QUIET_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})

REQUESTS = Counter(
    "bgpilot_http_requests_total", "HTTP requests answered", ["method", "route", "status"]
)
SECONDS = Histogram(
    "bgpilot_http_request_seconds", "Time to the last byte of an answer", ["method", "route"]
)


class RequestMiddleware:
    """Takes or makes `X-Request-ID`, binds it to the log context, echoes it, logs and counts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = scope["request_id"] = _request_id(scope)
        started = time.perf_counter()
        status = 0
        sent = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent
            if begins := _status(message, begun=status):
                status = begins
                headers = message.get("headers", ())
                kept = [(k, v) for k, v in headers if k.lower() != b"x-request-id"]
                message["headers"] = [*kept, (b"x-request-id", request_id.encode())]
            sent += _size(message)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                if status:
                    raise  # half an answer is out; the server ends the connection
                # Here and not in a handler of the app: those answer outside this middleware.
                answer = problem.crash(HTTPConnection(scope), error)
                await answer(scope, receive, send_with_id)
            finally:
                _account(scope, status, sent, time.perf_counter() - started)


def _status(message: Message, *, begun: int) -> int:
    """The HTTP status that an answer begins with in this message, or 0."""
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return 101
        case "websocket.close" if not begun:
            return 403  # what servers make of a close before the start
        case _:
            return 0


def _size(message: Message) -> int:
    match message:
        case {"body": bytes(data)} | {"bytes": bytes(data)}:
            return len(data)
        case {"text": str(text)}:
            return len(text)  # exact for ASCII, which all of our own messages are
        case _:
            return 0


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return str(value.decode("ascii"))
    return uuid.uuid4().hex


def _account(scope: Scope, status: int, sent: int, seconds: float) -> None:
    method = scope.get("method", "GET")  # a WebSocket begins as one
    # The template, never the path: a label per prefix asked for would fill the metrics.
    route = getattr(scope.get("route"), "path", "unmatched")
    REQUESTS.labels(method, route, str(status)).inc()
    if status != 101:  # a WebSocket lasts as long as its client likes
        SECONDS.labels(method, route).observe(seconds)
    if scope["path"] not in _QUIET_PATHS or status >= 400:
        log.info(
            "request",
            method=method,
            path=scope["path"],
            status=status,
            bytes_out=sent,
            duration_ms=round(seconds * 1000, 2),
            **scope.get("access_log", {}),
        )
