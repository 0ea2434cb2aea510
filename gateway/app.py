"""The gateway's HTTP app: the only public address of bgpilot."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from gateway.connections import connections
from gateway.endpoints import STATIC, endpoints
from gateway.guard import Guard
from gateway.proxy import Proxy
from gateway.readiness import checks
from gateway.security import SecurityHeaders
from gateway.specs import SpecBook
from gateway.upstreams import TABLE, Connect, Table, all_opened, upstreams
from shared.web.app import create_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from gateway.settings import GatewaySettings


def create_app(
    settings: GatewaySettings, *, table: Table = TABLE, connect: Connect = connections
) -> FastAPI:
    """An inert app that forwards what `table` names once its lifespan runs."""
    services = upstreams(table, settings, connect)
    specs = SpecBook(services, max_age=settings.gateway_openapi_seconds)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with all_opened(services.values()):
            yield

    app = create_service(
        "gateway",
        description="The one public door to the services.",
        lifespan=lifespan,
        endpoints=[endpoints(specs, table)],
        checks=checks(services),
        middleware=[Middleware(SecurityHeaders), Middleware(Guard)],
        # The merged description takes its place, and the proxy limits bodies as they stream.
        openapi_url=None,
        max_body_bytes=None,
    )
    # Such a redirect is absolute, so it would lead out of a path prefix or away from https.
    app.router.redirect_slashes = False
    app.mount("/static", StaticFiles(directory=STATIC))
    proxy = Proxy(table, services, settings)
    for root in sorted({entry.root for entry in table}):
        app.mount(root, proxy)
    return app
