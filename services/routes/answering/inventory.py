"""From rows of routers and peers to the bodies of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.routes.answering.fields import (
    address_text,
    optional_address,
    router_name,
    seconds_since,
)
from shared.contracts.routes import LastDown, PeerBody, RouterBody
from shared.contracts.vocabulary import PEER_TYPES

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import RowMapping


def router_body(row: RowMapping) -> RouterBody:
    """A row of `rib.router` with the counts of its peers."""
    return RouterBody(
        id=row["router_id"],
        address=address_text(row["address"]),
        name=row["sys_name"],
        sys_descr=row["sys_descr"],
        state="connected" if row["connected_since"] else "disconnected",
        first_seen=row["first_seen"],
        connected_since=row["connected_since"],
        last_message_at=row["last_message_at"],
        peers_up=row["peers_up"],
        peers_total=row["peers_total"],
    )


def peer_body(row: RowMapping, now: datetime) -> PeerBody:
    """A row of `rib.peer` with the names of its router."""
    is_up = row["state"] == "up"
    return PeerBody(
        id=row["peer_id"],
        router_id=row["router_id"],
        router=router_name(row),
        peer_type=PEER_TYPES.get(row["peer_type"], str(row["peer_type"])),
        distinguisher=row["distinguisher"],
        address=address_text(row["address"]),
        asn=row["asn"],
        bgp_id=optional_address(row["bgp_id"]),
        state=row["state"],
        since=row["since"],
        uptime_s=seconds_since(now, row["since"]) if is_up and row["since"] else None,
        inferred=row["is_inferred"],
        table_name=row["table_name"],
        local_address=optional_address(row["local_address"]),
        local_port=row["local_port"],
        remote_port=row["remote_port"],
        hold_time=row["hold_time"],
        capabilities=row["capabilities"],
        last_down=None
        if row["down_at"] is None
        else LastDown(reason_code=row["down_code"], reason=row["down_reason"], at=row["down_at"]),
    )
