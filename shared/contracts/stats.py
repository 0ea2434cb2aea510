"""Bodies of `/api/v1/stats`."""

from __future__ import annotations

from pydantic import BaseModel


class IngestStats(BaseModel):
    """The way of the data since the ingest process started, hop by hop."""

    connections: int
    """BMP connections open now."""
    connections_accepted: int
    received_bytes: int
    messages: int
    pending_routes: int
    """Routes decoded and not yet committed: 0 when everything read is in the database."""
    committed_routes: int
    committed_batches: int
    waiting_for: str | None
    """Why nothing can be written now, None while all is well."""
