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
    routes_pool_size: int = Field(default=8, ge=1, le=100)
    """Database connections at most, so also the queries that run at once."""
    routes_statement_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long one query may run in the database."""
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

    @property
    def ingest_urls(self) -> list[str]:
        """Each of `routes_ingest_urls`."""
        return self.routes_ingest_urls.split(",") if self.routes_ingest_urls else []
