"""What messages about a peer say, in the form in which the store keeps it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from services.ingest.changes import PeerCameUp
from services.ingest.wire import family_name

if TYPE_CHECKING:
    from services.ingest.registry import PeerSession
    from services.ingest.wire import Open, PeerUp, StatisticsReport

# RFC 7911 4.
_ADD_PATH = {1: "receive", 2: "send", 3: "both"}

Statistic = tuple[int, int | None]
"""The type of a statistic, and its family where it is of one."""


def came_up(message: PeerUp, peer: PeerSession, *, seq: int, time_us: int) -> PeerCameUp:
    """What a Peer Up says (RFC 7854 4.10)."""
    header, sent, received = message.peer, message.sent_open, message.received_open
    return PeerCameUp(
        seq=seq,
        peer_id=peer.peer_id,
        session=peer.session,
        time_us=time_us,
        router_time_us=header.timestamp_us or None,
        asn=header.asn,
        bgp_id=ip_text(header.bgp_id),
        is_inferred=False,
        table_name=message.table_name,
        local_asn=sent.asn if sent else None,
        local_bgp_id=ip_text(sent.bgp_id) if sent else None,
        local_address=ip_text(message.local_address),
        local_port=message.local_port,
        remote_port=message.remote_port,
        hold_time=received.hold_time if received else None,
        capabilities=_capabilities(received) if received else {},
    )


def ip_text(address: bytes) -> str:
    """Of 4 or 16 octets."""
    return str(ipaddress.ip_address(address))


def _capabilities(message: Open) -> dict[str, Any]:
    """What the peer can do (RFC 5492): what we read of it by name, and every one by its code."""
    return {
        "families": [family_name(family) for family in message.families],
        "add_path": {
            family_name(family): _ADD_PATH.get(mode, str(mode))
            for family, mode in message.add_path.items()
        },
        "codes": [{"code": code, "value": value.hex()} for code, value in message.capabilities],
    }


def statistics_of(message: StatisticsReport) -> dict[Statistic, int]:
    """The counters and gauges of a report (RFC 7854 4.8), the last one where one comes twice.

    What has a length that no type has is left out: nobody knows what it counts.
    """
    values: dict[Statistic, int] = {}
    for kind, value in message.stats:
        if isinstance(value, int):
            values[kind, None] = value
        elif isinstance(value, tuple):
            values[kind, value[0]] = value[1]
    return values
