"""Answers that a client has already (RFC 9110 section 13): ETag, If-None-Match and 304.

Every JSON answer has a tag made of what it says, without what changes while nothing happens: ages,
how long it took, and the time of the last commit. Pure ASGI.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from services.routes import metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CACHE_CONTROL = "private, max-age=5"

_CHANGING = tuple(
    re.compile(b'"%b":[^,}]*' % name)
    for name in (b"age_s", b"uptime_s", b"took_ms", b"data_as_of", b"routes_as_of")
)


class Conditional:
    """Tags good JSON answers to GET, and answers 304 where the client names the tag."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        held: Message | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_tagged(scope, message):
                held = message
                return
            if held is not None:
                start, held = held, None
                message = _conditional(scope, start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, send_tagged)


def tag(body: bytes) -> str:
    """A weak validator of what this body says."""
    for pattern in _CHANGING:
        body = pattern.sub(b"", body)
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def _is_tagged(scope: Scope, start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_json = headers.get("content-type", "").startswith("application/json")
    return start["status"] == 200 and is_json and scope["path"].startswith("/api/")


def _conditional(scope: Scope, start: Message, body: Message) -> Message:
    """The body to send; `start` becomes a 304 where the client has this answer."""
    if body.get("more_body"):
        return body
    headers = MutableHeaders(raw=start["headers"])
    headers["etag"] = own = scope.get("tag") or tag(body["body"])
    headers.setdefault("cache-control", CACHE_CONTROL)
    headers.add_vary_header("Accept")
    if not _names(Headers(scope=scope).get("if-none-match", ""), own):
        return body
    metrics.NOT_MODIFIED.inc()
    start["status"] = 304
    del headers["content-length"]
    del headers["content-type"]
    return {"type": "http.response.body", "body": b""}


def _names(if_none_match: str, own: str) -> bool:
    # Weak comparison: section 8.8.3.2.
    tags = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in tags or own.removeprefix("W/") in tags
