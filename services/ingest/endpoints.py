"""HTTP handlers of the ingest service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request

from shared.contracts.envelope import Envelope, Meta
from shared.contracts.stats import IngestStats
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from services.ingest.collector import Collector

api = APIRouter(prefix="/api/v1", tags=["ingest"], dependencies=[Depends(known_parameters_only)])


@api.get("/stats", summary="How much was received, and how much of it is committed")
async def stats(request: Request) -> Envelope[IngestStats]:
    """Counts since this process started, at each hop from the socket to the commit."""
    collector: Collector = request.app.state.collector
    station, batcher, writer = collector.station, collector.batcher, collector.writer
    data = IngestStats(
        connections=station.connections,
        connections_accepted=station.accepted,
        received_bytes=station.received_bytes,
        messages=station.messages,
        pending_routes=batcher.pending_routes,
        committed_routes=writer.committed_routes,
        committed_batches=writer.committed_batches,
        waiting_for=writer.reason,
    )
    return Envelope(data=data, meta=Meta(count=1))
