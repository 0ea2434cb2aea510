"""The BMP messages of RFC 7854 as objects.

Each has `offset`, the place of its first octet in the stream, and `length`, its size with the
common header. `peer` is there where RFC 7854 puts a per-peer header.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, final

from services.ingest.wire.errors import WireError
from services.ingest.wire.native import mypyc_attr
from services.ingest.wire.peer import PeerHeader
from services.ingest.wire.statistics import StatValue
from services.ingest.wire.text import free_text
from services.ingest.wire.update import Update

if TYPE_CHECKING:
    from services.ingest.wire.bgp_open import Open
    from services.ingest.wire.notification import Notification


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

_STRING = 0  # RFC 7854 4.4, RFC 9736 3
_ADMIN_LABEL = 4  # RFC 9736 3.3

_SYSTEM_THAT_CLOSED = {1: "local", 2: "local", 3: "remote", 4: "remote", 6: "local"}


class RefreshRequest(NamedTuple):
    """A ROUTE-REFRESH (RFC 2918): its family, and the subtype of RFC 7313 3.2."""

    family: int
    subtype: int


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

    @property
    def strings(self) -> list[str]:
        """Free-form strings, in the order in which they came."""
        return _texts(self.tlvs, _STRING)


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

    @property
    def strings(self) -> list[str]:
        """Free-form strings, in the order in which they came."""
        return _texts(self.tlvs, _STRING)

    @property
    def admin_labels(self) -> list[str]:
        return _texts(self.tlvs, _ADMIN_LABEL)


@final
@mypyc_attr(acyclic=True)
class PeerDown(Message):
    """`error` is set where the rest of it could not be read; the peer is down all the same."""

    __slots__ = (
        "error",
        "fsm_event",
        "notification",
        "peer",
        "reason",
        "reason_text",
        "table_name",
        "tlvs",
    )

    def __init__(self, peer: PeerHeader, reason: int, reason_text: str) -> None:
        self.peer = peer
        self.reason = reason
        self.reason_text = reason_text
        self.notification: Notification | None = None
        self.fsm_event: int | None = None
        self.tlvs: tuple[Tlv, ...] = ()
        self.table_name: str | None = None
        self.error: WireError | None = None

    @property
    def closed_by(self) -> str | None:
        """`local` is the router, `remote` its peer; None where the reason does not say."""
        return _SYSTEM_THAT_CLOSED.get(self.reason)


@final
@mypyc_attr(acyclic=True)
class StatisticsReport(Message):
    """`error` is set where there are fewer statistics than the message says."""

    __slots__ = ("error", "peer", "stats")

    def __init__(self, peer: PeerHeader, stats: list[tuple[int, StatValue]]) -> None:
        self.peer = peer
        self.stats = stats
        self.error: WireError | None = None


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
class Mirrored:
    """One mirrored BGP message (RFC 7854 4.7).

    `type` is that of its header, `message` what it says; both are None where the router says
    that the PDU is errored or `error` tells why it cannot be read. A KEEPALIVE says nothing.
    """

    __slots__ = ("error", "message", "octets", "type")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.type: int | None = None
        self.message: Open | Update | Notification | RefreshRequest | None = None
        self.error: WireError | None = None


@final
@mypyc_attr(acyclic=True)
class RouteMirroring(Message):
    """`information` has the codes of RFC 7854 4.7: 0 errored PDU, 1 messages lost."""

    __slots__ = ("information", "mirrored", "peer", "tlvs")

    def __init__(self, peer: PeerHeader, tlvs: tuple[Tlv, ...]) -> None:
        self.peer = peer
        self.tlvs = tlvs
        self.information: tuple[int, ...] = ()
        self.mirrored: tuple[Mirrored, ...] = ()


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


def _texts(tlvs: tuple[Tlv, ...], wanted: int) -> list[str]:
    return [free_text(value) for kind, value in tlvs if kind == wanted]


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
