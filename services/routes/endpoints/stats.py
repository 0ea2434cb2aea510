"""HTTP handlers of what is known of the whole."""

from __future__ import annotations

import time

from fastapi import APIRouter, Depends, Request

from services.routes.answering.counting import RouteCounter
from services.routes.answering.pages import page_meta
from services.routes.answering.reading import reading
from services.routes.answering.stats import stats_body
from services.routes.store import freshness, stats
from shared.clients.ingest import IngestServices
from shared.contracts.envelope import Envelope
from shared.contracts.stats import StatsBody
from shared.web.strict import known_parameters_only

api = APIRouter(prefix="/api/v1", tags=["stats"], dependencies=[Depends(known_parameters_only)])


@api.get("/stats", summary="How much there is, how fast it comes in, and where it stops")
async def show_stats(request: Request) -> Envelope[StatsBody]:
    """Totals, rates, and each hop from a router's socket to an answer with its lag."""
    started = time.perf_counter()
    services: IngestServices = request.app.state.ingest_services
    counter: RouteCounter = request.app.state.counter
    parts = await services.parts()
    async with reading(request) as conn:
        known = await counter.known(conn)
        facts = await stats.facts(conn)
        churn = await stats.churn_of_last_hour(conn)
        ribs = await stats.ribs(conn)
        as_of = await freshness.data_as_of(conn)
    body = stats_body(facts, churn, ribs, known, parts)
    meta = page_meta(started, 1, {}, as_of)
    meta.warnings = known.warnings()
    return Envelope(data=body, meta=meta)
