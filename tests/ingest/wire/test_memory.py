"""What one router can make the decoder remember, whatever it sends and for however long."""

from __future__ import annotations

import struct
import tracemalloc
from typing import TYPE_CHECKING

from services.ingest.wire import StreamDecoder
from services.ingest.wire.cache import MAX_OCTETS
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import messages

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMUNITIES = 15_000


def remembered(stream: Iterable[bytes]) -> int:
    """Octets that a decoder holds once it has decoded the messages."""
    decoder = StreamDecoder()
    tracemalloc.start()
    try:
        for octets in stream:
            messages(octets, decoder=decoder)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_sets_of_many_attributes_are_kept_in_smaller_numbers() -> None:
    decoder = StreamDecoder()
    for number in range(2 * MAX_OCTETS // (4 * COMMUNITIES)):
        value = struct.pack(">I", number) * COMMUNITIES
        messages(o.announcement(o.MANDATORY + o.attribute(8, value, 0xC0)), decoder=decoder)
    assert 1 < decoder.cached_attributes <= MAX_OCTETS // (4 * COMMUNITIES) + 2


def test_what_the_peer_ups_of_many_peers_say_is_not_kept() -> None:
    tlvs = o.tlv(0, bytes(60_000))
    ups = (
        o.peer_up(tlvs=tlvs, header=o.peer(distinguisher=struct.pack(">Q", number)))
        for number in range(200)
    )
    assert remembered(ups) < 3_000_000


def opened(families: range) -> bytes:
    """A Peer Up whose OPENs offer ADD-PATH in families that hardly anybody has heard of."""
    numbers = [struct.pack(">I", family << 8 | 3) for family in families]
    chunks = [b"".join(numbers[i : i + 60]) for i in range(0, len(numbers), 60)]
    value = b"".join(o.capability(69, chunk) for chunk in chunks)
    parameters = struct.pack(">BBHBH", 255, 255, len(value) + 3, 2, len(value)) + value
    message = o.bgp(1, struct.pack(">BHH4s", 4, 23456, 90, o.BGP_ID) + parameters)
    return o.peer_up(message, message)


def test_families_that_are_never_split_are_not_kept() -> None:
    steps = range(0, 240_000, 12_000)
    assert remembered(opened(range(first, first + 12_000)) for first in steps) < 3_000_000
