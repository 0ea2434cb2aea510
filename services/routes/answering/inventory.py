"""From rows of routers, peers and their events to the bodies of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.routes.answering.capabilities import capabilities_body
from services.routes.answering.fields import (
    address_text,
    optional_address,
    router_name,
    seconds_since,
)
from services.routes.answering.notifications import notification_in
from services.routes.answering.statistic_names import statistic_name
from shared.contracts.inventory import (
    EventPeer,
    LastDown,
    PeerBody,
    PeerEvent,
    PeerRib,
    RouterBody,
    Statistic,
)
from shared.contracts.vocabulary import PEER_TYPES, RIB_VIEWS, family_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping

    from services.routes.answering.counting import Known


def router_body(row: RowMapping, ribs: Sequence[RowMapping], known: Known) -> RouterBody:
    """A row of `rib.router` with the counts of its peers; `ribs` are those of all of them."""
    return RouterBody(
        id=row["router_id"],
        address=address_text(row["address"]),
        name=row["sys_name"],
        sys_descr=row["sys_descr"],
        asn=row["asn"],
        bgp_id=optional_address(row["bgp_id"]),
        state="connected" if row["connected_since"] else "disconnected",
        first_seen=row["first_seen"],
        connected_since=row["connected_since"],
        last_message_at=row["last_message_at"],
        peers_up=row["peers_up"],
        peers_total=row["peers_total"],
        **_counted(ribs, known),
    )


def peer_body(
    row: RowMapping,
    ribs: Sequence[RowMapping],
    churn: RowMapping | None,
    known: Known,
    now: datetime,
    as_name: str | None,
) -> PeerBody:
    """A row of `rib.peer` with its RIBs, and what changed in the last hour where anything did."""
    is_up = row["state"] == "up"
    updates = [known.last_update_at(ribs), churn["last_change"] if churn else None]
    return PeerBody(
        id=row["peer_id"],
        router_id=row["router_id"],
        router=router_name(row),
        peer_type=PEER_TYPES.get(row["peer_type"], str(row["peer_type"])),
        distinguisher=row["distinguisher"],
        address=address_text(row["address"]),
        asn=row["asn"],
        as_name=as_name,
        bgp_id=optional_address(row["bgp_id"]),
        state=row["state"],
        since=row["since"],
        uptime_s=seconds_since(now, row["since"]) if is_up and row["since"] else None,
        inferred=row["is_inferred"],
        table_name=row["table_name"],
        local_asn=row["local_asn"],
        local_address=optional_address(row["local_address"]),
        local_port=row["local_port"],
        remote_port=row["remote_port"],
        hold_time=row["hold_time"],
        capabilities=capabilities_body(row["capabilities"]),
        last_down=_last_down(row),
        ribs=[_rib(rib, known) for rib in ribs],
        updates_1h=churn["updates"] if churn else 0,
        last_update_at=max((one for one in updates if one is not None), default=None),
        **_counted(ribs, known),
    )


def event_body(row: RowMapping) -> PeerEvent:
    """A row of `rib.peer_event` with its peer and router."""
    return PeerEvent(
        time=row["time"],
        router_time=row["router_time"],
        event=row["event"],
        router_id=row["router_id"],
        router=router_name(row),
        peer=EventPeer(id=row["peer_id"], address=address_text(row["address"]), asn=row["asn"]),
        session=row["session"],
        family=None if row["family"] is None else family_name(row["family"]),
        rib=None if row["view"] is None else RIB_VIEWS[row["view"]],
        reason_code=row["reason_code"],
        reason=row["reason"],
        notification=notification_in(row["reason"]),
    )


def statistic_body(row: RowMapping) -> Statistic:
    """A row of `rib.peer_statistic`; its value comes as text."""
    return Statistic(
        type=row["type"],
        name=statistic_name(row["type"]),
        family=None if row["family"] is None else family_name(row["family"]),
        value=int(row["value"]),
        at=row["at"],
    )


def _counted(ribs: Sequence[RowMapping], known: Known) -> Mapping[str, Any]:
    return {
        "routes_by_family": known.by_family(ribs),
        "routes_as_of": known.at,
        "routes_exact": known.is_exact,
    }


def _rib(row: RowMapping, known: Known) -> PeerRib:
    return PeerRib(
        rib=RIB_VIEWS[row["view"]],
        family=family_name(row["family"]),
        add_path=row["has_path_ids"],
        routes=known.of(row),
        complete=row["is_complete"],
        complete_at=row["complete_at"],
    )


def _last_down(row: RowMapping) -> LastDown | None:
    if row["down_at"] is None:
        return None
    return LastDown(
        reason_code=row["down_code"],
        reason=row["down_reason"],
        notification=notification_in(row["down_reason"]),
        at=row["down_at"],
    )
