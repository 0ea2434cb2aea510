"""The BGP messages that a Route Mirroring message carries (RFC 7854 4.7).

A router mirrors what it could not use as well as what it could. So nothing here raises: what
cannot be read stays octets, with the error beside it.
"""

from typing import final

from services.ingest.wire.bgp_open import (
    HEADER_SIZE,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    ROUTE_REFRESH,
    UPDATE,
    Open,
    bgp_header,
    decode_open,
    read_notification,
)
from services.ingest.wire.cache import AttributeCache
from services.ingest.wire.codes import BGP_MESSAGES
from services.ingest.wire.context import ViewContext
from services.ingest.wire.errors import Approach, WireError
from services.ingest.wire.messages import Mirrored, RefreshRequest, RouteMirroring
from services.ingest.wire.notification import Notification
from services.ingest.wire.peer import PeerHeader
from services.ingest.wire.tlvs import Element, elements
from services.ingest.wire.update import Update, decode_update

_BGP_MESSAGE = 0
_INFORMATION = 1
_ERRORED_PDU = 0


@final
class MirrorReader:
    """Reads mirrored messages of one peer; an UPDATE as that peer's pre-policy view is read."""

    __slots__ = ("_buf", "_cache", "_peer", "_view")

    def __init__(
        self, buf: bytes, peer: PeerHeader, view: ViewContext, cache: AttributeCache
    ) -> None:
        self._buf = buf
        self._peer = peer
        self._view = view
        self._cache = cache

    def read(self, pos: int, end: int) -> RouteMirroring:
        """Raises WireError only where the TLVs themselves do not fit the message."""
        buf = self._buf
        found = elements(buf, pos, end, 2, 2, "RFC 7854 4.7")
        out = RouteMirroring(self._peer, tuple((t.kind, buf[t.pos : t.end]) for t in found))
        out.information = tuple(
            buf[t.pos] << 8 | buf[t.pos + 1]
            for t in found
            if t.kind == _INFORMATION and t.end - t.pos == 2
        )
        errored = _ERRORED_PDU in out.information
        out.mirrored = tuple(
            self._mirrored(t, errored=errored) for t in found if t.kind == _BGP_MESSAGE
        )
        return out

    def _mirrored(self, tlv: Element, *, errored: bool) -> Mirrored:
        """What the router says is errored is not read at all."""
        out = Mirrored(self._buf[tlv.pos : tlv.end])
        if errored:
            return out
        try:
            out.type, after = bgp_header(self._buf, tlv.pos, tlv.end)
            out.message = self._message(out.type, tlv.pos + HEADER_SIZE, after)
        except WireError as error:
            part = BGP_MESSAGES.get(out.type) if out.type is not None else None
            out.error = error.within(part or "bgp message")
            if out.type == UPDATE:
                out.error = out.error.handled_by(Approach.SESSION_RESET)
        return out

    def _message(
        self, kind: int, pos: int, end: int
    ) -> Open | Update | Notification | RefreshRequest | None:
        if kind == OPEN:
            return decode_open(self._buf, pos, end)
        if kind == UPDATE:
            width = self._peer.as_octets
            return decode_update(self._buf, pos, end, self._view, width, self._cache)
        if kind == NOTIFICATION:
            return read_notification(self._buf, pos, end)
        if kind == ROUTE_REFRESH:
            return _read_refresh(self._buf, pos, end)
        if kind != KEEPALIVE:
            raise WireError(f"BGP type {kind} is unknown", pos - 1, (), "RFC 4271 6.1")
        return None


def _read_refresh(buf: bytes, pos: int, end: int) -> RefreshRequest:
    """AFI, subtype, SAFI (RFC 2918 3, RFC 7313 3.2); RFC 5291 filters may follow."""
    if end - pos < 4:
        raise WireError("ROUTE-REFRESH is shorter than 23 octets", pos, (), "RFC 7313 5")
    family = buf[pos] << 16 | buf[pos + 1] << 8 | buf[pos + 3]
    return RefreshRequest(family, buf[pos + 2])
