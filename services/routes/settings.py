"""Settings of the route query service."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from shared.settings import DatabaseSettings, LogSettings


def _urls(listed: str) -> str:
    each = [url.strip() for url in listed.split(",") if url.strip()]
    if not all(url.startswith(("http://", "https://")) and urlsplit(url).hostname for url in each):
        raise ValueError("give http://HOST:PORT, several with commas")
    return ",".join(each)


class RoutesSettings(DatabaseSettings, LogSettings):
    """Where it listens and how long a question may take."""

    routes_http_host: str = "127.0.0.1"
    routes_http_port: int = Field(default=8082, ge=0, le=65535)
    routes_gateway_ips: str = "127.0.0.1,::1"
    """Where the gateway calls from: who asks is believed to be whom it names, and no other."""
    routes_pool_size: int = Field(default=8, ge=1, le=40)
    """Database connections at most, so also the queries that run at once; as many for lookups."""
    routes_statement_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long one query may run in the database."""
    routes_heavy_queries: int = Field(default=4, ge=1, le=100)
    """Streams, counts and summaries that run at once; fewer than connections, for all others."""
    routes_heavy_queries_per_caller: int = Field(default=2, ge=1, le=100)
    routes_cached_attributes: int = Field(default=100_000, ge=1_000, le=10_000_000)
    """Rendered sets of path attributes that are kept, about 700 octets each."""
    routes_ingest_urls: Annotated[str, AfterValidator(_urls)] = "http://127.0.0.1:8081"
    """The ingest services, with commas: `/api/v1/stats` asks them how they are."""
    routes_vrps_file: Path | None = None
    """VRPs in JSON, as rpki-client, Routinator and StayRTR write them; None: no RPKI states."""
    routes_as_names_file: Path | None = None
    """Names of ASes: `asn,name`, bgp.tools' asns.csv or RIPE's asn.txt."""
    routes_communities_file: Path | None = None
    """What communities mean, as NLNOG's looking glass has it: a file, or a directory of .txt."""
    routes_files_seconds: float = Field(default=10.0, gt=0, le=3600)
    """How long a change of these files may go unseen."""
    routes_live_subscribers: int = Field(default=2_000, ge=1, le=100_000)
    """Subscribers of the live stream."""
    routes_live_subscribers_per_caller: int = Field(default=1_000, ge=1, le=100_000)
    routes_live_prefixes: int = Field(default=10_000, ge=1, le=1_000_000)
    """Subscriptions of one subscriber, each prefix counted."""
    routes_live_queue_messages: int = Field(default=10_000, ge=1_000, le=1_000_000)
    """Messages that may wait for one subscriber before it is cut off."""
    routes_live_poll_seconds: float = Field(default=0.1, gt=0, le=10)
    """How long the history is let alone between two looks, while somebody listens."""
    routes_live_idle_seconds: float = Field(default=5.0, gt=0, le=300)
    """How long an HTTP stream is silent before an empty line shows that it lives."""
    routes_live_most_behind: int = Field(default=500_000, ge=1_000)
    """Changed routes that are caught up with; more are left out, and subscribers are told so."""
    routes_live_resume_messages: int = Field(default=5_000, ge=0, le=1_000_000)
    """Messages that are kept for event sources that come back."""

    @property
    def ingest_urls(self) -> list[str]:
        """Each of `routes_ingest_urls`."""
        return self.routes_ingest_urls.split(",") if self.routes_ingest_urls else []
