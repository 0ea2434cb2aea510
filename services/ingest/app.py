"""The HTTP app beside the BMP station."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.ingest.collector import Collector
from services.ingest.endpoints import api
from shared.web.app import create_service

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping

    from fastapi import FastAPI

    from services.ingest.settings import IngestSettings


def end_process() -> None:
    """Ends this process in order: the server stops as if asked to from outside."""
    os.kill(os.getpid(), signal.SIGTERM)


def create_app(settings: IngestSettings, listener: socket.socket) -> FastAPI:
    """The ingest service; `listener` is the bound socket on which routers will connect."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        collector = app.state.collector = Collector(settings, listener, on_failure=end_process)
        collector.start()
        yield
        await collector.stop()

    async def station() -> Mapping[str, object]:
        collector: Collector = app.state.collector
        return await collector.check_station()

    async def database() -> Mapping[str, object]:
        collector: Collector = app.state.collector
        return await collector.check_database()

    app = create_service(
        "ingest",
        description="Receives BMP (RFC 7854) from routers and stores what they say.",
        lifespan=lifespan,
        endpoints=[api],
        checks={"station": station, "database": database},
    )
    return app
