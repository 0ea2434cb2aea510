"""Settings of the ingest service."""

from __future__ import annotations

from pydantic import Field

from shared.settings import DatabaseSettings, LogSettings


class IngestSettings(DatabaseSettings, LogSettings):
    """Where it listens, and how much it holds before it writes."""

    ingest_bmp_host: str = "127.0.0.1"
    ingest_bmp_port: int = Field(default=11019, ge=0, le=65535)
    ingest_http_host: str = "127.0.0.1"
    ingest_http_port: int = Field(default=8081, ge=0, le=65535)
    ingest_batch_rows: int = Field(default=20_000, ge=1, le=1_000_000)
    """Route rows that make a batch full."""
    ingest_batch_seconds: float = Field(default=0.5, gt=0, le=60)
    """How long a route waits at most for its batch to fill."""
    ingest_queue_batches: int = Field(default=4, ge=1, le=100)
    """Full batches that may wait for the database; past that, routers are made to wait."""
    ingest_max_message: int = Field(default=1_048_576, ge=65_535)
    """The longest BMP message accepted, in bytes."""
    ingest_max_connections: int = Field(default=1_000, ge=1)
