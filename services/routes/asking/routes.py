"""The filters of the queries, read from a request (FastAPI dependencies).

A filter that is given more than once means any of its values; different filters must all hold.
"""

# Annotations stay objects here: FastAPI reads them when the app is made. What it calls for each
# request is async, since it sends all else to a thread.
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Query

from services.routes.asking import values
from services.routes.asking.as_path import AsPathPattern, read_as_path_pattern
from services.routes.asking.values import Match, Network, StateFilter
from services.routes.asking.words import repeated, split
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import parameter_error

RpkiState = Literal["valid", "invalid", "not_found"]

State = Annotated[
    StateFilter,
    Query(description="`current`: active, or the last known of a router not connected now"),
]
Rpki = Annotated[Sequence[RpkiState], repeated("The RPKI state (RFC 6811)")]

_ROUTER = repeated("A router's id or address")
_PEER = repeated("A peer's id or address")
_ASN = repeated("`65000` or `AS65000`")

_AS_PATH = "AS numbers that stand together: `64500,64501`; `^` start, `$` end, `!` not"


@dataclass(slots=True)
class RouteFilter:
    """Which routes are asked for. Values of one filter are alternatives, filters add up."""

    prefix: Network | None = None
    match: Match = "exact"
    state: StateFilter = "current"
    router_ids: list[int] = field(default_factory=list)
    router_addresses: list[str] = field(default_factory=list)
    peer_ids: list[int] = field(default_factory=list)
    peer_addresses: list[str] = field(default_factory=list)
    peer_asns: list[int] = field(default_factory=list)
    origin_asns: list[int] = field(default_factory=list)
    views: list[int] = field(default_factory=list)
    families: list[int] = field(default_factory=list)
    as_paths: list[AsPathPattern] = field(default_factory=list)
    next_hops: list[str] = field(default_factory=list)
    communities: list[int] = field(default_factory=list)
    large_communities: list[str] = field(default_factory=list)
    ext_communities: list[str] = field(default_factory=list)
    rds: list[str] = field(default_factory=list)
    macs: list[str] = field(default_factory=list)
    route_types: list[int] = field(default_factory=list)
    esis: list[str] = field(default_factory=list)
    vnis: list[int] = field(default_factory=list)
    ips: list[str] = field(default_factory=list)
    rpki: list[RpkiState] = field(default_factory=list)
    """Not the store's to answer: whoever has read a route must ask whether it is one of these."""

    @property
    def is_longest(self) -> bool:
        """Whether only the longest match of each peer and view counts."""
        return self.prefix is not None and self.match == "longest"

    @property
    def is_range(self) -> bool:
        """Whether all that is inside a prefix is asked for."""
        return self.prefix is not None and self.match in {"orlonger", "longer"}

    @property
    def is_lookup(self) -> bool:
        """Whether the few routes to a prefix, or to those around it, are asked for, and no more."""
        of_attributes = (
            self.origin_asns,
            self.as_paths,
            self.next_hops,
            self.communities,
            self.large_communities,
            self.ext_communities,
        )
        is_of_few = self.prefix is not None and not self.is_range
        return is_of_few and not (any(of_attributes) or self.asks_for_nlri)

    @property
    def asks_for_nlri(self) -> bool:
        """Whether only routes that are more than a prefix can be meant."""
        of_nlri = (self.rds, self.macs, self.route_types, self.esis, self.vnis, self.ips)
        return any(of_nlri)


async def filters(
    *,
    router: Annotated[Sequence[str], _ROUTER] = (),
    peer: Annotated[Sequence[str], _PEER] = (),
    peer_asn: Annotated[Sequence[str], _ASN] = (),
    origin_asn: Annotated[Sequence[str], _ASN] = (),
    rib: Annotated[Sequence[str], repeated(f"One of {', '.join(RIB_VIEWS.values())}")] = (),
    family: Annotated[Sequence[str], repeated(f"One of {', '.join(FAMILIES.values())}")] = (),
    as_path: Annotated[Sequence[str], repeated(_AS_PATH)] = (),
    next_hop: Annotated[Sequence[str], repeated("An address")] = (),
    community: Annotated[
        Sequence[str], repeated("`65000:100`, or a name such as `no-export`")
    ] = (),
    large_community: Annotated[Sequence[str], repeated("`65000:1:2`")] = (),
    ext_community: Annotated[Sequence[str], repeated("As answers write it: `rt:65000:1`")] = (),
    rd: Annotated[
        Sequence[str], repeated("A route distinguisher: `65000:100`, `192.0.2.1:7`")
    ] = (),
    mac: Annotated[Sequence[str], repeated("A MAC address of an EVPN route")] = (),
    route_type: Annotated[
        Sequence[str], repeated("The type of an EVPN route (RFC 7432 7): `2`")
    ] = (),
) -> RouteFilter:
    """What a request asks of routes, whatever their prefix and state."""
    asked = RouteFilter(
        peer_asns=[values.read_asn("peer_asn", one) for one in peer_asn],
        origin_asns=[values.read_asn("origin_asn", one) for one in origin_asn],
        views=[values.read_view(one) for one in rib],
        families=[values.read_family(one) for one in family],
        as_paths=[_read_pattern(one) for one in as_path],
        next_hops=[values.read_address("next_hop", one) for one in next_hop],
        communities=[values.read_community(one) for one in community],
        large_communities=[values.read_large_community(one) for one in large_community],
        ext_communities=[values.read_ext_community(one) for one in ext_community],
        rds=[values.read_rd(one) for one in rd],
        macs=[values.read_mac(one) for one in mac],
        route_types=[values.read_route_type(one) for one in route_type],
    )
    split("router", router, asked.router_ids, asked.router_addresses)
    split("peer", peer, asked.peer_ids, asked.peer_addresses)
    return asked


async def routes_of_prefix(
    *,
    prefix: Annotated[
        str | None, Query(description="A prefix, or an address for the longest match")
    ] = None,
    match: Annotated[
        Match | None, Query(description="Default: `exact` for a prefix, `longest` for an address")
    ] = None,
    asked: Annotated[RouteFilter, Depends(filters)],
) -> RouteFilter:
    """The same, and what the prefix is to be."""
    if prefix is not None:
        asked.prefix, implied = values.read_prefix(prefix)
        asked.match = match or implied
    elif match is not None:
        raise parameter_error("match", "needs a prefix to match", "prefix=192.0.2.0/24")
    return asked


async def any_routes(
    *,
    state: State = "current",
    rpki: Rpki = (),
    asked: Annotated[RouteFilter, Depends(filters)],
) -> RouteFilter:
    """Which routes a request asks for, whatever their prefix."""
    asked.state, asked.rpki = state, list(rpki)
    return asked


async def route_filter(
    *,
    state: State = "current",
    rpki: Rpki = (),
    asked: Annotated[RouteFilter, Depends(routes_of_prefix)],
) -> RouteFilter:
    """Which routes a request asks for."""
    asked.state, asked.rpki = state, list(rpki)
    return asked


def _read_pattern(text: str) -> AsPathPattern:
    try:
        return read_as_path_pattern(text)
    except ValueError as error:
        raise parameter_error("as_path", str(error), "^64500,64501$") from None
