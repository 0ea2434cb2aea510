"""Bodies of the history: updates, timelines, activity and churn."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from shared.contracts.envelope import Timestamp
from shared.contracts.routes import RoutePeer

UpdateType = Literal["A", "W", "S"]
ChurnKey = Literal["prefix", "peer", "origin_asn", "router"]
ChurnMetric = Literal["updates", "withdrawals", "path_changes"]


class UpdateAttributes(BaseModel):
    """The path attributes of an announcement (RFC 4271 5), as a route has them."""

    next_hop: str | None
    origin: str | None
    origin_asn: int | None
    as_path: list[int | list[int]]
    as_path_str: str
    med: int | None
    local_pref: int | None
    communities: list[str]
    large_communities: list[str]
    ext_communities: list[str]
    aggregator: str | None
    atomic_aggregate: bool
    originator_id: str | None
    cluster_list: list[str]
    others: dict[str, Any] = Field(description="Attributes without a field, by name")


class PeerStateChange(BaseModel):
    """What happened to a peer's session."""

    event: Literal["up", "down", "lost", "end_of_rib", "expired"]
    reason_code: int | None = Field(description="Of a Peer Down (RFC 7854 4.9)")
    reason: str | None


class UpdateBody(BaseModel):
    """An announcement (`A`), a withdrawal (`W`), or what happened to a peer (`S`)."""

    seq: int = Field(description="Of the BMP message: all routes of one UPDATE have the same")
    time: Timestamp = Field(description="When the message reached us")
    router_time: Timestamp | None = Field(description="What the router's clock said")
    type: UpdateType
    prefix: str | None
    family: str | None
    path_id: int | None
    rd: str | None
    nlri: dict[str, Any] | None = Field(
        description="What names a route that is more than a prefix, and what it says beside"
    )
    router: str
    router_id: int
    peer: RoutePeer
    rib: str | None
    session: int = Field(description="Which life of the peer's session; they are counted upwards")
    attributes: UpdateAttributes | None = Field(description="Of an announcement")
    changed: list[str] | None = Field(
        description="Which attributes differ from the event before of the same route; empty where "
        "it was said again as it was, null where that was no announcement"
    )
    state: PeerStateChange | None = Field(description="Of an entry of type `S`")


class Timeline(BaseModel):
    """A time in which a prefix was seen from an origin through one AS path without a gap."""

    starttime: Timestamp
    endtime: Timestamp
    ongoing: bool = Field(description="Whether it was still so at the end of the window")
    peers_seeing: int = Field(description="Peers that had it so, some of the time or all of it")
    as_path: list[int | list[int]]
    as_path_str: str


class OriginHistory(BaseModel):
    """When a prefix was seen from an origin, path by path, in the order of their beginnings."""

    origin_asn: int | None = Field(description="Null where the path has none (RFC 4271 5.1.2)")
    timelines: list[Timeline]


class PrefixHistory(BaseModel):
    """Who originated a prefix, when, and how it was reached."""

    prefix: str
    by_origin: list[OriginHistory]


class ActivitySample(BaseModel):
    """What happened from `starttime` on, for one sampling period."""

    starttime: Timestamp
    announcements: int
    withdrawals: int


class Activity(BaseModel):
    """How much happened, over time."""

    counted: Literal["events", "changes"] = Field(
        description="`events`: every announcement and withdrawal of the prefix. `changes`: what "
        "changed known routes, from counts by five minutes"
    )
    sampling_period_s: int
    samples: list[ActivitySample]


class ChurnPeer(BaseModel):
    """The peer whose routes changed."""

    id: int
    address: str
    asn: int
    router_id: int
    router: str


class ChurnRouter(BaseModel):
    """The router whose peers' routes changed."""

    id: int
    name: str


class ChurnBody(BaseModel):
    """How much one prefix, peer, origin or router changed."""

    key: str = Field(description="The prefix, the origin's AS number, or our id of the rest")
    prefix: str | None = None
    origin_asn: int | None = None
    peer: ChurnPeer | None = None
    router: ChurnRouter | None = None
    updates: int = Field(description="Announcements that changed a known route")
    withdrawals: int
    path_changes: int = Field(description="Those of `updates` that found the route there")
    last_change: Timestamp
    share: float = Field(description="Its part of all that the metric counts in the window")
