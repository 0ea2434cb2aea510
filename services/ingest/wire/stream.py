"""The decoder of one router's connection: octets in, messages out, no I/O.

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-+-+-+-+
|    Version    |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|                        Message Length                         |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|   Msg. Type   |                                    RFC 7854 4.1
+-+-+-+-+-+-+-+-+
"""

from collections.abc import Iterator, KeysView

from services.ingest.wire.bgp_open import HEADER_SIZE, MARKER, UPDATE, bgp_header
from services.ingest.wire.bodies import (
    read_initiation,
    read_peer_down,
    read_peer_up,
    read_statistics,
    read_termination,
)
from services.ingest.wire.cache import AttributeCache
from services.ingest.wire.context import Counters
from services.ingest.wire.errors import Approach, FramingError, WireError
from services.ingest.wire.messages import (
    AnyMessage,
    MalformedMessage,
    MessageType,
    PeerDown,
    PeerUp,
    RouteMirroring,
    RouteMonitoring,
    StatisticsReport,
    UnknownMessage,
)
from services.ingest.wire.mirroring import MirrorReader
from services.ingest.wire.peer import SIZE as PEER_HEADER
from services.ingest.wire.peer import PeerHeader, PeerKey
from services.ingest.wire.registry import KnownPeer, PeerRegistry
from services.ingest.wire.update import Update, decode_update

VERSION = 3
HEADER = 6
_BODY = HEADER + PEER_HEADER

_ROUTE_MONITORING = int(MessageType.ROUTE_MONITORING)
_WITHOUT_PEER = (MessageType.INITIATION, MessageType.TERMINATION)
_PARTS = {
    0: "route monitoring",
    1: "statistics report",
    2: "peer down",
    3: "peer up",
    4: "initiation",
    5: "termination",
    6: "route mirroring",
}


class StreamDecoder:
    """Decodes one connection; what Peer Ups say is kept from message to message.

    At most `max_message` octets of an incomplete message are held, and `attribute_cache`
    decoded attribute sets. More of them would make a full table no faster, and take memory for
    each of many routers.
    """

    __slots__ = (
        "_attributes",
        "_base",
        "_buffer",
        "_fault",
        "_max_message",
        "_pending",
        "_position",
        "_registry",
        "counters",
    )

    def __init__(self, max_message: int = 1_048_576, attribute_cache: int = 16_384) -> None:
        self._max_message = max_message
        self._attributes = AttributeCache(attribute_cache)
        self.counters = Counters()
        self._registry = PeerRegistry(self.counters)
        self._buffer = b""
        self._position = 0
        self._base = 0
        self._pending = bytearray()
        self._fault: FramingError | None = None

    @property
    def peers(self) -> KeysView[PeerKey]:
        """The peers that are up."""
        return self._registry.up.keys()

    @property
    def offset(self) -> int:
        """How many octets of the stream have been decoded into messages."""
        return self._base + self._position

    @property
    def cached_attributes(self) -> int:
        """How many decoded attribute sets are held."""
        return len(self._attributes)

    def octets_of(self, message: AnyMessage) -> bytes:
        """The octets of the message that was taken last."""
        start = message.offset - self._base
        return self._buffer[start : start + message.length]

    def feed(self, data: bytes) -> Iterator[AnyMessage]:
        """The messages that `data` completes, decoded as they are taken.

        Whatever is left untaken comes first the next time. Raises FramingError, after the
        messages before it, where the stream cannot be followed; so does every later call.
        """
        self._pending += data
        return self._messages()

    def close(self) -> WireError | None:
        """The error of a stream that ends here: None where it ends between two messages."""
        left = len(self._buffer) - self._position + len(self._pending)
        if self._fault is not None or not left:
            return self._fault
        reason = f"the stream ends inside a message, after {left} octets of it"
        return WireError(reason, self.offset, (), "RFC 7854 4.1")

    def _messages(self) -> Iterator[AnyMessage]:
        while True:
            buf, start = self._buffer, self._position
            if len(buf) - start < HEADER or len(buf) - start < self._length(buf, start):
                if not self._refill():
                    return
                continue
            end = start + int.from_bytes(buf[start + 1 : start + 5], "big")
            self._position = end
            message = self._decode(buf, start, end)
            message.offset = self._base + start
            message.length = end - start
            yield message

    def _refill(self) -> bool:
        """Take over what was fed once it can complete a message; False where it cannot."""
        rest = self._buffer[self._position :]
        self._base += self._position
        self._position = 0
        self._buffer = rest
        pending = self._pending
        if len(rest) + len(pending) < HEADER:
            return False
        head = rest[:HEADER] + pending[: HEADER - len(rest[:HEADER])]
        if len(rest) + len(pending) < self._length(head, 0):
            return False
        self._buffer = rest + bytes(pending)
        pending.clear()
        return True

    def _length(self, buf: bytes | bytearray, start: int) -> int:
        """The length of the message whose common header starts at `start`, checked."""
        if self._fault is not None:
            raise self._fault
        length = int.from_bytes(buf[start + 1 : start + 5], "big")
        reason = ""
        if buf[start] != VERSION:
            reason = (
                f"BMP version {buf[start]} is not spoken here; "
                f"configure version {VERSION} (RFC 7854) on the router"
            )
        elif length < HEADER:
            reason = f"BMP message length {length} is below {HEADER}; the router must reconnect"
        elif length > self._max_message:
            reason = (
                f"BMP message length {length} is above {self._max_message}; "
                "check that the router sends BMP and nothing else to this port"
            )
        if reason:
            offset = self._base + (start if buf is self._buffer else 0)
            self._fault = FramingError(reason, offset, (), "RFC 7854 4.1")
            raise self._fault
        return length

    def _decode(self, buf: bytes, start: int, end: int) -> AnyMessage:
        kind = buf[start + 5]
        if kind not in _PARTS:
            return UnknownMessage(kind, buf[start + HEADER : end])
        try:
            return self._read(kind, buf, start, end)
        except WireError as error:
            known = end - start >= _BODY and kind not in _WITHOUT_PEER
            peer = self._registry.find(buf, start + HEADER).header if known else None
            return MalformedMessage(kind, error.within(_PARTS[kind], -start), buf[start:end], peer)

    def _read(self, kind: int, buf: bytes, start: int, end: int) -> AnyMessage:
        if kind == MessageType.INITIATION:
            return read_initiation(buf, start + HEADER, end)
        if kind == MessageType.TERMINATION:
            return read_termination(buf, start + HEADER, end)
        if end - start < _BODY:
            reason = "per-peer header runs past the message"
            raise WireError(reason, start + HEADER, (), "RFC 7854 4.2")
        known = self._registry.find(buf, start + HEADER)
        if kind == _ROUTE_MONITORING:
            return self._route_monitoring(buf, start + _BODY, end, known)
        if kind == MessageType.ROUTE_MIRRORING:
            return self._route_mirroring(buf, start, end, known.header)
        return self._with_peer(kind, buf, start + _BODY, end, known.header)

    def _route_monitoring(
        self, buf: bytes, pos: int, end: int, known: KnownPeer
    ) -> RouteMonitoring:
        kind, after = bgp_header(buf, pos, end)
        if kind != UPDATE:
            raise WireError(f"BGP type {kind} is no UPDATE", pos + 18, (), "RFC 7854 4.6")
        try:
            update = decode_update(
                buf, pos + HEADER_SIZE, after, known.view, known.as_octets, self._attributes
            )
        except WireError as error:
            raise error.within("update").handled_by(Approach.SESSION_RESET) from None
        start = pos - _BODY
        if update.errors:
            update.errors = [
                error.within("update", -start).within(_PARTS[0]) for error in update.errors
            ]
        if after < end and buf.startswith(MARKER, after):
            reason = "another BGP message follows the UPDATE and is not read"
            update.errors.append(WireError(reason, after - start, (_PARTS[0],), "RFC 7854 4.6"))
        return RouteMonitoring(known.header, update, buf[after:end])

    def _route_mirroring(
        self, buf: bytes, start: int, end: int, peer: PeerHeader
    ) -> RouteMirroring:
        view = self._registry.mirror(peer.key)
        message = MirrorReader(buf, peer, view, self._attributes).read(start + _BODY, end)
        for one in message.mirrored:
            if one.error is not None:
                one.error = one.error.within(_PARTS[6], -start)
            if isinstance(one.message, Update):
                one.message.errors = [
                    error.within("update", -start).within(_PARTS[6]) for error in one.message.errors
                ]
        return message

    def _with_peer(self, kind: int, buf: bytes, pos: int, end: int, peer: PeerHeader) -> AnyMessage:
        start = pos - _BODY
        message: PeerUp | PeerDown | StatisticsReport
        if kind == MessageType.STATISTICS_REPORT:
            message = read_statistics(buf, pos, end, peer)
        elif kind == MessageType.PEER_UP:
            message = read_peer_up(buf, pos, end, peer)
            self._registry.opened(message)
        else:
            message = read_peer_down(buf, pos, end, peer)
            self._registry.closed(peer.key)
        if message.error is not None:
            message.error = message.error.within(_PARTS[kind], -start)
        return message
