"""The whole of bgpilot on free ports, in a thread with an event loop of its own.

Tests that run programs, or libraries that block, ask it over HTTP as anybody does.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from pydantic import SecretStr

from services.failover.app import create_app as failover_app
from services.ingest.app import create_app as ingest_app
from services.ingest.collector import Collector
from services.ingest.settings import IngestSettings
from services.routes.app import create_app as routes_app
from services.routes.settings import RoutesSettings
from shared.db.migrate import migrate
from shared.stack.demo import bundled_capture
from tests.failover.world import World
from tests.gateway.harness.serving import gateway, serving
from tests.ingest.conftest import Ingest, until_ready
from tests.world import never_quiet, told_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

_TRUSTED = str(RoutesSettings.model_fields["routes_gateway_ips"].default)


@dataclass(frozen=True)
class Whole:
    """Where its parts are."""

    gateway: str
    routes: str
    failover: str


@contextlib.contextmanager
def whole(dsn: str, files: Path, *, demo: bool = False, **settings: Any) -> Iterator[Whole]:
    """Everything, with the world in its store, and where it is wanted the demo's capture, too, and
    a router that is never quiet.

    It makes a database of its own on the server at `dsn`. What the routes service reads of names
    and VRPs is put into the directory `files`; `settings` are those of that service.
    """
    ready: Future[tuple[Whole, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with _running(dsn, demo=demo, settings=_enrichment(files) | settings) as parts:
            stop = asyncio.Event()
            ready.set_result((parts, asyncio.get_running_loop(), stop))
            await stop.wait()

    def when_over(over: Future[None]) -> None:
        if not ready.done():
            ready.set_exception(over.exception() or RuntimeError("it ended before it was ready"))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, run())
        running.add_done_callback(when_over)
        parts, loop, stop = ready.result()
        try:
            yield parts
        finally:
            loop.call_soon_threadsafe(stop.set)
            running.result()


@contextlib.asynccontextmanager
async def _running(dsn: str, *, demo: bool, settings: dict[str, Any]) -> AsyncIterator[Whole]:
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(_database(dsn))
        ingest, ingest_http = await stack.enter_async_context(_ingest(url))
        if demo:
            await stack.enter_async_context(_demo(ingest))
        await stack.enter_async_context(told_to(ingest))
        if demo:
            await stack.enter_async_context(never_quiet(ingest))
        routes = routes_app(
            RoutesSettings(
                _env_file=None,
                database_url=SecretStr(url),
                routes_ingest_urls=ingest_http,
                **settings,
            )
        )
        port = await stack.enter_async_context(serving(routes, trusted_proxies=_TRUSTED))
        routes_http = f"http://127.0.0.1:{port}"
        failover = failover_app(
            (world := World()).settings(database_url=url), transport=world.transport
        )
        moving = await stack.enter_async_context(serving(failover, trusted_proxies=_TRUSTED))
        public = await stack.enter_async_context(
            gateway(
                gateway_ingest_url=ingest_http,
                gateway_routes_url=routes_http,
                gateway_failover_url=f"http://127.0.0.1:{moving}",
                gateway_operator_token="TOKEN",
            )
        )
        await _watching(f"http://127.0.0.1:{moving}/readyz")
        yield Whole(
            f"http://127.0.0.1:{public}", routes_http, failover=f"http://127.0.0.1:{moving}"
        )


async def _watching(url: str) -> None:
    """Returns once the first cycle has ended."""
    async with httpx.AsyncClient(trust_env=False) as client:
        while (await client.get(url)).status_code != 200:
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def _database(dsn: str) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    async with contextlib.AsyncExitStack() as stack:
        conn = await asyncpg.connect(dsn)
        stack.push_async_callback(conn.close)
        await conn.execute(f"CREATE DATABASE {name}")
        url = urlsplit(dsn)._replace(path=f"/{name}").geturl()
        await migrate(SecretStr(url))
        yield url
        await conn.execute(f"DROP DATABASE {name}")


@contextlib.asynccontextmanager
async def _ingest(url: str) -> AsyncIterator[tuple[Ingest, str]]:
    """The station with its HTTP app, and the URL of that."""
    listener = socket.create_server(("127.0.0.1", 0))
    settings = IngestSettings(
        _env_file=None, database_url=SecretStr(url), ingest_batch_seconds=0.02
    )
    collector = Collector(settings, listener, on_failure=lambda: None)
    async with serving(ingest_app(lambda: collector)) as port:
        await until_ready(collector)
        async with contextlib.AsyncExitStack() as stack:
            conn = await asyncpg.connect(url)
            stack.push_async_callback(conn.close)
            yield Ingest(collector, listener.getsockname()[1], conn), f"http://127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def _demo(ingest: Ingest) -> AsyncIterator[None]:
    """The capture of `make demo` is committed, and its router connected, within this context."""
    data = gzip.decompress(bundled_capture().read_bytes())
    async with ingest.connected() as router:
        router.write(data)
        await router.drain()
        while True:
            stats = await ingest.collector.stats()
            if stats.received_bytes >= len(data) and not stats.pending_routes:
                break
            await asyncio.sleep(0.05)
        yield


def _enrichment(directory: Path) -> dict[str, Any]:
    """Files with something to say of some of the world's routes."""
    vrps, names, communities = (directory / name for name in ("vrps.json", "asns.csv", "c.txt"))
    roas = [("203.0.113.0/24", 64502, 24), ("10.0.0.0/8", 64999, 16), ("2001:db8::/32", 64502, 48)]
    vrps.write_text(
        json.dumps(
            {
                "roas": [
                    {"asn": asn, "prefix": prefix, "maxLength": longest, "ta": "test"}
                    for prefix, asn, longest in roas
                ]
            }
        )
    )
    names.write_text("asn,name\n64501,Transit\n64502,Origin\n")
    communities.write_text("64501:100,learnt from transit\n")
    return {
        "routes_vrps_file": vrps,
        "routes_as_names_file": names,
        "routes_communities_file": communities,
    }
