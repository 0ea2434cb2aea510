"""Which routers and peers a caller asks for."""

# Annotations stay objects here: FastAPI reads them when the app is made.
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query

from services.routes.asking import values
from services.routes.asking.cursors import is_within, not_a_cursor, pack, unpack
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


@dataclass(frozen=True, slots=True)
class StatisticKey:
    """The place of a statistic among those of a peer."""

    type: int = -1
    family: int = -1
    """-1: of no family, which is the first."""


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


def write_statistic_cursor(key: StatisticKey) -> str:
    """An opaque text for the place where a page ended."""
    return pack([key.type, key.family])


def read_statistic_cursor(cursor: str | None) -> StatisticKey:
    """The place that `write_statistic_cursor` wrote; the first place without a cursor."""
    if cursor is None:
        return StatisticKey()
    match unpack(cursor):
        case [kind, family] if is_within(kind, -1, values.ID_MAX) and is_within(
            family, -1, values.ID_MAX
        ):
            return StatisticKey(kind, family)
    raise not_a_cursor()
