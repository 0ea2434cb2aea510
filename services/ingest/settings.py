"""Settings of the ingest service."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from services.ingest.addresses import Network, Target, networks, targets
from services.ingest.ages import Age, age
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
    ingest_table_seconds: float = Field(default=600.0, gt=0)
    """How long after a Peer Up a router may send its table again before the rest is gone."""
    # ---- who may connect, and what a connection may cost
    ingest_allowed_routers: Annotated[
        tuple[Network, ...] | None, NoDecode, BeforeValidator(networks)
    ] = None
    """Networks (CIDRs with commas) that routers may connect from; None: any."""
    ingest_max_connections: int = Field(default=1_000, ge=1)
    ingest_max_connections_per_router: int = Field(default=500, ge=1)
    """Connections from one address; half of all, so that one address cannot take every place."""
    ingest_message_seconds: float = Field(default=30.0, gt=0)
    """How long a router's first message, and the rest of one that has begun, may take."""
    ingest_idle_seconds: float = Field(default=0.0, ge=0)
    """How long a router may be silent between messages; 0: for ever."""
    ingest_dial: Annotated[tuple[Target, ...] | None, NoDecode, BeforeValidator(targets)] = None
    """Routers that wait for us to connect: `address:port` with commas, IPv6 in brackets."""
    ingest_db_give_up_seconds: float = Field(default=300.0, gt=0)
    """How long the database may be away before routers are sent away until it is back."""
    ingest_workers: int = Field(default=1, ge=1, le=64)
    """Processes that share the BMP port."""
    ingest_nice: int = Field(default=5, ge=0, le=19)
    """How far the processor prefers others: somebody waits for an answer, and routers can."""
    # ---- how long what they said is kept
    route_retention: Annotated[Age, NoDecode, BeforeValidator(age)] = age("5y")
    """Routes: their history, their churn, and those that are gone."""
    session_retention: Annotated[Age, NoDecode, BeforeValidator(age)] = age("6mo")
    """What happened to peers."""
