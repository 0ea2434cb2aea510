"""Which headers cross the gateway, in both directions. Pure functions on raw header lists.

Names come in lower case, as ASGI and httpx give them raw to us in any case; repeated headers
stay repeated and in order. Framing is never copied: it is stated anew for each hop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

# RFC 9110 section 7.6.1; `Proxy-*` as a whole belongs to the hop too.
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
# What the gateway itself answers for: framing, credentials, who asks, and from where.
_OURS = frozenset(
    {
        b"authorization",
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"remote-user",
        b"x-api-key",
        b"x-client-ip",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-original-url",
        b"x-real-ip",
        b"x-request-id",
        b"x-rewrite-url",
    }
)
_OURS_BEGIN = (b"proxy-", b"x-auth-", b"x-bgpilot-", b"x-forwarded-", b"x-remote-", b"x-user-")


def request_headers(scope: Scope, authority: bytes) -> Headers:
    """What the service at `authority` gets of an ASGI request."""
    received: Headers = scope["headers"]
    dropped = _HOP_BY_HOP | _connection_tokens(received)
    kept = [(name, value) for name, value in received if not _is_ours(name) and name not in dropped]
    return [(b"host", authority), *kept, *_framing(received), *_identity(scope, received)]


def response_headers(received: Iterable[tuple[bytes, bytes]], origin: str) -> Headers:
    """What the client gets of a service's answer, without the address `origin` of the service."""
    answer = [(name.lower(), value) for name, value in received]
    # Our own server states the date, and two dates are worse than a later one.
    dropped = _HOP_BY_HOP | _connection_tokens(answer) | {b"date"}
    if values(answer, b"transfer-encoding"):
        dropped |= {b"content-length"}  # it did not count (RFC 9112 section 6.3)
    return [
        (name, _without_origin(name, value, origin.encode()))
        for name, value in answer
        if name not in dropped and not name.startswith(b"proxy-")
    ]


def values(headers: Headers, name: bytes) -> list[bytes]:
    """All values of one header, in order."""
    return [value for each, value in headers if each == name]


def has_body(headers: Headers) -> bool:
    """Whether a request carries a body (RFC 9112 section 6.3)."""
    lengths = values(headers, b"content-length")
    return bool(values(headers, b"transfer-encoding")) or any(v.strip(b"0") for v in lengths)


def _connection_tokens(headers: Headers) -> set[bytes]:
    lists = values(headers, b"connection")
    return {token.strip().lower() for each in lists for token in each.split(b",")}


def _is_ours(name: bytes) -> bool:
    # Many servers read `X_Auth_User` as `X-Auth-User`.
    name = name.replace(b"_", b"-")
    return name in _OURS or name in _HOP_BY_HOP or name.startswith(_OURS_BEGIN)


def _framing(received: Headers) -> Headers:
    if values(received, b"transfer-encoding"):
        return [(b"transfer-encoding", b"chunked")]
    return [(b"content-length", value) for value in values(received, b"content-length")[:1]]


def _identity(scope: Scope, received: Headers) -> Headers:
    client = scope.get("client")
    return [
        *((b"x-forwarded-for", host.encode()) for host in (client[:1] if client else ())),
        (b"x-forwarded-proto", scope["scheme"].encode()),
        *((b"x-forwarded-host", host) for host in values(received, b"host")),
        (b"x-request-id", scope["request_id"].encode()),
    ]


def _without_origin(name: bytes, value: bytes, origin: bytes) -> bytes:
    """A service redirects to itself by its own address, which clients cannot reach."""
    if name in {b"location", b"content-location"} and value.startswith(origin + b"/"):
        return value[len(origin) :]
    return value
