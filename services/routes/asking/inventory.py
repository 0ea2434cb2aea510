"""Which peers a caller asks for."""

# Annotations stay objects here: FastAPI reads them when the app is made.
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query

from services.routes.asking import values
from services.routes.asking.words import ASN, ROUTER, split
from shared.contracts.routes import PeerState


@dataclass(slots=True)
class PeerFilter:
    """Which peers are asked for."""

    peer_id: int | None = None
    router_ids: list[int] = field(default_factory=list)
    router_addresses: list[str] = field(default_factory=list)
    asns: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)


def peer_filter(
    *,
    router: Annotated[list[str], ROUTER],
    asn: Annotated[list[str], ASN],
    state: Annotated[list[PeerState], Query(default_factory=list)],
) -> PeerFilter:
    """Which peers a request asks for."""
    asked = PeerFilter(asns=[values.read_asn("asn", one) for one in asn], states=list(state))
    split("router", router, asked.router_ids, asked.router_addresses)
    return asked
