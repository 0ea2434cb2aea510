"""What one message may cost, sound or damaged: less than 1 ms, and less than 1 MB.

Time is the best of many tries, a tenth of which would do: a machine that is busy fails nothing.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from services.ingest.wire import StreamDecoder, families
from tests.ingest.wire import octets as o
from tests.ingest.wire.nlri_samples import SAMPLES
from tests.ingest.wire.test_damage import ATTRIBUTES, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SECONDS = 0.001
MOST_OCTETS = 1_000_000
TRIES = 100

EVERY_ATTRIBUTE = b"".join(value for name, value in ATTRIBUTES.items() if name != "unknown")
EVERYTHING = {
    **MESSAGES,
    "every attribute": o.route_monitoring(o.update(EVERY_ATTRIBUTE, o.prefix("10.0.0.0/8"))),
    "every family": o.route_monitoring(
        o.update(o.mp_unreach(families.EVPN, b"".join(SAMPLES[families.EVPN])))
    ),
}


def damaged(octets: bytes) -> Iterator[bytes]:
    """Cut at each length and said to be whole; with each octet set to telling values."""
    for length in range(6, len(octets)):
        yield octets[:1] + length.to_bytes(4, "big") + octets[5:length]
    for place in range(5, len(octets)):
        for value in {0, 1, 0x7F, 0x80, 0xFF, octets[place] ^ 1, octets[place] ^ 0x10}:
            yield octets[:place] + bytes((value,)) + octets[place + 1 :]


def decode(octets: bytes) -> None:
    for _ in StreamDecoder().feed(octets):
        pass


def seconds_for(octets: bytes) -> float:
    started = time.perf_counter()
    decode(octets)
    return time.perf_counter() - started


def is_quick(octets: bytes, most: float = MOST_SECONDS) -> bool:
    return any(seconds_for(octets) < most for _ in range(TRIES))


@pytest.mark.parametrize("kind", EVERYTHING)
def test_no_message_takes_a_millisecond(kind: str) -> None:
    assert is_quick(EVERYTHING[kind])
    for octets in damaged(EVERYTHING[kind]):
        assert is_quick(octets), octets.hex()


@pytest.mark.parametrize("kind", EVERYTHING)
def test_no_message_takes_a_megabyte(kind: str) -> None:
    decode(EVERYTHING[kind])  # whatever is made once
    tracemalloc.start()
    try:
        for octets in damaged(EVERYTHING[kind]):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            decode(octets)
            assert tracemalloc.get_traced_memory()[1] - before < MOST_OCTETS, octets.hex()
    finally:
        tracemalloc.stop()


LONGEST = {
    # 65,535 octets are the longest BGP message (RFC 8654); each of these is the worst of its kind.
    "default routes": o.update(withdrawn=bytes(65_000)),
    "path identifiers": o.update(withdrawn=b"\0\0\0\1\0" * 13_000),
    "empty attributes": o.update(bytes((0x40, 200, 0)) * 21_000),
    "one attribute again and again": o.update(bytes((0x40, 1, 0)) * 21_000),
    "segments": o.update(o.attribute(2, bytes((2, 1, 0, 0, 0, 1)) * 10_000)),
    "attribute sets in attribute sets": o.update(b"\xd0\x80\xff\x00\0\0\0\0" * 8_000),
    "communities": o.update(o.attribute(8, bytes(64_000), 0xC0)),
    "labels": o.update(o.mp_unreach(families.VPNV4, b"\xff" + bytes(31) * 2_000)),
    "flow components": o.update(o.mp_unreach(families.IPV4_FLOWSPEC, b"\xef" + b"\3\1\1" * 80)),
    "flow operators": o.update(
        o.mp_unreach(families.IPV4_FLOWSPEC, b"\xfe\x00\4" + b"\1\1" * 1_790 + b"\x81\1")
    ),
    "link state": o.update(o.mp_unreach(families.BGP_LS, b"\0\1\0\0" * 16_000)),
    "multicast vpn": o.update(o.mp_unreach(families.IPV4_MVPN, b"\7\0" * 32_000)),
}


@pytest.mark.parametrize("kind", LONGEST)
def test_the_longest_messages_cost_no_more_for_each_octet(kind: str) -> None:
    octets = o.route_monitoring(LONGEST[kind])
    # Both readings of ADD-PATH are tried, and each route of one octet becomes an object.
    assert is_quick(octets, MOST_SECONDS * (1 + len(octets) / 500))
    tracemalloc.start()
    try:
        decode(octets)
        assert tracemalloc.get_traced_memory()[1] < 300 * len(octets) + MOST_OCTETS
    finally:
        tracemalloc.stop()
