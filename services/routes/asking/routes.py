"""The filters of the queries, read from a request (FastAPI dependencies).

A filter that is given more than once means any of its values; different filters must all hold.
"""

# Annotations stay objects here: FastAPI reads them when the app is made.
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query

from services.routes.asking import values
from services.routes.asking.values import Match, Network, StateFilter
from services.routes.asking.words import ASN, PEER, ROUTER, split, texts
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import parameter_error


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

    @property
    def is_longest(self) -> bool:
        """Whether only the longest match of each peer and view counts."""
        return self.prefix is not None and self.match == "longest"


def route_filter(
    *,
    prefix: Annotated[
        str | None, Query(description="A prefix, or an address for the longest match")
    ] = None,
    match: Annotated[
        Match | None, Query(description="Default: `exact` for a prefix, `longest` for an address")
    ] = None,
    state: Annotated[
        StateFilter,
        Query(description="`current`: active, or the last known of a router not connected now"),
    ] = "current",
    router: Annotated[list[str], ROUTER],
    peer: Annotated[list[str], PEER],
    peer_asn: Annotated[list[str], ASN],
    origin_asn: Annotated[list[str], ASN],
    rib: Annotated[list[str], texts(f"One of {', '.join(RIB_VIEWS.values())}")],
    family: Annotated[list[str], texts(f"One of {', '.join(FAMILIES.values())}")],
) -> RouteFilter:
    """Which routes a request asks for."""
    network: Network | None = None
    if prefix is not None:
        network, implied = values.read_prefix(prefix)
        match = match or implied
    elif match is not None:
        raise parameter_error("match", "needs a prefix to match", "prefix=192.0.2.0/24")
    asked = RouteFilter(
        prefix=network,
        match=match or "exact",
        state=state,
        peer_asns=[values.read_asn("peer_asn", one) for one in peer_asn],
        origin_asns=[values.read_asn("origin_asn", one) for one in origin_asn],
        views=[values.read_view(one) for one in rib],
        families=[values.read_family(one) for one in family],
    )
    split("router", router, asked.router_ids, asked.router_addresses)
    split("peer", peer, asked.peer_ids, asked.peer_addresses)
    return asked
