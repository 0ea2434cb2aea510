"""Bodies of the route queries."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from shared.contracts.envelope import Timestamp

RouteState = Literal["active", "stale", "withdrawn"]


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
