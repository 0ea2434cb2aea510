"""RIS_PEER_STATE, OPEN and NOTIFICATION, from what the store knows of Peer Up and Peer Down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from services.routes.answering.capabilities import capabilities_body
from services.routes.answering.notifications import notification_in
from services.routes.live.message import Message
from services.routes.live.updates import head, message_id

if TYPE_CHECKING:
    from datetime import datetime

    from asyncpg import Record

    from services.routes.live.names import Peer

_BGP_VERSION = 4
_NOTIFICATION_SENT = 1  # RFC 7854 4.9


def peer_event(row: Record, peer: Peer) -> list[Message]:
    """What a peer's event is told as: its new state, and the NOTIFICATION that ended it."""
    number = message_id(row["seq"])
    if row["event"] == "up":
        return [state(peer, number, row["time"], "connected", None)]
    messages = [state(peer, number, row["time"], "down", row["reason"])]
    notification = notification_in(row["reason"]) if row["event"] == "down" else None
    if notification is not None:
        data = head(peer, message_id(row["seq"], 1), "NOTIFICATION", row["time"])
        data["notification"] = {"code": notification.code, "subcode": notification.subcode}
        is_sent = row["reason_code"] == _NOTIFICATION_SENT
        data |= {"direction": "sent" if is_sent else "received", "reason": row["reason"]}
        messages.insert(0, Message("NOTIFICATION", data, hosts=peer.hosts))
    return messages


def state(peer: Peer, number: str, time: datetime, state: str, reason: str | None) -> Message:
    """A peer that came or went, and why it went."""
    data = head(peer, number, "RIS_PEER_STATE", time) | {"state": state}
    if reason is not None:
        data["reason"] = reason
    return Message("RIS_PEER_STATE", data, hosts=peer.hosts)


def received_open(row: Record, peer: Peer, number: str, time: datetime) -> Message:
    """The OPEN that the peer sent. Of the router's own too little is stored."""
    data = head(peer, number, "OPEN", time) | {
        "direction": "received",
        "version": _BGP_VERSION,
        "asn": row["asn"],
        "hold_time": row["hold_time"],
        "router_id": row["bgp_id"],
        "capabilities": _capabilities(orjson.loads(row["capabilities"])),
    }
    return Message("OPEN", data, hosts=peer.hosts)


def _capabilities(stored: dict[str, Any]) -> dict[str, Any]:
    """By their code, as RIS Live has them."""
    told: dict[str, Any] = {}
    body = capabilities_body(stored)
    for one in body.all if body is not None else ():
        known = told.setdefault(str(one.code), {"name": one.name or "unknown", "values": []})
        known["values"].append(one.value)
        if one.code == 1 and "family" in one.details:
            known.setdefault("families", []).append(one.details["family"])
    return told
