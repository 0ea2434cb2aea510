"""The filters of the queries, read from a request (FastAPI dependencies).

A filter that is given more than once means any of its values; different filters must all hold.
"""

# Annotations stay objects here: FastAPI reads them when the app is made.
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query

from services.routes import parameters
from services.routes.parameters import Match, Network, StateFilter
from services.routes.repository import PeerQuery, RouteQuery
from shared.contracts.routes import PeerState
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS
from shared.web.problem import parameter_error


def _texts(description: str) -> Any:  # noqa: ANN401 - what FastAPI takes as metadata
    return Query(default_factory=list, description=description)


_ROUTER = _texts("A router's id or address")
_ASN = _texts("`65000` or `AS65000`")


def route_query(
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
    router: Annotated[list[str], _ROUTER],
    peer: Annotated[list[str], _texts("A peer's id or address")],
    peer_asn: Annotated[list[str], _ASN],
    origin_asn: Annotated[list[str], _ASN],
    rib: Annotated[list[str], _texts(f"One of {', '.join(RIB_VIEWS.values())}")],
    family: Annotated[list[str], _texts(f"One of {', '.join(FAMILIES.values())}")],
) -> RouteQuery:
    """Which routes a request asks for."""
    network: Network | None = None
    if prefix is not None:
        network, implied = parameters.read_prefix(prefix)
        match = match or implied
    elif match is not None:
        raise parameter_error("match", "needs a prefix to match", "prefix=192.0.2.0/24")
    query = RouteQuery(
        prefix=network,
        match=match or "exact",
        state=state,
        peer_asns=[parameters.read_asn("peer_asn", one) for one in peer_asn],
        origin_asns=[parameters.read_asn("origin_asn", one) for one in origin_asn],
        views=[parameters.read_view(one) for one in rib],
        families=[parameters.read_family(one) for one in family],
    )
    _split("router", router, query.router_ids, query.router_addresses)
    _split("peer", peer, query.peer_ids, query.peer_addresses)
    return query


def peer_query(
    *,
    router: Annotated[list[str], _ROUTER],
    asn: Annotated[list[str], _ASN],
    state: Annotated[list[PeerState], Query(default_factory=list)],
) -> PeerQuery:
    """Which peers a request asks for."""
    query = PeerQuery(asns=[parameters.read_asn("asn", one) for one in asn], states=list(state))
    _split("router", router, query.router_ids, query.router_addresses)
    return query


def as_asked(query: RouteQuery | PeerQuery) -> dict[str, Any]:
    """The query as it took effect, under the parameters' names, for `meta.query`."""
    asked: dict[str, Any] = {}
    for name, value in asdict(query).items():
        if value not in (None, []):
            parameter, shown = _AS_PARAMETER.get(name, (name, lambda one: one))
            if isinstance(value, list):
                asked.setdefault(parameter, []).extend(shown(one) for one in value)
            else:
                asked[parameter] = shown(value)
    if "prefix" not in asked:
        asked.pop("match", None)
    return asked


_AS_PARAMETER: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "prefix": ("prefix", str),
    "router_ids": ("router", int),
    "router_addresses": ("router", str),
    "peer_ids": ("peer", int),
    "peer_addresses": ("peer", str),
    "peer_asns": ("peer_asn", int),
    "origin_asns": ("origin_asn", int),
    "asns": ("asn", int),
    "states": ("state", str),
    "views": ("rib", RIB_VIEWS.__getitem__),
    "families": ("family", FAMILIES.__getitem__),
}


def _split(parameter: str, texts: list[str], ids: list[int], addresses: list[str]) -> None:
    for text in texts:
        value = parameters.read_id_or_address(parameter, text)
        if isinstance(value, int):
            ids.append(value)
        else:
            addresses.append(value)
