"""Origin validation of BGP routes (RFC 6811) against a table of VRPs.

A family's addresses are cut into pieces where the prefix of a VRP begins or ends. Each piece knows
the longest of these prefixes that holds it, and each prefix the next longer one around it. A VRP
covers a route if it holds the route's first address and is not longer than the route (RFC 6811 2),
so that a look-up is one search among the sorted pieces and a few steps outwards. All of it is in
arrays of numbers: 600,000 VRPs take about 20 MB, and come as they are from the process that reads
them.
"""

from __future__ import annotations

import socket
from array import array
from bisect import bisect_left, bisect_right
from typing import Literal

RpkiState = Literal["valid", "invalid", "not_found"]

NEVER = 2**32 - 1
"""When a VRP ends that does not say it."""

_LOW = 2**64 - 1


Vrp = tuple[int, int, int]
"""The AS that may announce a prefix, down to which length (RFC 6811 2), and when that ends.

Seconds of Unix time; the VRP counts before them.
"""

Vrps = dict[int, list[Vrp]]
"""The VRPs of a family by their prefix: its first address << 8 | its length."""


def read_prefix(text: str) -> tuple[bool, int, int]:
    """Whether it is IPv6, its first address as a number, and its length; else ValueError."""
    address, _, length = text.partition("/")
    is_v6 = ":" in address
    try:
        first = socket.inet_pton(socket.AF_INET6 if is_v6 else socket.AF_INET, address)
    except OSError:
        raise ValueError(f"{text!r} is no prefix") from None
    return is_v6, int.from_bytes(first, "big"), int(length)


class VrpTable:
    """The VRPs of both families."""

    __slots__ = ("_v4", "_v6")

    def __init__(self, v4: Vrps, v6: Vrps) -> None:
        self._v4 = _Family(v4, 32)
        self._v6 = _Family(v6, 128)

    def __len__(self) -> int:
        return len(self._v4) + len(self._v6)

    def state(self, prefix: str, origin: int | None, now: float) -> RpkiState:
        """What RFC 6811 2.1 says of a route to this prefix at this time (Unix seconds).

        `origin` None is the RFC's `NONE`: the path ends in an AS_SET, and no VRP matches it.
        """
        is_v6, first, length = read_prefix(prefix)
        return (self._v6 if is_v6 else self._v4).state(first, length, origin, now)


class _Family:
    """Piece n begins at `_high[n] << 64 | _low[n]` (IPv4: `_low[n]`), in prefix `_inside[n]`.

    Prefix 0 is none at all. Prefix n has `_lengths[n]` and the VRPs from `_ends[n - 1]` to
    `_ends[n]`, and around it is prefix `_around[n]`.
    """

    __slots__ = (
        *("_width", "_high", "_low", "_inside"),
        *("_around", "_lengths", "_ends", "_asns", "_longest", "_expires"),
    )

    def __init__(self, vrps: Vrps, width: int) -> None:
        self._width = width
        self._high, self._low = array("Q"), array("Q" if width > 32 else "I")
        self._inside = array("I")
        self._around, self._lengths, self._ends = array("I", [0]), bytearray(1), array("I", [0])
        self._asns, self._longest, self._expires = array("I"), bytearray(), array("I")
        self._cut(vrps)

    def __len__(self) -> int:
        return len(self._asns)

    def state(self, first: int, length: int, origin: int | None, now: float) -> RpkiState:
        lengths, ends, around = self._lengths, self._ends, self._around
        asns, longest, expires = self._asns, self._longest, self._expires
        # RFC 6811 2: a VRP of AS 0 (RFC 6483 4) matches nothing, so that a route from AS 0 (RFC
        # 7607) is never valid.
        wanted = origin or -1
        covered = False
        prefix = self._inside[self._piece(first)]
        while prefix:
            if lengths[prefix] <= length:
                at, end = ends[prefix - 1], ends[prefix]
                while at < end:
                    if asns[at] == wanted and length <= longest[at] and expires[at] > now:
                        return "valid"
                    covered = covered or expires[at] > now
                    at += 1
            prefix = around[prefix]
        return "invalid" if covered else "not_found"

    def _piece(self, first: int) -> int:
        if self._width == 32:
            return bisect_right(self._low, first) - 1
        high, low = first >> 64, first & _LOW
        at = bisect_right(self._high, high)
        if self._high[at - 1] != high or self._low[at - 1] <= low:
            return at - 1
        # Several pieces have the upper half in common, since a VRP is longer than /64.
        return bisect_right(self._low, low, bisect_left(self._high, high, 0, at), at) - 1

    def _cut(self, vrps: Vrps) -> None:
        """Walks the prefixes from left to right, an outer one before those inside it."""
        everything = 2**self._width
        self._begin(0, 0)
        open_ = [(everything, 0)]  # the prefixes that are not over yet: end and number
        for key in sorted(vrps):
            first, length = key >> 8, key & 0xFF
            self._close(open_, first)
            prefix = self._add(length, open_[-1][1], vrps[key])
            open_.append((first + (everything >> length), prefix))
            self._begin(first, prefix)
        self._close(open_, everything - 1)

    def _close(self, open_: list[tuple[int, int]], first: int) -> None:
        while open_[-1][0] <= first:
            end = open_.pop()[0]
            self._begin(end, open_[-1][1])

    def _add(self, length: int, around: int, vrps: list[Vrp]) -> int:
        for asn, max_length, expires in vrps if len(vrps) == 1 else set(vrps):
            self._asns.append(asn)
            self._longest.append(max_length)
            self._expires.append(expires)
        self._around.append(around)
        self._lengths.append(length)
        self._ends.append(len(self._asns))
        return len(self._lengths) - 1

    def _begin(self, address: int, prefix: int) -> None:
        """A piece; what began at the same address before is nothing then."""
        high, low = address >> 64, address & _LOW
        is_v6 = self._width > 32
        if self._low and self._low[-1] == low and (not is_v6 or self._high[-1] == high):
            self._inside[-1] = prefix
            return
        self._low.append(low)
        self._inside.append(prefix)
        if is_v6:
            self._high.append(high)
