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
    Notification,
    Open,
    PeerDown,
    PeerUp,
    RouteMirroring,
    RouteMonitoring,
    StatisticsReport,
    Termination,
    UnknownMessage,
    Update,
    codes,
    describe_nlri,
    family_name,
)
from services.ingest.wire.notification import describe_notification
from services.ingest.wire.readable import (
    describe_attributes,
    describe_error,
    describe_open,
    describe_statistic,
    describe_tlvs,
)
from services.ingest.wire.text import address_text

if TYPE_CHECKING:
    from services.ingest.wire import NlriSet, PeerHeader, WireError
    from services.ingest.wire.messages import Mirrored, Tlv

Described = dict[str, object]

HEX_LIMIT = 256
"""Octets of a malformed or unknown message that are shown."""

_CODE = {1: 2}  # a reason or a mirroring code (RFC 7854 4.5, 4.7)
_PEER_TYPES = ("global instance", "rd instance", "local instance", "loc-rib instance")


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
        "strings": message.strings,
        "information": _unshown(codes.INITIATION_TLVS, message.tlvs),
    }


@_parts.register
def _(message: Termination) -> Described:
    return {
        "type": "termination",
        "reason_code": message.reason,
        "reason": message.reason_text,
        "information": _unshown(codes.TERMINATION_TLVS, message.tlvs, _CODE),
    }


@_parts.register
def _(message: PeerUp) -> Described:
    return {
        "type": "peer up",
        "peer": _peer(message.peer),
        "local_address": address_text(message.local_address),
        "local_port": message.local_port,
        "remote_port": message.remote_port,
        "sent_open": message.sent_open and describe_open(message.sent_open),
        "received_open": message.received_open and describe_open(message.received_open),
        "table_name": message.table_name,
        "admin_labels": message.admin_labels,
        "strings": message.strings,
        "information": _unshown(codes.PEER_UP_TLVS, message.tlvs),
        "error": _error(message.error),
    }


@_parts.register
def _(message: PeerDown) -> Described:
    event = message.fsm_event
    return {
        "type": "peer down",
        "peer": _peer(message.peer),
        "reason_code": message.reason,
        "reason": message.reason_text,
        "closed_by": message.closed_by,
        "fsm_event": event,
        "fsm_event_name": None if event is None else codes.fsm_event_name(event),
        "notification": message.notification and describe_notification(message.notification),
        "table_name": message.table_name,
        "information": _unshown(codes.PEER_UP_TLVS, message.tlvs),
        "error": _error(message.error),
    }


@_parts.register
def _(message: StatisticsReport) -> Described:
    return {
        "type": "statistics report",
        "peer": _peer(message.peer),
        "stats": [describe_statistic(kind, value) for kind, value in message.stats],
        "error": _error(message.error),
    }


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
        "information": [codes.mirroring_information_name(code) for code in message.information],
        "messages": [_mirrored(one) for one in message.mirrored],
        "tlvs": _unshown(codes.MIRRORING_TLVS, message.tlvs, _CODE),
    }


def _mirrored(one: Mirrored) -> Described:
    """What the message says; its octets too where nothing could be read."""
    kind, message = one.type, one.message
    out: Described = {}
    if kind is not None:
        out["type"] = codes.BGP_MESSAGES.get(kind) or f"type {kind}"
    if isinstance(message, Open):
        out.update(describe_open(message))
    elif isinstance(message, Update):
        out.update({key: value for key, value in _update(message).items() if value})
    elif isinstance(message, Notification):
        out.update(describe_notification(message))
    elif message is not None:
        out.update(family=family_name(message.family), subtype=message.subtype)
        if message.subtype in codes.REFRESH_SUBTYPES:
            out["subtype_name"] = codes.REFRESH_SUBTYPES[message.subtype]
    elif kind is None or one.error is not None:
        out["octets"] = one.octets.hex()
    if one.error is not None:
        out["error"] = describe_error(one.error)
    return out


@_parts.register
def _(message: UnknownMessage) -> Described:
    return {"type": type_name(message.type), "body": message.body[:HEX_LIMIT].hex()}


@_parts.register
def _(message: MalformedMessage) -> Described:
    return {
        "type": type_name(message.type),
        "peer": message.peer and _peer(message.peer),
        "error": _error(message.error),
        "frame": message.frame[:HEX_LIMIT].hex(),
    }


def _peer(peer: PeerHeader) -> Described:
    known = peer.peer_type < len(_PEER_TYPES)
    return {
        "type": _PEER_TYPES[peer.peer_type] if known else f"type {peer.peer_type}",
        "view": peer.view.label,
        "flags": peer.flag_names,
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


def _update(update: Update) -> Described:
    ended = update.end_of_rib
    return {
        "end_of_rib": None if ended is None else family_name(ended),
        "withdrawn": [_routes(routes) for routes in update.withdrawn],
        "announced": [_announced(routes, update) for routes in update.announced],
        "attributes": update.attributes and describe_attributes(update.attributes),
        "errors": [describe_error(error) for error in update.errors],
    }


def _announced(routes: NlriSet, update: Update) -> Described:
    """Attributes of its own only where one UPDATE announces under two next hops."""
    out = _routes(routes)
    if routes.attributes is not None and routes.attributes is not update.attributes:
        out["attributes"] = describe_attributes(routes.attributes)
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


def _unshown(
    names: dict[int, str], tlvs: tuple[Tlv, ...], sizes: dict[int, int] | None = None
) -> list[Described]:
    """The TLVs that have no key of their own: of a type that the registry does not have, or not
    of the octets that `sizes` has for their type.
    """
    unread = (
        tlv
        for tlv in tlvs
        if tlv[0] not in names or len(tlv[1]) != (sizes or {}).get(tlv[0], len(tlv[1]))
    )
    return describe_tlvs(names, tuple(unread))


def _error(error: WireError | None) -> Described | None:
    return None if error is None else describe_error(error)
