"""Bodies of the route queries."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Timestamp

RouteState = Literal["active", "stale", "withdrawn"]
RpkiState = Literal["valid", "invalid", "not_found"]


class _Body(BaseModel):
    # What is said of a field here is said in the OpenAPI document, too.
    model_config = ConfigDict(use_attribute_docstrings=True)


class RoutePeer(_Body):
    """The peer that a route was learnt from."""

    id: int
    address: str
    asn: int


class EvpnBody(_Body):
    """The parts of an EVPN route (RFC 7432 7, RFC 9136); null where its type has none."""

    route_type: int
    route_type_name: str | None
    rd: str | None
    esi: str | None
    """Ethernet segment identifier."""
    ethernet_tag: int | None
    mac: str | None
    ip: str | None
    prefix: str | None
    label: int | None
    """The first label, of 20 bits; `nlri.vnis` has the same octets as VNIs (RFC 8365)."""


class RouteBody(_Body):
    """One route of one peer in one RIB view, with its path attributes (RFC 4271 5)."""

    prefix: str | None
    """Canonical (RFC 5952); null where the family's routes are no prefixes."""
    path_id: int | None
    """The ADD-PATH identifier (RFC 7911); null without."""
    family: str
    router: str
    """The router's name, or its address where it has none."""
    router_id: int
    peer: RoutePeer
    rib: str
    """The view: `adj_in_pre`, `adj_in_post`, `adj_out_pre`, `adj_out_post`, `loc_rib`."""
    state: RouteState
    """`stale`: the last that is known, since the router is away or sends its table again."""
    next_hop: str | None
    origin: str | None
    """`igp`, `egp` or `incomplete`."""
    origin_asn: int | None
    """The last AS of the path; null where the path is empty or ends in a set."""
    as_path: list[int | list[int]]
    """AS numbers from the neighbour to the origin; an AS_SET is a nested list."""
    as_path_str: str
    """The same as routers show it: {1 2} a set, (1 2) a confederation's sequence, [1 2] its set."""
    med: int | None
    local_pref: int | None
    communities: list[str]
    large_communities: list[str]
    ext_communities: list[str]
    aggregator: str | None
    """AS number and address."""
    atomic_aggregate: bool
    originator_id: str | None
    cluster_list: list[str]
    others: dict[str, Any]
    """Attributes without a field of their own, by name, such as `only_to_customer`."""
    rpki: RpkiState | None
    """RFC 6811; null without a file of VRPs, and for families that it says nothing of."""
    first_seen: Timestamp
    last_updated: Timestamp
    """When its attributes or its state last changed."""
    last_confirmed: Timestamp
    """When the router last announced it, changed or not."""
    withdrawn_at: Timestamp | None
    rd: str | None = None
    """The route distinguisher; `rd`, `labels` and `nlri` are there unless it is a plain prefix."""
    labels: list[int] | None = None
    nlri: dict[str, Any] | None = None
    """All parts of the NLRI by their names."""
    evpn: EvpnBody | None = None
    """There in EVPN alone."""
    as_names: dict[str, str] | None = None
    """With `expand=asn_names`: names of the ASes of the path, by number."""
    community_texts: dict[str, str] | None = None
    """With `expand=communities`: what communities of any kind mean, where that is known."""
    age_s: float
    """Seconds since `last_updated`."""


class RoutesOfPrefix(_Body):
    """What there is for one prefix, and around it."""

    prefix: str
    """The prefix that was asked for; for an address, the longest that any peer has."""
    routes: list[RouteBody]
    more_specifics_count: int
    """Prefixes inside; 1,000 where there are more."""
    less_specifics: list[RouteBody] | None = None
    """With `include=lessSpecifics`, the longest last."""
    more_specifics: list[RouteBody] | None = None
    """With `include=moreSpecifics`, as many as `limit`."""


class RouteCount(_Body):
    """How many routes a group has; the fields of the group are those that were asked for."""

    routes: int
    router_id: int | None = None
    router: str | None = None
    peer: RoutePeer | None = None
    family: str | None = None
    rib: str | None = None
    origin_asn: int | None = None
    rpki: RpkiState | None = None
