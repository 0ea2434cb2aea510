"""The forwarding table, and the services behind it.

What is not in the table is not reachable through the gateway: a service is added by one entry
here and its `GATEWAY_<SERVICE>_URL` in the settings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import httpx

from gateway.connections import connections
from shared import http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from gateway.settings import GatewaySettings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods that change nothing."""

Kind = Literal["answer", "stream", "websocket"]
"""What a path gives: an answer that ends, one that goes on for as long as its client reads, or a
WebSocket and nothing else. How long a service may be silent follows from it."""

_HEARTBEATS_MISSED = 60.0
"""Seconds; a stream says something, if only a heartbeat, every 15."""

_TABLES = frozenset({"application/x-ndjson", "text/csv"})
_NEXT_ROW = 600.0
"""Seconds."""

_FREE_CONNECTION = 1.0
"""Seconds."""

_PROBE_SECONDS = 2.0
_PROBE_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Forward:
    """Requests for `path` and what is below it go to `service`, with these methods alone."""

    path: str
    service: str
    methods: frozenset[str] = READING
    kind: Kind = "answer"

    @property
    def root(self) -> str:
        """The first segment of its path, such as `/api`."""
        return "/" + self.path.split("/")[1]

    def covers(self, raw_path: bytes) -> bool:
        """Compares the bytes that will be forwarded, so that no decoding comes in between."""
        path = self.path.encode("ascii")
        return raw_path == path or raw_path.startswith(path + b"/")


Table = tuple[Forward, ...]

TABLE: Table = (
    Forward("/api/v1/routers", "routes"),
    Forward("/api/v1/peers", "routes"),
    Forward("/api/v1/routes", "routes"),
    Forward("/api/v1/updates", "routes"),
    Forward("/api/v1/history", "routes"),
    Forward("/api/v1/activity", "routes"),
    Forward("/api/v1/churn", "routes"),
    Forward("/api/v1/asns", "routes"),
    Forward("/api/v1/evpn", "routes"),
    Forward("/api/v1/stream", "routes", kind="stream"),
    Forward("/api/v1/stream/ws", "routes", kind="websocket"),
    # Where clients of RIS Live look for them, so that they attach by changing the host alone.
    Forward("/v1/stream", "routes", kind="stream"),
    Forward("/v1/ws", "routes", kind="websocket"),
    Forward("/api/v1/stats", "routes"),
    Forward("/api/v1/ingest", "ingest"),
    Forward("/api/v1/failover", "failover", READING | {"PUT", "POST", "DELETE"}),
)


def find(table: Table, raw_path: bytes) -> Forward | None:
    """The entry with the longest path that covers this one."""
    return max(
        (entry for entry in table if entry.covers(raw_path)),
        key=lambda entry: len(entry.path),
        default=None,
    )


Connect = Callable[[httpx.URL, int], httpx.AsyncBaseTransport]
"""Makes a pool of so many connections to a service."""


class Upstream:
    """One service: where it is, and its own bounded pool of connections.

    Each service has its pool, so that one that hangs takes no connection from the others. Its
    streams have another, so that those who stay leave room for those who ask, and its probes a
    third, so that a full pool does not look like a dead service.
    """

    def __init__(self, name: str, settings: GatewaySettings, connect: Connect) -> None:
        self._connect = connect
        self.name = name
        self.url = settings.service_url(name)
        self.parsed_url = httpx.URL(self.url)
        self.authority = self.parsed_url.netloc
        """What stands in `Host`."""
        self.variable = f"GATEWAY_{name.upper()}_URL"
        self.connect_seconds = settings.gateway_connect_seconds
        self.answer_seconds = settings.gateway_answer_seconds
        self._max_connections = settings.gateway_max_connections
        self._max_streams = settings.gateway_max_streams
        self._answers: httpx.AsyncBaseTransport | None = None
        self._streams: httpx.AsyncBaseTransport | None = None
        self._probes: httpx.AsyncClient | None = None

    @property
    def enabled(self) -> bool:
        """Whether the settings name an address for it."""
        return bool(self.url)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Its clients exist within this context."""
        async with (
            self._pool(self._max_connections) as self._answers,
            self._pool(self._max_streams) as self._streams,
            http.client(
                connect_timeout=_PROBE_SECONDS,
                read_timeout=_PROBE_SECONDS,
                base_url=self.url,
                max_connections=_PROBE_CONNECTIONS,
            ) as self._probes,
        ):
            yield

    async def send(self, request: httpx.Request, kind: Kind = "answer") -> httpx.Response:
        """The answer up to its headers; the caller reads the body and closes it.

        Nothing of it may be silent for long: of an answer, and of what comes before a stream,
        GATEWAY_ANSWER_SECONDS. A stream has its heartbeats, and a table may have nothing to say
        for as long as the service looks for its next row.
        """
        pool = self._streams if kind == "stream" else self._answers
        assert pool is not None  # noqa: S101 - the lifespan opens it before any request
        timeout = request.extensions["timeout"] = {
            "connect": self.connect_seconds,
            "read": self.answer_seconds,
            "write": self.answer_seconds,
            "pool": _FREE_CONNECTION,
        }
        answer = await pool.handle_async_request(request)
        if kind == "stream":
            timeout["read"] = _HEARTBEATS_MISSED
        elif answer.headers.get("content-type", "").partition(";")[0] in _TABLES:
            timeout["read"] = _NEXT_ROW
        return answer

    def _pool(self, most: int) -> httpx.AsyncBaseTransport:
        return self._connect(self.parsed_url, most)

    async def probe(self, path: str) -> httpx.Response:
        """A small answer, read whole, within seconds; raises httpx.HTTPError."""
        assert self._probes is not None  # noqa: S101 - the lifespan opens it before any request
        return await self._probes.get(path)


def upstreams(
    table: Table, settings: GatewaySettings, connect: Connect = connections
) -> Mapping[str, Upstream]:
    """Every service that the table names, by name, not opened yet."""
    names = sorted({entry.service for entry in table})
    return {name: Upstream(name, settings, connect) for name in names}


@contextlib.asynccontextmanager
async def all_opened(services: Iterable[Upstream]) -> AsyncIterator[None]:
    """All of them opened, and closed in reverse order."""
    async with contextlib.AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(service.opened())
        yield
