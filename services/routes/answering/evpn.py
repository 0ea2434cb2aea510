"""From rows of MAC/IP routes to the moves of a MAC address."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from services.routes.answering.fields import address_text, router_name
from services.routes.answering.mac_moves import Event, Key, Place, Sweep, Told, moves
from shared.contracts.evpn import MacMove, MacPlace
from shared.contracts.routes import RoutePeer
from shared.contracts.vocabulary import RIB_VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import RowMapping

    from services.routes.answering.mac_moves import Move

    Ribs = Mapping[int, Mapping[str, Any]]

_MOBILITY = "mac-mobility:"
_STICKY = "sticky:"
_TARGET = "rt:"


def mac_moves(
    events: Iterable[RowMapping], swept: Iterable[RowMapping], ribs: Ribs
) -> list[MacMove]:
    """The moves that these events and sweeps tell of, the newest first."""
    views: dict[tuple[int, int], set[int]] = defaultdict(set)
    for rib_id, rib in ribs.items():
        views[rib["peer_id"], rib["view"]].add(rib_id)
    happened: list[Event | Sweep] = [_event(row, ribs) for row in events]
    for row in swept:
        views_meant = RIB_VIEWS if row["view"] is None else (row["view"],)
        rib_ids = [one for view in views_meant for one in views[row["peer_id"], view]]
        happened.append(Sweep(row["time"], row["seq"], row["session"], frozenset(rib_ids)))
    observers = {rib_id: (rib["router_id"], rib["view"]) for rib_id, rib in ribs.items()}
    return [_move(one, ribs) for one in reversed(moves(happened, observers))]


def _event(row: RowMapping, ribs: Ribs) -> Event:
    key = Key(row["rib_id"], row["nlri_id"], row["path_id"])
    told = None if row["is_withdrawal"] else _told(row, ribs[row["rib_id"]])
    return Event(row["time"], row["seq"], row["session"], key, told)


def _told(row: RowMapping, rib: Mapping[str, Any]) -> Told:
    detail = row["detail"] or {}
    communities = row["ext_communities"] or []
    vni = next(iter(detail.get("vnis", [])), None)
    mobility = next((one for one in communities if one.startswith(_MOBILITY)), None)
    sequence = None if mobility is None else int(mobility.rpartition(":")[2])
    return Told(
        place=Place(rib["peer_id"], row["next_hop"], detail.get("esi", {}).get("value")),
        rib_id=rib["rib_id"],
        domain=_bridge_domain(row["fields"]["ethernet_tag"], communities, vni),
        sequence=sequence,
        sticky=mobility is not None and mobility.startswith(_MOBILITY + _STICKY),
        rd=row["rd"],
        vni=vni,
    )


def _bridge_domain(tag: int, communities: Iterable[str], vni: int | None) -> str:
    """What the PEs of a bridge domain have in common: a label and an RD are each PE's own.

    Where every PE is an AS of its own and derives the target from it (RFC 8365 5.1.2.1), only
    the part behind the AS is common.
    """
    targets = {one.rpartition(":")[2] for one in communities if one.startswith(_TARGET)}
    if targets:
        return f"tag {tag}, rt {' '.join(sorted(targets, key=int))}"
    return f"tag {tag}" if vni is None else f"tag {tag}, vni {vni}"


def _move(move: Move, ribs: Ribs) -> MacMove:
    rib = ribs[move.to.rib_id]
    return MacMove(
        time=move.time,
        router=router_name(rib),
        router_id=rib["router_id"],
        rib=RIB_VIEWS[rib["view"]],
        bridge_domain=move.to.domain,
        changed=move.changed,
        origin=_place(move.origin, ribs),
        to=_place(move.to, ribs),
    )


def _place(told: Told, ribs: Ribs) -> MacPlace:
    rib = ribs[told.rib_id]
    return MacPlace(
        peer=RoutePeer(id=rib["peer_id"], address=address_text(rib["address"]), asn=rib["asn"]),
        next_hop=told.place.next_hop,
        esi=told.place.esi,
        rd=told.rd,
        vni=told.vni,
        sequence=told.sequence,
        sticky=told.sticky,
    )
