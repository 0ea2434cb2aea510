"""BMP messages as plain objects for JSON, in the words of the RFCs."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import singledispatch
from typing import TYPE_CHECKING

from services.ingest.wire import (
    AnyMessage,
    Initiation,
    MalformedMessage,
    MessageType,
    PeerDown,
    PeerUp,
    RouteMirroring,
    RouteMonitoring,
    StatisticsReport,
    Termination,
    UnknownMessage,
    describe_nlri,
    family_name,
)
from services.ingest.wire.text import address_text, free_text

if TYPE_CHECKING:
    from services.ingest.wire import NlriSet, Open, PathAttributes, PeerHeader, Update

Described = dict[str, object]

HEX_LIMIT = 256
"""Octets of a malformed or unknown message that are shown."""

_PEER_TYPES = ("global instance", "rd instance", "local instance", "loc-rib instance")
_FLAGS = ((0x80, "V"), (0x40, "L"), (0x20, "A"), (0x10, "O"))
_ADD_PATH = {1: "receive", 2: "send", 3: "send/receive"}


def type_name(code: int) -> str:
    """`route monitoring`, `peer up`, ...; `type 100` where RFC 7854 has no such type."""
    if code > MessageType.ROUTE_MIRRORING:
        return f"type {code}"
    return MessageType(code).name.lower().replace("_", " ")


def describe(message: AnyMessage) -> Described:
    """One message with its place in the stream; empty parts are left out."""
    parts = {key: value for key, value in _parts(message).items() if value not in (None, [], {})}
    place: Described = {"offset": message.offset, "length": message.length}
    return {**place, **parts}


@singledispatch
def _parts(message: object) -> Described:
    raise TypeError(f"no description of {type(message).__name__}")


@_parts.register
def _(message: Initiation) -> Described:
    return {
        "type": "initiation",
        "sys_name": message.sys_name,
        "sys_descr": message.sys_descr,
        "strings": [free_text(value) for kind, value in message.tlvs if kind == 0],
        "information": _tlvs(tuple(tlv for tlv in message.tlvs if tlv[0] > 2)),
    }


@_parts.register
def _(message: Termination) -> Described:
    return {
        "type": "termination",
        "reason_code": message.reason,
        "reason": message.reason_text,
        "information": _tlvs(message.tlvs),
    }


@_parts.register
def _(message: PeerUp) -> Described:
    return {
        "type": "peer up",
        "peer": _peer(message.peer),
        "local_address": address_text(message.local_address),
        "local_port": message.local_port,
        "remote_port": message.remote_port,
        "sent_open": _open(message.sent_open),
        "received_open": _open(message.received_open),
        "table_name": message.table_name,
        "information": _tlvs(message.tlvs),
        "error": _text(message.error),
    }


@_parts.register
def _(message: PeerDown) -> Described:
    notification = message.notification
    return {
        "type": "peer down",
        "peer": _peer(message.peer),
        "reason_code": message.reason,
        "reason": message.reason_text,
        "fsm_event": message.fsm_event,
        "notification": notification
        and {
            "code": notification.code,
            "subcode": notification.subcode,
            "data": notification.data.hex(),
        },
        "information": _tlvs(message.tlvs),
        "error": _text(message.error),
    }


@_parts.register
def _(message: StatisticsReport) -> Described:
    stats: list[Described] = []
    for kind, value in message.stats:
        if isinstance(value, tuple):
            stats.append({"type": kind, "family": family_name(value[0]), "value": value[1]})
        else:
            shown = value.hex() if isinstance(value, bytes) else value
            stats.append({"type": kind, "value": shown})
    return {"type": "statistics report", "peer": _peer(message.peer), "stats": stats}


@_parts.register
def _(message: RouteMonitoring) -> Described:
    return {
        "type": "route monitoring",
        "peer": _peer(message.peer),
        **_update(message.update),
        "trailing": message.trailing.hex() or None,
    }


@_parts.register
def _(message: RouteMirroring) -> Described:
    return {
        "type": "route mirroring",
        "peer": _peer(message.peer),
        "information": _tlvs(message.tlvs),
    }


@_parts.register
def _(message: UnknownMessage) -> Described:
    return {"type": type_name(message.type), "body": message.body[:HEX_LIMIT].hex()}


@_parts.register
def _(message: MalformedMessage) -> Described:
    return {
        "type": type_name(message.type),
        "peer": message.peer and _peer(message.peer),
        "error": _text(message.error),
        "frame": message.frame[:HEX_LIMIT].hex(),
    }


def _peer(peer: PeerHeader) -> Described:
    known = peer.peer_type < len(_PEER_TYPES)
    return {
        "type": _PEER_TYPES[peer.peer_type] if known else f"type {peer.peer_type}",
        "view": peer.view.label,
        "flags": [name for bit, name in _FLAGS if peer.flags & bit],
        "distinguisher": peer.distinguisher_text,
        "address": peer.address_text,
        "asn": peer.asn,
        "bgp_id": address_text(peer.bgp_id),
        "timestamp": _time(peer.timestamp_us),
    }


def _time(microseconds: int) -> str | None:
    if not microseconds:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()


def _open(message: Open | None) -> Described | None:
    if message is None:
        return None
    return {
        "version": message.version,
        "asn": message.asn,
        "hold_time": message.hold_time,
        "bgp_id": address_text(message.bgp_id),
        "families": [family_name(family) for family in message.families],
        "add_path": {
            family_name(family): _ADD_PATH.get(mode, mode)
            for family, mode in message.add_path.items()
        },
        "capabilities": [
            {"code": code, "value": value.hex()} for code, value in message.capabilities
        ],
    }


def _update(update: Update) -> Described:
    ended = update.end_of_rib
    return {
        "end_of_rib": None if ended is None else family_name(ended),
        "withdrawn": [_routes(routes) for routes in update.withdrawn],
        "announced": [_announced(routes, update) for routes in update.announced],
        "attributes": update.attributes and attributes_json(update.attributes),
        "errors": [str(error) for error in update.errors],
    }


def _announced(routes: NlriSet, update: Update) -> Described:
    """Attributes of its own only where one UPDATE announces under two next hops."""
    out = _routes(routes)
    if routes.attributes is not None and routes.attributes is not update.attributes:
        out["attributes"] = attributes_json(routes.attributes)
    return out


def _routes(routes: NlriSet) -> Described:
    details = routes.details or [b""] * len(routes.nlri)
    found = [
        describe_nlri(routes.family, nlri, detail)
        for nlri, detail in zip(routes.nlri, details, strict=True)
    ]
    if routes.path_ids is not None:
        found = [
            {"path_id": path_id, **route}
            for path_id, route in zip(routes.path_ids, found, strict=True)
        ]
    return {"family": family_name(routes.family), "routes": found}


def attributes_json(attributes: PathAttributes) -> Described:
    """The attributes that are there, by their RFC names."""
    aggregator = attributes.aggregator
    shown: Described = {
        "origin": attributes.origin_text,
        "as_path": attributes.as_path_json,
        "next_hop": attributes.next_hop and address_text(attributes.next_hop),
        "next_hop_link_local": attributes.next_hop_link_local
        and address_text(attributes.next_hop_link_local),
        "med": attributes.med,
        "local_pref": attributes.local_pref,
        "atomic_aggregate": attributes.atomic_aggregate or None,
        "aggregator": aggregator and {"asn": aggregator[0], "address": address_text(aggregator[1])},
        "communities": attributes.communities_text,
        "large_communities": attributes.large_communities_text,
        "ext_communities": attributes.ext_communities_text,
        "originator_id": attributes.originator_id and address_text(attributes.originator_id),
        "cluster_list": [address_text(cluster) for cluster in attributes.cluster_list],
        "unknown": [
            {"type": kind, "flags": flags, "value": value.hex()}
            for kind, flags, value in attributes.unknown
        ],
    }
    return {
        key: value for key, value in shown.items() if value not in (None, []) or key == "as_path"
    }


def _tlvs(tlvs: tuple[tuple[int, bytes], ...]) -> list[Described]:
    return [{"type": kind, "value": value.hex()} for kind, value in tlvs]


def _text(error: object) -> str | None:
    return None if error is None else str(error)
