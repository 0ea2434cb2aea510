"""Forwards requests to the services, byte for byte and in both directions as they come.

Nothing is decoded, buffered or repeated on the way, save a GET or HEAD without a body whose
connection failed before the first byte of an answer (RFC 9110 section 9.2.2). When the client
goes, the request to the service is cancelled.

HEAD reaches the service as GET, whose body is left unread, and OPTIONS is answered here with
`Allow` (RFC 9110 sections 9.3.2 and 9.3.7), so that services need routes for neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import httpx
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway import faults, metrics
from gateway.body import ClientGone, RequestBody, too_large
from gateway.headers import has_body, request_headers, response_headers, values
from gateway.operator_token import authorise
from gateway.origin import check_origin
from gateway.places import Places
from gateway.relay import Relay
from gateway.upstreams import Forward, Table, Upstream, find
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)

RETRY_AFTER = (0.05, 0.25)
"""Seconds before each repetition of a request whose connection failed."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
# So looks a kept connection that the service, stopping, closes as we use it; but so does a
# service that the request itself brings down, hence one repetition and no more.
_LOST = (httpx.NetworkError, httpx.RemoteProtocolError)


class Proxy:
    """The ASGI app that answers with what a service answers."""

    def __init__(
        self, table: Table, services: Mapping[str, Upstream], settings: GatewaySettings
    ) -> None:
        self._table = table
        self._services = services
        self._settings = settings
        self._places = Places(settings.gateway_max_streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = self._entry(scope)
        if scope["type"] == "http":
            self._admit(scope, entry)
            if scope["method"] == "OPTIONS":
                await Response(status_code=204, headers=_allow(entry))(scope, receive, send)
                return
        elif entry.kind != "websocket":
            raise HTTPException(404)
        upstream = self._services[entry.service]
        if not upstream.enabled:
            raise faults.disabled(upstream)
        with self._places.taken(scope, entry):
            if scope["type"] == "websocket":
                check_origin(scope, self._settings.gateway_allowed_origins)
                await Relay(scope, receive, send, upstream).run()
            else:
                body = RequestBody(
                    receive,
                    max_bytes=self._settings.gateway_max_body_bytes,
                    max_silence=self._settings.gateway_body_seconds,
                )
                await _Exchange(scope, body, send, upstream, entry).run()

    def _entry(self, scope: Scope) -> Forward:
        """The table's entry for a path, or 404."""
        entry = find(self._table, scope["raw_path"])
        if entry is None:
            raise HTTPException(404)
        # The label of the request's metrics, in place of its path.
        scope["route"] = entry
        return entry

    def _admit(self, scope: Scope, entry: Forward) -> None:
        """Returns for a request that may be forwarded."""
        method, headers = scope["method"], scope["headers"]
        if method not in entry.methods:
            allow = _allow(entry)
            detail = f"{entry.path} takes {allow['Allow']}, not {method}"
            raise ProblemError(405, "method-not-allowed", detail, headers=allow)
        authorise(method, headers, self._settings.gateway_operator_token)
        limit = self._settings.gateway_max_body_bytes
        if any(int(length) > limit for length in values(headers, b"content-length")):
            raise too_large(limit)
        if entry.kind == "websocket":
            detail = f"{entry.path} is a WebSocket: ask for it with `Upgrade: websocket`"
            raise ProblemError(426, "websocket-only", detail, headers={"Upgrade": "websocket"})


def _allow(entry: Forward) -> dict[str, str]:
    return {"Allow": ", ".join(sorted(entry.methods))}


class _Exchange:
    """One request on its way to a service, and its answer on the way back."""

    def __init__(
        self, scope: Scope, body: RequestBody, send: Send, upstream: Upstream, entry: Forward
    ) -> None:
        self._body = body
        self._send = send
        self._upstream = upstream
        self._kind = entry.kind
        in_flight = metrics.IN_FLIGHT.labels(upstream.name).track_inprogress()
        self._in_flight = contextlib.nullcontext() if entry.kind == "stream" else in_flight
        self._has_body = has_body(scope["headers"])
        self._head_alone = scope["method"] == "HEAD"
        self._repeatable = scope["method"] in {"GET", "HEAD"} and not self._has_body
        self._request = self._translated(scope)
        self._answered = False
        self._record: dict[str, Any] = {"upstream": upstream.name}
        if scope.get("client"):
            self._record["client"] = scope["client"][0]
        scope["access_log"] = self._record

    async def run(self) -> None:
        """Returns when the answer is complete or nobody wants it any more."""
        with self._in_flight:
            try:
                await self._until_client_gone()
            except ClientGone:
                self._record["disconnect"] = True
                metrics.ABANDONED.labels(self._upstream.name).inc()

    async def _until_client_gone(self) -> None:
        relay = asyncio.create_task(self._relay())
        gone = asyncio.create_task(self._body.client_gone())
        try:
            await asyncio.wait({relay, gone}, return_when=asyncio.FIRST_COMPLETED)
            # A server reports the end of an answer in the same way as the end of a client.
            if relay.done() or self._answered:
                await relay
            else:
                raise ClientGone
        finally:
            relay.cancel()
            gone.cancel()
            await asyncio.gather(relay, gone, return_exceptions=True)

    async def _relay(self) -> None:
        answer = await self._ask()
        try:
            await self._pass_back(answer)
        finally:
            await answer.aclose()

    async def _ask(self) -> httpx.Response:
        started = time.perf_counter()
        try:
            answer = await self._connect_and_send()
        except httpx.TransportError as error:
            problem = faults.no_answer(self._upstream, error)
            metrics.ANSWERS.labels(self._upstream.name, problem.kind).inc()
            log.warning("no answer", upstream=self._upstream.url, error=repr(error))
            raise problem from error
        finally:
            self._body.finish()
        seconds = time.perf_counter() - started
        self._record["upstream_status"] = answer.status_code
        self._record["upstream_ms"] = round(seconds * 1000, 2)
        metrics.SECONDS.labels(self._upstream.name).observe(seconds)
        metrics.ANSWERS.labels(self._upstream.name, f"{answer.status_code // 100}xx").inc()
        return answer

    async def _connect_and_send(self) -> httpx.Response:
        if not self._has_body:
            self._body.finish()
        lost = False
        for pause in RETRY_AFTER if self._repeatable else ():
            try:
                return await self._upstream.send(self._request, self._kind)
            except _NEVER_SENT:
                pass
            except _LOST:
                if lost:
                    raise
                lost = True
            metrics.RETRIES.labels(self._upstream.name).inc()
            self._record["retries"] = self._record.get("retries", 0) + 1
            await asyncio.sleep(pause)
        return await self._upstream.send(self._request, self._kind)

    async def _pass_back(self, answer: httpx.Response) -> None:
        headers = response_headers(answer.headers.raw, self._upstream.url)
        status = answer.status_code
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        try:
            if not self._head_alone:
                async for chunk in answer.aiter_raw():
                    message = {"type": "http.response.body", "body": chunk, "more_body": True}
                    await self._send(message)
        except httpx.TransportError as error:
            # An answer that is not completed makes our server close the connection, which is
            # how the client learns that the body is cut.
            metrics.BROKEN.labels(self._upstream.name).inc()
            self._record["broken"] = True
            log.warning("answer broken off", upstream=self._upstream.url, error=repr(error))
            return
        self._answered = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _translated(self, scope: Scope) -> httpx.Request:
        # httpx resolves dot segments and re-encodes URLs, and its clients add headers of their
        # own to requests that they build: hence a request of our own with the target as it came.
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        return httpx.Request(
            "GET" if self._head_alone else scope["method"],
            self._upstream.parsed_url,
            headers=request_headers(scope, self._upstream.authority),
            stream=self._body if self._has_body else httpx.ByteStream(b""),
            extensions={"target": target},
        )
