"""The per-peer header (RFC 7854 4.2, RFC 8671 4, RFC 9069 4).

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|   Peer Type   |  Peer Flags   |        Peer Distinguisher (8) |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|             Peer Address (16, an IPv4 address in the last 4)  |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|          Peer AS (4)          |       Peer BGP ID (4)         |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|     Timestamp, seconds (4)    |  Timestamp, microseconds (4)  |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from enum import IntEnum
from struct import Struct
from typing import final

from services.ingest.wire.native import mypyc_attr
from services.ingest.wire.text import address_text, route_distinguisher_text

SIZE = 42
IDENTITY_SIZE = 34
"""The part before the timestamp: the same for every message of one peer and view."""

LOC_RIB_PEER = 3

FLAG_V = 0x80  # IPv6 address; on a Loc-RIB peer the F flag: the view is filtered
FLAG_L = 0x40  # post-policy
FLAG_A = 0x20  # AS_PATH in the legacy 2-octet form
FLAG_O = 0x10  # Adj-RIB-Out (RFC 8671)

_FLAG_NAMES = ((FLAG_V, "V"), (FLAG_L, "L"), (FLAG_A, "A"), (FLAG_O, "O"))

_FIELDS = Struct(">BB8s16sI4sII")

PeerKey = tuple[int, bytes, bytes]
"""(peer type, distinguisher, address): what names a peer of one router."""


class RibView(IntEnum):
    """Which of the peer's tables a route was seen in."""

    ADJ_RIB_IN_PRE = 0
    ADJ_RIB_IN_POST = 1
    ADJ_RIB_OUT_PRE = 2
    ADJ_RIB_OUT_POST = 3
    LOC_RIB = 4

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_out(self) -> bool:
        return self in (RibView.ADJ_RIB_OUT_PRE, RibView.ADJ_RIB_OUT_POST)


_LABELS = ("adj_in_pre", "adj_in_post", "adj_out_pre", "adj_out_post", "loc_rib")
_VIEWS = (
    RibView.ADJ_RIB_IN_PRE,
    RibView.ADJ_RIB_IN_POST,
    RibView.ADJ_RIB_OUT_PRE,
    RibView.ADJ_RIB_OUT_POST,
)


@final
@mypyc_attr(acyclic=True)
class PeerHeader:
    """One decoded per-peer header.

    `address` has 4 octets when the V flag is clear, 16 when it is set, 4 zero octets for a
    Loc-RIB peer. `timestamp_us` is microseconds since the epoch as the router says them, 0 when
    it says none. `view` and `key` leave out every flag that does not select the view: routers
    vary the others on one peer.
    """

    __slots__ = (
        "address",
        "asn",
        "bgp_id",
        "distinguisher",
        "flags",
        "key",
        "peer_type",
        "timestamp_us",
        "view",
    )

    def __init__(
        self,
        peer_type: int,
        flags: int,
        distinguisher: bytes,
        address: bytes,
        asn: int,
        bgp_id: bytes,
        *,
        timestamp_us: int,
    ) -> None:
        self.peer_type = peer_type
        self.flags = flags
        self.distinguisher = distinguisher
        self.address = address
        self.asn = asn
        self.bgp_id = bgp_id
        self.timestamp_us = timestamp_us
        self.key: PeerKey = (peer_type, distinguisher, address)
        if peer_type == LOC_RIB_PEER:
            self.view = RibView.LOC_RIB
        else:
            self.view = _VIEWS[(flags & FLAG_O) >> 3 | (flags & FLAG_L) >> 6]

    @property
    def address_text(self) -> str:
        return address_text(self.address)

    @property
    def distinguisher_text(self) -> str:
        return route_distinguisher_text(self.distinguisher)

    @property
    def is_filtered(self) -> bool:
        """The F flag: the Loc-RIB is shown in part (RFC 9069 4.2)."""
        return self.peer_type == LOC_RIB_PEER and bool(self.flags & FLAG_V)

    @property
    def flag_names(self) -> list[str]:
        """The letters of the flags that are set and that this type of peer has."""
        if self.peer_type == LOC_RIB_PEER:
            return ["F"] if self.is_filtered else []
        return [name for bit, name in _FLAG_NAMES if self.flags & bit]

    @property
    def as_octets(self) -> int:
        """Octets of an AS number in this peer's AS_PATH, 2 or 4, as the header says.

        A Loc-RIB peer has no A flag; RFC 9069 5.4.1 makes 4-octet AS numbers a must there.
        """
        return 2 if self.flags & FLAG_A and self.peer_type != LOC_RIB_PEER else 4


def decode_peer_header(buf: bytes, pos: int) -> PeerHeader:
    """The 42 octets at `pos`; the caller has checked that they are there."""
    peer_type, flags, distinguisher, address, asn, bgp_id, seconds, micros = _FIELDS.unpack_from(
        buf, pos
    )
    if peer_type == LOC_RIB_PEER:
        address = bytes(4)  # RFC 9069 5.1: zero-filled
    elif not flags & FLAG_V:
        address = address[12:]
    timestamp_us = seconds * 1_000_000 + micros
    return PeerHeader(
        peer_type, flags, distinguisher, address, asn, bgp_id, timestamp_us=timestamp_us
    )
