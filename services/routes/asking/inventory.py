"""Which routers and peers a caller asks for."""

# Annotations stay objects here: FastAPI reads them when the app is made.
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query

from services.routes.asking import values
from services.routes.asking.words import ASN, ROUTER, split, texts
from shared.contracts.inventory import PeerState, RouterState
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS

_FAMILY = texts(f"That have a RIB of this family: one of {', '.join(FAMILIES.values())}")
_RIB = texts(f"That have this RIB view: one of {', '.join(RIB_VIEWS.values())}")


@dataclass(slots=True)
class RouterFilter:
    """Which routers are asked for."""

    router_id: int | None = None
    states: list[str] = field(default_factory=list)


@dataclass(slots=True)
class PeerFilter:
    """Which peers are asked for."""

    peer_id: int | None = None
    router_ids: list[int] = field(default_factory=list)
    router_addresses: list[str] = field(default_factory=list)
    asns: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    families: list[int] = field(default_factory=list)
    views: list[int] = field(default_factory=list)


def router_filter(
    *, state: Annotated[list[RouterState], Query(default_factory=list)]
) -> RouterFilter:
    """Which routers a request asks for."""
    return RouterFilter(states=list(state))


def peer_filter(
    *,
    router: Annotated[list[str], ROUTER],
    asn: Annotated[list[str], ASN],
    state: Annotated[list[PeerState], Query(default_factory=list)],
    family: Annotated[list[str], _FAMILY],
    rib: Annotated[list[str], _RIB],
) -> PeerFilter:
    """Which peers a request asks for."""
    asked = PeerFilter(
        asns=[values.read_asn("asn", one) for one in asn],
        states=list(state),
        families=[values.read_family(one) for one in family],
        views=[values.read_view(one) for one in rib],
    )
    split("router", router, asked.router_ids, asked.router_addresses)
    return asked
