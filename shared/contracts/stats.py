"""Bodies of `/api/v1/stats`: the ingest service's own, and the whole, hop by hop."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from shared.contracts.envelope import Timestamp
from shared.contracts.inventory import CountedRoutes


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


class IngestPart(BaseModel):
    """One ingest service, as it answers for itself."""

    address: str
    stats: IngestStats | None
    error: str | None = Field(description="Why it gave no answer")


HopName = Literal["socket", "decoded", "history", "current", "visible"]
HopState = Literal["ok", "waiting", "stopped", "unknown"]


class Hop(BaseModel):
    """One step of the way from a router's socket to an answer."""

    name: HopName = Field(
        description="`socket`: read from routers. `decoded`: cut into messages and routes. "
        "`history`: committed as events. `current`: committed in the current RIB. `visible`: in "
        "the database that answers"
    )
    state: HopState = Field(
        description="`waiting`: nothing comes from the hop before. `stopped`: what comes does not "
        "go on. `unknown`: whoever knows does not answer"
    )
    says: str = Field(description="Why, in a sentence")
    at: Timestamp | None = Field(description="When something last came to here")
    lag_s: float | None = Field(
        description="What this hop took the last time, in seconds: for `current` from the socket "
        "to the commit, for `visible` from the commit to the database that answers"
    )


class Totals(CountedRoutes):
    """What there is now."""

    routers: int
    routers_connected: int
    peers: int
    peers_up: int
    peers_down: int
    peers_lost: int
    routes: int | None = Field(description="All of `routes_by_family` together")
    attribute_sets_estimate: int | None = Field(
        description="Distinct sets of path attributes; null before the first ANALYZE"
    )
    history_events_estimate: int | None = Field(
        description="Announcements and withdrawals that are kept; likewise"
    )


class Rates(BaseModel):
    """How fast it comes in."""

    committed_per_s: float | None = Field(
        description="Announcements and withdrawals over the last half minute or so; null while "
        "the service has not yet looked twice"
    )
    updates_1h: int = Field(description="Announcements that changed a known route, in the last h")
    withdrawals_1h: int
    path_changes_1h: int


class StatsBody(BaseModel):
    """How much there is, how fast it comes in, and where it stops when it does not."""

    totals: Totals
    rates: Rates
    hops: list[Hop]
    stops_at: HopName | None = Field(description="The first hop that is not `ok`")
    ingest: list[IngestPart]
