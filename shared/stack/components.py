"""The list of everything that `bgpilot up` runs. A new service is one entry more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import asyncpg

from shared.db.engine import describe
from shared.stack.component import Address, Component
from shared.stack.lines import postgres
from shared.stack.module import PROBE_SECONDS, http_ready, module
from shared.stack.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.stack.settings import StackSettings
    from shared.stack.sites import Sites


def components(settings: StackSettings, sites: Sites | None = None) -> list[Component]:
    """In the order of starting as far as their needs leave one; `sites` are the demo's."""
    if settings.database_url is None:
        server = EmbeddedPostgres(settings.home)
        url, where, database = server.dsn, server.dsn, [embedded_database(server)]
    else:
        url = settings.database_url.get_secret_value()
        where, database = describe(settings.database_url), []
    needs = tuple(item.name for item in database)
    return [*database, *services(settings, url, where, needs, sites)]


def services(
    settings: StackSettings,
    database_url: str,
    database_shown: str,
    needs: tuple[str, ...],
    sites: Sites | None = None,
) -> list[Component]:
    """Everything that stands on the database at this URL."""
    station = settings.listener("ingest_bmp")
    ingest = settings.listener("ingest_http")
    routes = settings.listener("routes_http")
    gateway = settings.listener("gateway_http")
    environment = {
        **(os.environ if sites is None else sites.environment(os.environ)),
        "DATABASE_URL": database_url,
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": "json",
        "GATEWAY_INGEST_URL": ingest.url,
        "GATEWAY_ROUTES_URL": routes.url,
        "ROUTES_INGEST_URLS": ingest.url,
    }
    for listener in settings.listeners():
        environment |= listener.environment
    moving = []
    if settings.has_failover:
        failover = settings.listener("failover_http")
        environment |= {"GATEWAY_FAILOVER_URL": failover.url, "FAILOVER_ROUTES_URL": routes.url}
        fakes = sites.components(station.address, environment) if sites is not None else []
        moving = [
            *fakes,
            Component(
                name="failover",
                argv=module("services.failover"),
                environment=environment,
                needs=("routes", *(fake.name for fake in fakes)),
                is_ready=http_ready(f"{failover.url}/readyz"),
                grace_seconds=30.0,
            ),
        ]
    return [
        Component(
            name="migrate",
            argv=module("shared.db"),
            environment=environment,
            needs=needs,
            start_seconds=3600.0,
            addresses=(Address("database", database_shown),),
        ),
        Component(
            name="ingest",
            argv=module("services.ingest"),
            environment=environment,
            needs=("migrate",),
            is_ready=http_ready(f"{ingest.url}/readyz"),
            addresses=(Address("BMP station", station.address),),
            grace_seconds=60.0,
        ),
        Component(
            name="routes",
            argv=module("services.routes"),
            environment=environment,
            needs=("migrate",),
            is_ready=http_ready(f"{routes.url}/readyz"),
        ),
        *moving,
        Component(
            name="gateway",
            argv=module("gateway"),
            environment=environment,
            needs=("ingest", "routes", *(component.name for component in moving)),
            is_ready=http_ready(f"{gateway.url}/readyz"),
            addresses=(
                Address("gateway", gateway.url),
                Address("API documentation", f"{gateway.url}/docs"),
            ),
        ),
    ]


def embedded_database(server: EmbeddedPostgres) -> Component:
    """PostgreSQL as a component; recovery after a crash may take minutes."""
    return Component(
        name="postgres",
        argv=server.argv,
        environment=server.environment,
        is_ready=database_ready(server.dsn),
        prepare=server.prepare,
        account=server.account,
        stop_signal=server.stop_signal,
        start_seconds=1800.0,
        grace_seconds=60.0,
        plain_line=postgres,
    )


def database_ready(dsn: str) -> Callable[[], Awaitable[bool]]:
    """Ready when the server lets us in."""

    async def probe() -> bool:
        try:
            conn = await asyncpg.connect(dsn, timeout=PROBE_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await conn.close(timeout=PROBE_SECONDS)
        return True

    return probe
