"""The peers of one router: their headers, decoded once, and how their UPDATEs are read."""

from typing import TypeVar

from services.ingest.wire.context import Counters, ViewContext
from services.ingest.wire.messages import PeerUp
from services.ingest.wire.peer import (
    IDENTITY_SIZE,
    PeerHeader,
    PeerKey,
    RibView,
    decode_peer_header,
)

_MIRROR = len(RibView)

K = TypeVar("K")
V = TypeVar("V")

MAX_PEERS = 16_384
"""Beyond it the peer seen first is forgotten: a router that invents peers costs no memory."""


class KnownPeer:
    """One form of a per-peer header: its fields, and the view that its routes belong to."""

    __slots__ = ("as_octets", "header", "stamp", "view")

    def __init__(self, header: PeerHeader, stamp: bytes, view: ViewContext) -> None:
        self.header = header
        self.stamp = stamp
        self.view = view
        self.as_octets = header.as_octets


class PeerRegistry:
    """Every peer that a Peer Up or a route has named."""

    __slots__ = ("_counters", "_known", "_views", "up")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._known: dict[bytes, KnownPeer] = {}
        self._views: dict[PeerKey, tuple[ViewContext, ...]] = {}
        self.up: dict[PeerKey, None] = {}

    def find(self, buf: bytes, pos: int) -> KnownPeer:
        """The peer whose header starts at `pos`; messages of one instant share the header."""
        raw = buf[pos : pos + IDENTITY_SIZE]
        stamp = buf[pos + IDENTITY_SIZE : pos + IDENTITY_SIZE + 8]
        known = self._known.get(raw)
        if known is None:
            header = decode_peer_header(buf, pos)
            known = KnownPeer(header, stamp, self._of(header.key)[header.view])
            _put(self._known, raw, known)
        elif known.stamp != stamp:
            known.stamp = stamp
            known.header = decode_peer_header(buf, pos)
        return known

    def opened(self, message: PeerUp) -> None:
        """A Peer Up is for all views of the peer: routers send one, or one for each."""
        key = message.peer.key
        self.up.pop(key, None)
        _put(self.up, key, None)
        for view in self._of(key):
            view.opened(message.sent_open, message.received_open)

    def closed(self, key: PeerKey) -> None:
        self.up.pop(key, None)
        for view in self._of(key):
            view.closed()

    def mirror(self, key: PeerKey) -> ViewContext:
        """How mirrored messages are read: as the peer sent them, apart from every RIB view."""
        return self._of(key)[_MIRROR]

    def _of(self, key: PeerKey) -> tuple[ViewContext, ...]:
        """The views of a peer, in the order of RibView, then its mirror."""
        views = self._views.get(key)
        if views is None:
            kinds = (*RibView, RibView.ADJ_RIB_IN_PRE)
            views = tuple(ViewContext(view, self._counters) for view in kinds)
            if _put(self._views, key, views):
                self._known.clear()  # its headers may name the views that went
        return views


def _put(table: dict[K, V], key: K, value: V) -> bool:
    """Whether the oldest entry had to make room."""
    full = len(table) >= MAX_PEERS
    if full:
        del table[next(iter(table))]
    table[key] = value
    return full
