"""Real HTTP servers on free loopback ports, within the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from typing_extensions import override

from gateway.app import create_app
from gateway.connections import connections
from gateway.settings import GatewaySettings
from gateway.upstreams import TABLE
from shared.web.serve import configuration, end_stalled, listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

    from gateway.upstreams import Connect, Table

Protocol = Literal["auto", "h11", "httptools"]


class _Server(uvicorn.Server):
    """Says when it is up, stops at once, and leaves the signals to pytest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self.stop = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @override
    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stop.wait()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    protocol: Protocol = "auto",
    lifespan: Literal["on", "off"] = "on",
    trusted_proxies: str = "",
) -> AsyncIterator[int]:
    """The port on which `app` is served as every app of bgpilot is."""
    config = configuration(app, trusted_proxies=trusted_proxies)
    config.http = protocol
    config.lifespan = lifespan
    config.timeout_graceful_shutdown = 1
    listener = listen("127.0.0.1", 0, variable="none")
    end_stalled(listener)
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
        if not server.up.is_set():
            await running
        yield listener.getsockname()[1]
    finally:
        up.cancel()
        server.stop.set()
        await running
        listener.close()


def settings(**changes: object) -> GatewaySettings:
    """Settings in which every service is disabled, save for what `changes` says."""
    nothing = {
        "gateway_ingest_url": "",
        "gateway_routes_url": "",
        "gateway_failover_url": "",
        "gateway_operator_token": "",
    }
    values: dict[str, Any] = {"_env_file": None, **nothing, **changes}
    return GatewaySettings(**values)


@contextlib.asynccontextmanager
async def gateway(
    *,
    table: Table = TABLE,
    protocol: Protocol = "auto",
    connect: Connect = connections,
    **changes: object,
) -> AsyncIterator[int]:
    """The port of a gateway with these settings."""
    app = create_app(settings(**changes), table=table, connect=connect)
    async with serving(app, protocol=protocol) as port:
        yield port


@contextlib.asynccontextmanager
async def gateway_before(
    service: ASGIApp, *, table: Table = TABLE, protocol: Protocol = "auto", **changes: object
) -> AsyncIterator[int]:
    """The port of a gateway whose routes service is `service`."""
    async with (
        serving(service, lifespan="off") as port,
        gateway(
            table=table,
            protocol=protocol,
            **({"gateway_routes_url": f"http://127.0.0.1:{port}"} | changes),
        ) as public,
    ):
        yield public


@contextlib.asynccontextmanager
async def speaking(answer: bytes) -> AsyncIterator[str]:
    """The URL of a server that says `answer`, whatever it is asked, and closes."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """A URL at which nothing listens, and nothing else can while the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
