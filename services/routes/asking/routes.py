"""The filters of the queries, read from a request (FastAPI dependencies).

A filter that is given more than once means any of its values; different filters must all hold.
"""

# Annotations stay objects here: FastAPI reads them when the app is made. What it calls for each
# request is async, since it sends all else to a thread.
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Query, Request

from services.routes.asking import values
from services.routes.asking.as_path import AsPathPattern, read_as_path_pattern
from services.routes.asking.values import Match, Network, StateFilter
from services.routes.asking.words import split
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import parameter_error

RpkiState = Literal["valid", "invalid", "not_found"]

State = Annotated[
    StateFilter,
    Query(description="`current`: active, or the last known of a router not connected now"),
]
Rpki = Annotated[Sequence[RpkiState], Query(description="The RPKI state (RFC 6811)")]


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


class _Filter(NamedTuple):
    description: str
    add: Callable[[RouteFilter, str], None]
    """What a value that is given does to the question."""


def _values(to: str, read: Callable[[str], Any]) -> Callable[[RouteFilter, str], None]:
    return lambda asked, text: getattr(asked, to).append(read(text))


def _of(parameter: str) -> Callable[[RouteFilter, str], None]:
    def add(asked: RouteFilter, text: str) -> None:
        ids = getattr(asked, f"{parameter}_ids")
        split(parameter, [text], ids, getattr(asked, f"{parameter}_addresses"))

    return add


def _asns(parameter: str) -> Callable[[RouteFilter, str], None]:
    return _values(f"{parameter}s", lambda text: values.read_asn(parameter, text))


def _read_pattern(text: str) -> AsPathPattern:
    try:
        return read_as_path_pattern(text)
    except ValueError as error:
        raise parameter_error("as_path", str(error), "^64500,64501$") from None


_ASN = "`65000` or `AS65000`"
_FILTERS = {
    "router": _Filter("A router's id or address", _of("router")),
    "peer": _Filter("A peer's id or address", _of("peer")),
    "peer_asn": _Filter(_ASN, _asns("peer_asn")),
    "origin_asn": _Filter(_ASN, _asns("origin_asn")),
    "rib": _Filter(f"One of {', '.join(RIB_VIEWS.values())}", _values("views", values.read_view)),
    "family": _Filter(
        f"One of {', '.join(FAMILIES.values())}", _values("families", values.read_family)
    ),
    "as_path": _Filter(
        "AS numbers that stand together: `64500,64501`; `^` start, `$` end, `!` not",
        _values("as_paths", _read_pattern),
    ),
    "next_hop": _Filter(
        "An address", _values("next_hops", lambda text: values.read_address("next_hop", text))
    ),
    "community": _Filter(
        "`65000:100`, or a name such as `no-export`",
        _values("communities", values.read_community),
    ),
    "large_community": _Filter(
        "`65000:1:2`", _values("large_communities", values.read_large_community)
    ),
    "ext_community": _Filter(
        "As answers write it: `rt:65000:1`", _values("ext_communities", values.read_ext_community)
    ),
    "rd": _Filter(
        "A route distinguisher: `65000:100`, `192.0.2.1:7`", _values("rds", values.read_rd)
    ),
    "mac": _Filter("A MAC address of an EVPN route", _values("macs", values.read_mac)),
    "route_type": _Filter(
        "The type of an EVPN route (RFC 7432 7): `2`",
        _values("route_types", values.read_route_type),
    ),
}
FILTERS: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": one.description,
            "schema": {
                "type": "array",
                "items": {"type": "string"},
                "description": one.description,
                "default": [],
                "title": name.replace("_", " ").title(),
            },
        }
        for name, one in _FILTERS.items()
    ]
}
"""The OpenAPI description of what `filters` reads, for `openapi_extra`."""


async def filters(request: Request) -> RouteFilter:
    """What a request asks of routes, whatever their prefix and state.

    They are read from what is given, and not declared: of declared ones each is looked for in
    every request, which for fourteen took a third of the time until a question was read.
    """
    asked = RouteFilter()
    for name, text in request.query_params.multi_items():
        if (one := _FILTERS.get(name)) is not None:
            one.add(asked, text)
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
