"""HTTP handlers of the ingest service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Request

from shared.contracts.envelope import Envelope, Meta
from shared.contracts.stats import IngestStats
from shared.web.strict import known_parameters_only

if TYPE_CHECKING:
    from services.ingest.app import Ingest

api = APIRouter(prefix="/api/v1", tags=["ingest"], dependencies=[Depends(known_parameters_only)])


@api.get("/ingest/stats", summary="How much was received, and how much of it is committed")
async def stats(request: Request) -> Envelope[IngestStats]:
    """Counts since the start, over all workers, at each hop from the socket to the commit."""
    ingest: Ingest = request.app.state.ingest
    return Envelope(data=await ingest.stats(), meta=Meta(count=1))
