"""bgpilot itself as the BMP station: its services as child processes, its answers over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.routers.harness.loopback import free_port
from tests.routers.harness.process import Daemon
from tests.routers.harness.table import Route, Table, as_path_of_json, communities, table
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping

_ROOT = Path(__file__).resolve().parents[3]
_MIGRATE_WITHIN_S = 60.0
_ANSWER_WITHIN_S = 10.0


class Station:
    """The ingest and the routes service over one empty database."""

    def __init__(
        self,
        directory: Path,
        bmp: tuple[str, int],
        database_url: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` are variables of the services beside those that they need to run at all."""
        address, bmp_port = bmp
        ingest, routes = free_port(address), free_port(address)
        self._directory = directory
        self._env = {
            "DATABASE_URL": database_url,
            "INGEST_BMP_HOST": address,
            "INGEST_BMP_PORT": str(bmp_port),
            "INGEST_HTTP_HOST": address,
            "INGEST_HTTP_PORT": str(ingest),
            "ROUTES_INGEST_URLS": f"http://{address}:{ingest}",
            "ROUTES_HTTP_HOST": address,
            "ROUTES_HTTP_PORT": str(routes),
            "LOG_FORMAT": "console",
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path]),
            **(settings or {}),
        }
        self._ingest = self._service("ingest")
        self._routes = self._service("routes")
        self.routes_url = f"http://{address}:{routes}"
        self._api = httpx.Client(base_url=self.routes_url, timeout=_ANSWER_WITHIN_S)
        self._ready = {
            self._ingest: f"http://{address}:{ingest}/readyz",
            self._routes: f"http://{address}:{routes}/readyz",
        }

    @property
    def daemons(self) -> tuple[Daemon, ...]:
        return (self._ingest, self._routes)

    def start(self) -> None:
        self._migrate()
        for daemon in self.daemons:
            daemon.start()
        for daemon in self.daemons:
            eventually(partial(self._check_ready, daemon))

    def stop(self) -> None:
        self._api.close()
        for daemon in reversed(self.daemons):
            daemon.stop()

    def signal_routes(self, number: signal.Signals) -> None:
        """The routes service hangs, or goes on."""
        self._routes.signal(number)

    def stop_ingest(self) -> None:
        """The routers lose their station; what it stored stays."""
        self._ingest.stop()

    def start_ingest(self) -> None:
        """The station is back at its address; the routers connect again by themselves."""
        self._ingest.start()
        eventually(partial(self._check_ready, self._ingest))

    def routers(self) -> list[dict[str, Any]]:
        return list(self._pages("/api/v1/routers"))

    def peers(self) -> list[dict[str, Any]]:
        return list(self._pages("/api/v1/peers"))

    def routes(self, **query: str) -> list[dict[str, Any]]:
        """Every route that answers the query, page by page."""
        return list(self._pages("/api/v1/routes", **query))

    def table(self, **query: str) -> Table:
        """The same, in the form in which tables are compared."""
        return table(_route(entry) for entry in self.routes(**query))

    def check_peer(self, address: str, state: str) -> dict[str, Any]:
        """The one peer of this address; raises NotYetError until it is in `state`."""
        found = [peer for peer in self.peers() if peer["address"] == address]
        if not found or any(peer["state"] != state for peer in found):
            raise NotYetError(f"peer {address} is not {state}: the API has {found}")
        return found[0]

    def _pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        cursor: str | None = ""
        while cursor is not None:
            page = self._get(path, {**query, "limit": "1000", **_cursor(cursor)})
            yield from page["data"]
            cursor = page["meta"].get("next_cursor")

    def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        answer = self._api.get(path, params=query)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def _service(self, name: str) -> Daemon:
        command = [sys.executable, "-m", f"services.{name}"]
        return Daemon(name, command, self._directory, env=self._env)

    def _migrate(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "shared.db"],
            cwd=self._directory,
            env={**os.environ, **self._env},
            check=True,
            timeout=_MIGRATE_WITHIN_S,
        )

    def _check_ready(self, daemon: Daemon) -> None:
        daemon.check_alive()
        try:
            answer = self._api.get(self._ready[daemon])
        except httpx.TransportError as error:
            raise NotYetError(f"{daemon.name} does not answer yet: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise NotYetError(f"{daemon.name} is not ready: {answer.text}")


def _cursor(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _route(entry: dict[str, Any]) -> Route:
    return Route(
        prefix=entry["prefix"],
        next_hop=entry["next_hop"],
        as_path=as_path_of_json(entry["as_path"]),
        origin=entry["origin"],
        med=entry["med"],
        communities=communities(entry["communities"]),
        large_communities=communities(entry["large_communities"]),
    )
