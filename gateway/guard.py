"""Refuses requests that two servers could read in two ways, before anything looks at them.

A path is compared with the forwarding table and then read again by a service: where the two
could understand it differently, so could an attacker. The same holds for where a request ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from starlette.requests import HTTPConnection

from gateway.headers import values
from shared.web import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# RFC 3986 section 3.3, path-absolute with empty segments left out save at the end.
_PATH = re.compile(rb"/|(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+/?")
_QUERY = re.compile(rb"[\x21-\x7e]*")
# RFC 3986 section 3.2.2, without user information.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f\\]")


def fault(scope: Scope) -> str | None:
    """What is wrong with a request, in one sentence, or None."""
    return _path_fault(scope["raw_path"]) or _query_fault(scope["query_string"]) or _framing(scope)


def _path_fault(raw_path: bytes) -> str | None:
    if not _PATH.fullmatch(raw_path):
        return "the path has an empty segment or a character that must be percent-encoded"
    decoded = unquote_to_bytes(raw_path)
    if _CONTROL.search(decoded):
        return "the path has a control character or a backslash"
    # An encoded slash is part of a prefix (10.0.0.0%2F8), but some servers split paths there.
    if b"//" in decoded or any(part in {b".", b".."} for part in decoded.split(b"/")):
        return "the path has an empty segment, or one that is `.` or `..`"
    return None


def _query_fault(query: bytes) -> str | None:
    if _QUERY.fullmatch(query):
        return None
    return "the query has a space, a control character or a byte that must be percent-encoded"


def _framing(scope: Scope) -> str | None:
    headers = scope["headers"]
    encodings = values(headers, b"transfer-encoding")
    lengths = values(headers, b"content-length")
    hosts = values(headers, b"host")
    # RFC 9112 section 6.1: a sign of request smuggling.
    if encodings and lengths:
        return "both Content-Length and Transfer-Encoding say where the body ends"
    if len(lengths) > 1:
        return "there is more than one Content-Length"
    if encodings and [each.lower() for each in encodings] != [b"chunked"]:
        return "the only Transfer-Encoding accepted is `chunked`"
    # RFC 9112 section 3.2.
    if len(hosts) > 1 or (not hosts and scope["http_version"] != "1.0"):
        return "there must be one Host header"
    if hosts and not _HOST.fullmatch(hosts[0]):
        return "the Host header is not a host and a port"
    return None


class Guard:
    """Answers 400 where `fault` finds one. Pure ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None if scope["type"] == "lifespan" else fault(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        # Where requests end is in doubt, so nothing more is read from this connection.
        error = problem.ProblemError(
            400, "malformed-request", found, headers={"Connection": "close"}
        )
        await problem.response(HTTPConnection(scope), error)(scope, receive, send)
