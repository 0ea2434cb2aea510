"""Bodies of the route queries: routers, their peers, and routes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from shared.contracts.envelope import Timestamp

PeerState = Literal["up", "down", "lost"]
RouteState = Literal["active", "stale", "withdrawn"]


class RouterBody(BaseModel):
    """A device that speaks BMP to us."""

    id: int
    address: str
    name: str | None
    sys_descr: str | None
    state: Literal["connected", "disconnected"]
    first_seen: Timestamp
    connected_since: Timestamp | None
    last_message_at: Timestamp | None
    peers_up: int
    peers_total: int


class LastDown(BaseModel):
    """The last Peer Down of a peer (RFC 7854 4.9)."""

    reason_code: int | None
    reason: str | None
    at: Timestamp


class PeerBody(BaseModel):
    """A BGP peer of a router, as the router reports it."""

    id: int
    router_id: int
    router: str
    """The router's name, or its address where it has none."""
    peer_type: str
    distinguisher: str
    address: str
    asn: int
    bgp_id: str | None
    state: PeerState
    """`lost`: the connection to the router ended, so this is the last that is known."""
    since: Timestamp | None
    uptime_s: float | None
    inferred: bool
    """True where routes came without a Peer Up."""
    table_name: str | None
    local_address: str | None
    local_port: int | None
    remote_port: int | None
    hold_time: int | None
    capabilities: dict[str, Any] | list[Any] | None
    last_down: LastDown | None


class RoutePeer(BaseModel):
    """The peer that a route was learnt from."""

    id: int
    address: str
    asn: int


class RouteBody(BaseModel):
    """One route of one peer in one RIB view, with its path attributes (RFC 4271 5)."""

    prefix: str
    family: str
    path_id: int | None
    """The ADD-PATH identifier (RFC 7911); None without."""
    router: str
    router_id: int
    peer: RoutePeer
    rib: str
    state: RouteState
    next_hop: str | None
    origin: str | None
    origin_asn: int | None
    as_path: list[int | list[int]]
    """AS numbers from the neighbour to the origin; an AS_SET is a nested list."""
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
    first_seen: Timestamp
    last_updated: Timestamp
    """When its attributes or its state last changed."""
    last_confirmed: Timestamp
    """When the router last announced it, changed or not."""
    age_s: float
    withdrawn_at: Timestamp | None
