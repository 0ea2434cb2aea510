"""Which two tables a caller wants compared."""

# Annotations stay objects here: FastAPI reads them when the app is made.
import ipaddress
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Query

from services.routes.asking.cursors import is_within, not_a_cursor, pack, unpack
from services.routes.asking.values import ID_MAX, read_family, read_number, read_view
from services.routes.asking.words import texts
from shared.contracts.diff import Difference
from shared.contracts.vocabulary import FAMILIES, RIB_VIEWS

Place = str | int
"""A prefix or, of families that are more than that, the number of an NLRI."""

_ALL: tuple[Difference, ...] = ("only_a", "only_b", "changed")
_HASH_MAX = 2**63 - 1
_RIB = f"One of {', '.join(RIB_VIEWS.values())}; default: the first that both have"


@dataclass(slots=True)
class DiffFilter:
    """A family and a view of each of two peers, and which differences are wanted."""

    peer_a: int
    peer_b: int
    family: int
    view_a: int | None
    view_b: int | None
    kinds: list[Difference] = field(default_factory=list)


def diff_filter(
    *,
    a: Annotated[str, Query(description="A peer's id")],
    b: Annotated[str, Query(description="Another peer's id, or the same one with another `rib_b`")],
    family: Annotated[
        str, Query(description=f"One of {', '.join(FAMILIES.values())}")
    ] = "ipv4_unicast",
    rib: Annotated[str | None, Query(description=_RIB)] = None,
    rib_b: Annotated[str | None, Query(description="Of `b`, where it is not `rib`")] = None,
    difference: Annotated[list[Difference], texts("Only these; default: all")],
) -> DiffFilter:
    """What a request wants compared."""
    view = None if rib is None else read_view(rib)
    return DiffFilter(
        peer_a=read_number("a", a, ID_MAX),
        peer_b=read_number("b", b, ID_MAX),
        family=read_family(family),
        view_a=view,
        view_b=view if rib_b is None else read_view(rib_b),
        kinds=[one for one in _ALL if one in difference] or list(_ALL),
    )


def write_place(place: Place) -> str:
    """An opaque text for the place where a page ended."""
    return pack([place])


def read_place(text: str) -> Place:
    """The place that `write_place` wrote."""
    match unpack(text):
        case [int(number)] if is_within(number, -_HASH_MAX - 1, _HASH_MAX):
            return number
        case [str(prefix)]:
            try:
                return str(ipaddress.ip_network(prefix))
            except ValueError:
                raise not_a_cursor() from None
    raise not_a_cursor()
