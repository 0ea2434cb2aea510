"""One direction of a TCP connection: segments in any order in, the octets in order out."""

from __future__ import annotations

import heapq

_SPACE = 1 << 32
_WAITING_OCTETS = 1 << 24
"""What may wait for a segment that is missing: more than any receive window leaves on the way."""


class Flow:
    """Reassembles by sequence number; of octets that come twice the first are taken.

    `delivered` counts the octets given out. Where a segment is missing in the capture, what
    follows is held back: BMP cannot be read on from the middle of a message.
    """

    __slots__ = ("_next", "_uncounted", "_waiting", "_waiting_octets", "delivered", "missing")

    def __init__(self) -> None:
        self._next: int | None = None
        self._uncounted: int | None = None
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_octets = 0
        self.delivered = 0
        self.missing = 0
        """Octets known to be missing after those delivered, 0 as long as none are."""

    def open(self, sequence: int, data: bytes) -> bytes:
        """The octets in the SYN, which counts as one itself (RFC 9293 3.4).

        Captures that were written by a script have the first octets of a connection in its SYN
        and do not count it: what follows them tells.
        """
        out = self.add((sequence + 1) % _SPACE, data)
        self._uncounted = (sequence + len(data)) % _SPACE if data else None
        return out

    def add(self, sequence: int, data: bytes) -> bytes:
        """The octets that are next in order now that this segment is here."""
        if self._next is None or (sequence == self._uncounted and data):
            self._next = sequence
            self._uncounted = None
        distance = (sequence - self._next) % _SPACE
        if distance >= _SPACE // 2:
            distance -= _SPACE
        if data and not self.missing and distance + len(data) > 0:
            heapq.heappush(self._waiting, (self.delivered + distance, data))
            self._waiting_octets += len(data)
        out = self._in_order()
        if self._waiting_octets > _WAITING_OCTETS:
            self.end()
        return out

    def end(self) -> int:
        """Nothing more will come; how many octets are missing before what still waits."""
        if self._waiting:
            self.missing = self._waiting[0][0] - self.delivered
            self._waiting = []
            self._waiting_octets = 0
        return self.missing

    def _in_order(self) -> bytes:
        parts: list[bytes] = []
        delivered = self.delivered
        while self._waiting and self._waiting[0][0] <= delivered:
            start, data = heapq.heappop(self._waiting)
            self._waiting_octets -= len(data)
            fresh = data[delivered - start :]
            parts.append(fresh)
            delivered += len(fresh)
        if self._next is not None:
            self._next = (self._next + delivered - self.delivered) % _SPACE
        self.delivered = delivered
        return b"".join(parts)
