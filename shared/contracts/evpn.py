"""Bodies of the EVPN queries (RFC 7432)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from shared.contracts.envelope import Timestamp
from shared.contracts.routes import RouteBody, RoutePeer


class MacPlace(BaseModel):
    """Where a MAC address was: behind this next hop, on this Ethernet segment."""

    peer: RoutePeer = Field(description="Who told it to the router")
    next_hop: str | None
    esi: str | None = Field(description="All zeros: a site with a single home (RFC 7432 5)")
    rd: str | None
    vni: int | None = Field(description="The first label read as a VNI (RFC 8365 5.1.3)")
    sequence: int | None = Field(
        description="Of the MAC mobility community (RFC 7432 7.7); null where there is none, which "
        "counts as 0"
    )
    sticky: bool = Field(description="A static address, which does not move (RFC 7432 15.2)")


class MacMove(BaseModel):
    """A MAC address that was found elsewhere, as one router saw it in one RIB view."""

    time: Timestamp
    router: str
    router_id: int
    rib: str
    bridge_domain: str = Field(
        description="In which the address moved: the Ethernet tag, and the route targets without "
        "their AS or, where there is none, the VNI"
    )
    changed: list[str] = Field(description="Which of `peer`, `next_hop`, `esi` are different")
    origin: MacPlace = Field(serialization_alias="from")
    to: MacPlace


class MacBody(BaseModel):
    """All that is known of a MAC address."""

    mac: str
    routes: list[RouteBody] = Field(description="Its routes that are there now")
    moves: list[MacMove] = Field(description="The newest first")
