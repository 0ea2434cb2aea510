"""`bgpilot up --demo`: a capture replayed, and what the API then says about it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import signal
import sys
from collections import Counter
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import structlog

from shared.errors import UserError
from shared.http import client
from shared.stack.component import Component
from shared.stack.pretty import readable
from shared.stack.sites import PREFIX, UPSTREAM

if TYPE_CHECKING:
    from shared.stack.child import Child
    from shared.stack.settings import StackSettings
    from shared.stack.sites import Sites
    from shared.stack.stream import LogStream
    from shared.stack.supervisor import Supervisor

log = structlog.get_logger()

_COMMIT_SECONDS = 120.0
_POLL_SECONDS = 0.2
_SAMPLE = 1000
_CHUNK = 1024 * 1024
_SETTLE_SECONDS = 20.0
_FAILOVER = "/api/v1/failover"


class Demo:
    """Replays the capture into the station and asks the gateway about it, as a person would."""

    def __init__(
        self,
        settings: StackSettings,
        supervisor: Supervisor,
        stream: LogStream,
        capture: Path,
        sites: Sites | None = None,
    ) -> None:
        self._gateway = settings.listener("gateway_http").url
        self._station = settings.listener("ingest_bmp").address
        self._supervisor = supervisor
        self._stream = stream
        self._capture = capture
        self._sites = sites

    async def show(self) -> bool:
        """Whether every question got an answer."""
        async with client(
            connect_timeout=2.0, read_timeout=30.0, base_url=self._gateway
        ) as gateway:
            try:
                if self._sites is not None:
                    await self._settled(gateway)
                await self._replay(gateway)
                return await self._ask(gateway)
            except httpx.HTTPError as error:
                raise UserError(
                    f"the gateway at {self._gateway} did not answer as it should: {error}"
                ) from error

    async def _replay(self, gateway: httpx.AsyncClient) -> None:
        """Plays the capture and goes on to be its router, so that the routes stay current."""
        draws = sys.stderr.isatty()
        replay = Component(
            name="replay",
            argv=(
                *(sys.executable, "-P", "-c", "from shared.cli.main import main; main()"),
                *("replay", str(self._capture), "--to", self._station, "--hold"),
            ),
            environment=dict(os.environ),
            plain_line=lambda text: ("info", text),
            draws=draws,
            stop_signal=signal.SIGINT,  # on which it gives the terminal its cursor back
        )
        log.info("replaying", capture=self._capture.name, to=self._station)
        before = await self._stats(gateway)
        with self._stream.held() if draws else contextlib.nullcontext():
            child = await self._supervisor.launch(replay)
            after = await self._committed(gateway, child, before["received_bytes"])
        routes = after["committed_routes"] - before["committed_routes"]
        log.info("everything replayed is in the database", routes=routes)

    async def _committed(
        self, gateway: httpx.AsyncClient, replay: Child, received_before: int
    ) -> dict[str, Any]:
        """Waits until everything that is replayed is in the database; gives the last counts."""
        received = received_before + _size(self._capture)
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                while not await replay.ends_within(_POLL_SECONDS):
                    now = await self._stats(gateway)
                    if now["received_bytes"] >= received and now["pending_routes"] == 0:
                        return now
        except TimeoutError:
            raise UserError(
                f"the replayed routes are not all in the database after {_COMMIT_SECONDS:g} s"
            ) from None
        raise UserError(f"the replay ended too early: {await replay.ending()}")

    async def _stats(self, gateway: httpx.AsyncClient) -> dict[str, Any]:
        answer = await gateway.get("/api/v1/ingest/stats")
        answer.raise_for_status()
        stats: dict[str, Any] = answer.json()["data"]
        return stats

    async def _ask(self, gateway: httpx.AsyncClient) -> bool:
        sample = await gateway.get(_routes(limit=_SAMPLE))
        sample.raise_for_status()
        routes = [
            (route["prefix"], route["first_seen"])
            for route in sample.json()["data"]
            if route["router"] != UPSTREAM
        ]
        with self._stream.held():
            self._stream.text("\nThe demo's routes are there. Some questions, and the answers:\n")
            answered = [await self._show(gateway, path) for path in questions(routes)]
            if self._sites is not None:
                answered.append(await self._show_sites(gateway, self._sites))
            self._stream.text(f"\nEvery question there is, to try out: {self._gateway}/docs\n\n")
        log.info("shown", answers=len(answered))
        return all(answered) and bool(routes)

    async def _settled(self, gateway: httpx.AsyncClient) -> None:
        """Waits until the failover service has seen both sites; if it does not, it says why."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                while True:
                    answer = await gateway.get(_FAILOVER)
                    if answer.is_success and answer.json()["data"]["state"] == "both":
                        return
                    await asyncio.sleep(_POLL_SECONDS)

    async def _show_sites(self, gateway: httpx.AsyncClient, sites: Sites) -> bool:
        self._stream.text(
            f"\nTwo sites can serve {PREFIX}. Their GCP and Cloudflare are fakes; the router that "
            "tells\nover BMP what they announce is one, too, and what it tells goes the way of all "
            "routes.\n"
        )
        shown = await self._show(gateway, _FAILOVER)
        for what, line in sites.lines(self._gateway):
            self._stream.text(f"\n{what}\n$ {line}\n" if what else f"$ {line}\n")
        return shown

    async def _show(self, gateway: httpx.AsyncClient, path: str) -> bool:
        answer = await gateway.get(path)
        self._stream.text(f"\n$ curl -s '{self._gateway}{path}'\n{readable(answer.content)}\n")
        return answer.status_code == httpx.codes.OK and bool(answer.json()["data"])


def bundled_capture() -> Path:
    """The capture of the distribution; UserError where it is missing."""
    path = Path(__file__).with_name("demo.bmp.gz")
    if not path.is_file():
        raise UserError(f"the demo's capture {path} is missing; install bgpilot again")
    return path


def _size(capture: Path) -> int:
    """Bytes of the capture as they are sent."""
    with gzip.open(capture) as stream:
        return sum(map(len, iter(lambda: stream.read(_CHUNK), b"")))


def questions(routes: list[tuple[str, str]]) -> list[str]:
    """Paths to ask, about routes that the API itself has named: prefixes, and when first seen."""
    asked = ["/api/v1/routers", "/api/v1/peers"]
    if routes:
        prefixes = [prefix for prefix, _ in routes]
        by_routes = [prefix for prefix, _ in Counter(prefixes).most_common()]
        other = ip_network(by_routes[len(by_routes) // 2])
        asked += [
            _routes(prefix=by_routes[0], match="exact"),
            _routes(prefix=str(other[min(1, other.num_addresses - 1)]), match="longest"),
            _routes(prefix=str(_busiest(prefixes)), match="longer", limit=5),
            _routes(
                prefix=by_routes[0],
                timestamp=min(seen for prefix, seen in routes if prefix == by_routes[0]),
            ),
            _path("history", prefix=by_routes[0]),
        ]
    return asked


def _busiest(prefixes: list[str]) -> IPv4Network | IPv6Network:
    """The network of 8 bits less that holds most of the prefixes."""
    networks = {ip_network(prefix) for prefix in prefixes}
    above = Counter(network.supernet(min(8, network.prefixlen)) for network in networks)
    return max(above, key=lambda network: (above[network], network.prefixlen))


def _routes(**parameters: str | int) -> str:
    return _path("routes", **parameters)


def _path(subject: str, **parameters: str | int) -> str:
    return f"/api/v1/{subject}?{urlencode(parameters, safe='/:')}"
