"""The BMP messages of RFC 7854 as objects.

Each has `offset`, the place of its first octet in the stream, and `length`, its size with the
common header. `peer` is there where RFC 7854 puts a per-peer header.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, final

from services.ingest.wire.errors import WireError
from services.ingest.wire.native import mypyc_attr
from services.ingest.wire.peer import PeerHeader
from services.ingest.wire.update import Update

if TYPE_CHECKING:
    from services.ingest.wire.bgp_open import Open


class MessageType(IntEnum):
    """RFC 7854 4.1."""

    ROUTE_MONITORING = 0
    STATISTICS_REPORT = 1
    PEER_DOWN = 2
    PEER_UP = 3
    INITIATION = 4
    TERMINATION = 5
    ROUTE_MIRRORING = 6


Tlv = tuple[int, bytes]
"""Information type and value, as they came."""

StatValue = int | tuple[int, int] | bytes
"""A counter or gauge; (family, gauge) where it is for one family; else the octets themselves."""


class Notification(NamedTuple):
    """A BGP NOTIFICATION (RFC 4271 4.5)."""

    code: int
    subcode: int
    data: bytes


@mypyc_attr(acyclic=True)
class Message:
    """What every BMP message has."""

    __slots__ = ("length", "offset")

    def __init__(self) -> None:
        self.offset = 0
        self.length = 0


@final
@mypyc_attr(acyclic=True)
class Initiation(Message):
    __slots__ = ("sys_descr", "sys_name", "tlvs")

    def __init__(self, tlvs: tuple[Tlv, ...], sys_name: str | None, sys_descr: str | None) -> None:
        self.tlvs = tlvs
        self.sys_name = sys_name
        self.sys_descr = sys_descr


@final
@mypyc_attr(acyclic=True)
class Termination(Message):
    __slots__ = ("reason", "reason_text", "tlvs")

    def __init__(self, reason: int | None, reason_text: str, tlvs: tuple[Tlv, ...]) -> None:
        self.reason = reason
        self.reason_text = reason_text
        self.tlvs = tlvs


@final
@mypyc_attr(acyclic=True)
class PeerUp(Message):
    """`error` is set where an OPEN could not be read; the peer is up all the same."""

    __slots__ = (
        "error",
        "local_address",
        "local_port",
        "peer",
        "received_open",
        "remote_port",
        "sent_open",
        "table_name",
        "tlvs",
    )

    def __init__(
        self, peer: PeerHeader, local_address: bytes, local_port: int, remote_port: int
    ) -> None:
        self.peer = peer
        self.local_address = local_address
        self.local_port = local_port
        self.remote_port = remote_port
        self.sent_open: Open | None = None
        self.received_open: Open | None = None
        self.tlvs: tuple[Tlv, ...] = ()
        self.table_name: str | None = None
        self.error: WireError | None = None


@final
@mypyc_attr(acyclic=True)
class PeerDown(Message):
    """`error` is set where the rest of it could not be read; the peer is down all the same."""

    __slots__ = ("error", "fsm_event", "notification", "peer", "reason", "reason_text", "tlvs")

    def __init__(self, peer: PeerHeader, reason: int, reason_text: str) -> None:
        self.peer = peer
        self.reason = reason
        self.reason_text = reason_text
        self.notification: Notification | None = None
        self.fsm_event: int | None = None
        self.tlvs: tuple[Tlv, ...] = ()
        self.error: WireError | None = None


@final
@mypyc_attr(acyclic=True)
class StatisticsReport(Message):
    __slots__ = ("peer", "stats")

    def __init__(self, peer: PeerHeader, stats: list[tuple[int, StatValue]]) -> None:
        self.peer = peer
        self.stats = stats


@final
@mypyc_attr(acyclic=True)
class RouteMonitoring(Message):
    """`trailing` is what follows the BGP UPDATE inside the BMP message."""

    __slots__ = ("peer", "trailing", "update")

    def __init__(self, peer: PeerHeader, update: Update, trailing: bytes) -> None:
        self.peer = peer
        self.update = update
        self.trailing = trailing


@final
@mypyc_attr(acyclic=True)
class RouteMirroring(Message):
    __slots__ = ("peer", "tlvs")

    def __init__(self, peer: PeerHeader, tlvs: tuple[Tlv, ...]) -> None:
        self.peer = peer
        self.tlvs = tlvs


@final
@mypyc_attr(acyclic=True)
class UnknownMessage(Message):
    """A type that RFC 7854 does not define, such as a vendor's own; skipped by its length."""

    __slots__ = ("body", "type")

    def __init__(self, type_: int, body: bytes) -> None:
        self.type = type_
        self.body = body


@final
@mypyc_attr(acyclic=True)
class MalformedMessage(Message):
    """A message of a known type that cannot be trusted; `frame` is all of it."""

    __slots__ = ("error", "frame", "peer", "type")

    def __init__(self, type_: int, error: WireError, frame: bytes, peer: PeerHeader | None) -> None:
        self.type = type_
        self.error = error
        self.frame = frame
        self.peer = peer


AnyMessage = (
    Initiation
    | Termination
    | PeerUp
    | PeerDown
    | StatisticsReport
    | RouteMonitoring
    | RouteMirroring
    | UnknownMessage
    | MalformedMessage
)
