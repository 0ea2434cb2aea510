"""The HTTP app beside the BMP station."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from services.ingest.endpoints import api
from shared.web.app import create_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from fastapi import FastAPI

    from shared.contracts.stats import IngestStats


class Ingest(Protocol):
    """What receives the routes: the collector of this process, or several workers."""

    def start(self) -> None:
        """Begins to work."""

    async def stop(self) -> None:
        """Stops in order."""

    async def stats(self) -> IngestStats:
        """How much was received."""

    async def metrics(self) -> bytes:
        """The page for Prometheus."""

    async def check_station(self) -> Mapping[str, object]:
        """Readiness: can routers connect?"""

    async def check_database(self) -> Mapping[str, object]:
        """Readiness: can we write?"""


def end_process() -> None:
    """Ends this process in order: the server stops as if asked to from outside."""
    os.kill(os.getpid(), signal.SIGTERM)


def create_app(make: Callable[[], Ingest]) -> FastAPI:
    """The ingest service; `make` is called in the event loop."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ingest = make()
        ingest().start()
        yield
        await ingest().stop()

    def ingest() -> Ingest:
        found: Ingest = app.state.ingest
        return found

    async def station() -> Mapping[str, object]:
        return await ingest().check_station()

    async def database() -> Mapping[str, object]:
        return await ingest().check_database()

    async def metrics() -> bytes:
        return await ingest().metrics()

    app = create_service(
        "ingest",
        description="Receives BMP (RFC 7854) from routers and stores what they say.",
        lifespan=lifespan,
        endpoints=[api],
        checks={"station": station, "database": database},
        metrics=metrics,
    )
    return app
