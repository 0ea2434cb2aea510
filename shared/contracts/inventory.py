"""Bodies of the inventory: routers, their BGP peers, and what happened to them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from shared.contracts.envelope import Timestamp

RouterState = Literal["connected", "disconnected"]
PeerState = Literal["up", "down", "lost"]
PeerEventKind = Literal["up", "down", "lost", "end_of_rib", "expired"]


class CountedRoutes(BaseModel):
    """How many routes there are now, and how well that is known.

    On a large store they are counted in the background: then the number is as old as
    `routes_as_of` says, but what went with a Peer Down since is off already.
    """

    routes_by_family: dict[str, int] | None = Field(
        description="Routes that are there now, active or stale, over all RIB views; null until "
        "they have been counted for the first time"
    )
    routes_as_of: Timestamp | None = Field(description="When they were counted")
    routes_exact: bool = Field(description="Whether nothing was committed since")


class RouterBody(CountedRoutes):
    """A device that speaks BMP to us."""

    id: int
    address: str
    name: str | None
    sys_descr: str | None
    asn: int | None = Field(description="Of the OPENs that it sent")
    bgp_id: str | None = Field(description="Likewise")
    state: RouterState
    first_seen: Timestamp
    connected_since: Timestamp | None
    last_message_at: Timestamp | None
    peers_up: int
    peers_total: int


class NotificationBody(BaseModel):
    """A BGP NOTIFICATION (RFC 4271 4.5) that ended a session."""

    code: int
    subcode: int
    name: str
    communication: str | None = Field(
        description="What the other side's operator wrote (RFC 9003), or the prefix limit"
    )
    reset_by: str | None = Field(description="What a Hard Reset carries (RFC 8538 3.1)")


class LastDown(BaseModel):
    """The last Peer Down of a peer (RFC 7854 4.9)."""

    reason_code: int | None = Field(description="Of the Peer Down; null where there was none")
    reason: str | None
    notification: NotificationBody | None
    at: Timestamp


class Capability(BaseModel):
    """One capability of the OPEN that the peer sent (RFC 5492)."""

    code: int
    name: str | None = Field(description="Null for a code that no RFC here names")
    value: str = Field(description="Its octets in hexadecimal digits")
    details: dict[str, Any] = Field(description="What they say, where that is known")


class Capabilities(BaseModel):
    """What the peer offered in its OPEN."""

    families: list[str]
    add_path: dict[str, str] = Field(
        description="By family, what it wants to do with several paths (RFC 7911 4)"
    )
    all: list[Capability]


class PeerRib(BaseModel):
    """One RIB of a peer: a view and a family."""

    rib: str
    family: str
    add_path: bool = Field(description="Whether its routes have path identifiers (RFC 7911)")
    routes: int | None = Field(description="As `routes_by_family`, of this RIB alone")
    complete: bool = Field(description="Whether the table of the session that is up was sent whole")
    complete_at: Timestamp | None = Field(description="When a table was last sent whole")


class PeerBody(CountedRoutes):
    """A BGP peer of a router, as the router reports it."""

    id: int
    router_id: int
    router: str = Field(description="The router's name, or its address where it has none")
    peer_type: str
    distinguisher: str
    address: str
    asn: int
    as_name: str | None = Field(
        default=None, description="Where the operator's file of names has one"
    )
    bgp_id: str | None
    state: PeerState = Field(
        description="`lost`: the connection to the router ended, so this is the last that is known"
    )
    since: Timestamp | None
    uptime_s: float | None
    inferred: bool = Field(description="True where routes came without a Peer Up")
    table_name: str | None
    local_asn: int | None
    local_address: str | None
    local_port: int | None
    remote_port: int | None
    hold_time: int | None
    capabilities: Capabilities | None
    last_down: LastDown | None
    ribs: list[PeerRib]
    updates_1h: int = Field(
        description="What changed known routes in the last hour, withdrawals included; counted in "
        "buckets of five minutes"
    )
    last_update_at: Timestamp | None = Field(
        description="The last announcement, withdrawal or end of a table; up to `routes_as_of` old "
        "on a large store"
    )


class EventPeer(BaseModel):
    """The peer that something happened to."""

    id: int
    address: str
    asn: int


class PeerEvent(BaseModel):
    """Something that happened to a peer's session or to one of its tables."""

    time: Timestamp
    router_time: Timestamp | None = Field(description="What the router's clock said")
    event: PeerEventKind = Field(
        description="`lost`: the router's BMP connection ended. `expired`: all tables count as "
        "complete without an End-of-RIB"
    )
    router_id: int
    router: str
    peer: EventPeer
    session: int = Field(description="Which life of the peer's session; they are counted upwards")
    family: str | None
    rib: str | None
    reason_code: int | None = Field(description="Of a Peer Down (RFC 7854 4.9)")
    reason: str | None
    notification: NotificationBody | None


class Statistic(BaseModel):
    """The last value of one statistic that the router reported of a peer (RFC 7854 4.8)."""

    type: int
    name: str
    family: str | None
    value: int
    at: Timestamp = Field(description="When the report reached us")
