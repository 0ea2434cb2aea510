"""The route query service."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text
from starlette.middleware import Middleware

from services.routes import endpoints
from services.routes.answering.attributes import AttributeTexts, csv_text, json_text
from services.routes.answering.conditional import Conditional
from services.routes.answering.counting import counting
from services.routes.answering.heavy import HeavyQueries
from services.routes.enrichment.enrichment import Enrichment
from services.routes.live.stream import Live
from shared.clients.ingest import ingest_services
from shared.db.engine import create_engine
from shared.db.errors import is_away, reason
from shared.web.app import create_service
from shared.web.health import NotReady

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.routes.settings import RoutesSettings
    from shared.db.engine import Reads


def create_app(settings: RoutesSettings) -> FastAPI:
    """Answers questions about routes from schema `rib`, which it only reads."""

    def reading(reads: Reads) -> AsyncEngine:
        return create_engine(
            settings.database_url,
            application="bgpilot routes",
            pool_size=settings.routes_pool_size,
            statement_seconds=settings.routes_statement_seconds,
            reads=reads,
        )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine, lookups = reading("questions"), reading("lookups")
        app.state.engine, app.state.lookups = engine, lookups
        async with (
            counting(settings.database_url) as app.state.counter,
            ingest_services(settings.ingest_urls) as app.state.ingest_services,
            app.state.enrichment.watching(),
            app.state.live.running(),
        ):
            yield
        await engine.dispose()
        await lookups.dispose()

    async def database() -> Mapping[str, object]:
        try:
            async with app.state.engine.connect() as conn:
                found = await conn.execute(text("SELECT to_regclass('rib.route') IS NOT NULL"))
        except Exception as error:
            if not is_away(error):
                raise
            raise NotReady(reason(error)) from error
        if not found.scalar_one():
            raise NotReady("there is no schema yet: the ingest service makes it when it starts")
        return {}

    enrichment = Enrichment(settings)
    app = create_service(
        "routes",
        description="Answers questions about the routes that routers see.",
        lifespan=lifespan,
        endpoints=endpoints.ALL,
        checks={"database": database, "files": enrichment.status},
        middleware=[Middleware(Conditional)],
    )
    app.state.enrichment = enrichment
    app.state.heavy = HeavyQueries(
        per_caller=settings.routes_heavy_queries_per_caller, total=settings.routes_heavy_queries
    )
    app.state.texts = {
        "json": AttributeTexts(json_text, settings.routes_cached_attributes),
        "csv": AttributeTexts(csv_text, settings.routes_cached_attributes),
    }
    app.state.live = Live(settings)
    return app
