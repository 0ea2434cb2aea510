"""However a connection's octets come, the events are the same.

Every capture is cut whole, octet by octet, and in 1,000 random ways. Of a long one the 1,000 cut
a stretch that WIRE_TEST_STRETCH octets bound (default 24,000; 0 is all of it, for a nightly run):
the Peer Ups before it, then messages from a random place on. All of it is cut in 5 ways.
"""

from __future__ import annotations

import os
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from services.ingest.describe import describe
from services.ingest.wire import PeerUp, RouteMonitoring, StreamDecoder
from tests.ingest.wire.decoding import DATA, real_capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.ingest.wire import AnyMessage

STRETCH = int(os.environ.get("WIRE_TEST_STRETCH", "24000"))
NAMES = sorted(str(path.relative_to(DATA)) for path in DATA.rglob("*.bmp*")) or ["absent"]
LONGEST_OCTET_BY_OCTET = 400_000
LONGEST_CUT_WHOLE = 2_000_000


def events(chunks: Iterator[bytes]) -> list[object]:
    """All that the decoder says of each message, in a form that is quick to compare."""
    decoder = StreamDecoder()
    found = [event(message) for chunk in chunks for message in decoder.feed(chunk)]
    return [*found, str(decoder.close()), decoder.offset]


def event(message: AnyMessage) -> object:
    if not isinstance(message, RouteMonitoring):
        return describe(message)
    update = message.update
    sets = [
        (
            one.family,
            one.nlri,
            one.path_ids,
            one.details,
            one.attributes and one.attributes.identity,
        )
        for one in (*update.withdrawn, *update.announced)
    ]
    errors = list(map(str, update.errors))
    peer = (message.peer.key, message.peer.flags, message.peer.timestamp_us)
    return message.offset, message.length, peer, update.end_of_rib, sets, errors, message.trailing


def cut(data: bytes, pick: random.Random) -> Iterator[bytes]:
    """At up to 50 places; every third time only where a message's header is, or so."""
    places = sorted(pick.choices(range(len(data) + 1), k=pick.randrange(1, 50)))
    return (data[a:b] for a, b in pairwise((0, *places, len(data))))


def stretch_of(data: bytes, pick: random.Random) -> bytes:
    """At most STRETCH octets of whole messages, with the Peer Ups that they need before them."""
    if not STRETCH or len(data) <= STRETCH:
        return data
    bounds: list[int] = []
    state = b""
    start = pick.randrange(min(len(data) - STRETCH, LONGEST_CUT_WHOLE))
    for message in StreamDecoder().feed(data[: start + STRETCH]):
        if message.offset < start:
            if isinstance(message, PeerUp) and len(state) < STRETCH // 2:
                state += data[message.offset : message.offset + message.length]
        else:
            bounds.append(message.offset)
    return state + data[bounds[0] : bounds[-1]]


@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_cuttings_give_the_same_events(name: str) -> None:
    pick = random.Random(name)  # noqa: S311 - cuts, no secrets
    data = stretch_of(real_capture(name), pick)
    whole = events(iter((data,)))
    for _ in range(1000):
        assert events(cut(data, pick)) == whole


@pytest.mark.parametrize("name", NAMES)
def test_octet_by_octet_and_in_a_few_parts_it_is_the_same(name: str) -> None:
    pick = random.Random(name)  # noqa: S311 - cuts, no secrets
    data = real_capture(name)
    start = data[:LONGEST_OCTET_BY_OCTET]
    assert events(bytes((octet,)) for octet in start) == events(iter((start,)))
    start = data[:LONGEST_CUT_WHOLE]
    whole = events(iter((start,)))
    for _ in range(5):
        assert events(cut(start, pick)) == whole
