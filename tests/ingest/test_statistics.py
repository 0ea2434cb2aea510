"""Statistics Reports (RFC 7854 4.8): the last value of each, for each peer."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
IPV6_UNICAST = 0x0201
VALUES = (
    "SELECT array_agg((type, family, value)::text ORDER BY type, family NULLS FIRST) "
    "FROM rib.peer_statistic"
)


def report(peer: speaker.Peer, *stats: tuple[int, bytes]) -> bytes:
    """RFC 7854 4.8."""
    body = b"".join(speaker.tlv(kind, value) for kind, value in stats)
    return speaker.message(1, peer.header() + struct.pack(">I", len(stats)) + body)


def counter(value: int) -> bytes:
    return struct.pack(">I", value)


def gauge(value: int, family: int | None = None) -> bytes:
    prefix = b"" if family is None else family.to_bytes(3, "big")
    return prefix + struct.pack(">Q", value)


async def test_the_last_value_of_each_statistic_is_kept(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER))
        router.write(report(PEER, (0, counter(3)), (7, gauge(10)), (9, gauge(9, IPV6_UNICAST))))
        router.write(report(PEER, (7, gauge(11)), (9, gauge(2, 0x0101))))
        await ingest.until(VALUES, ["(0,,3)", "(7,,11)", "(9,257,2)", "(9,513,9)"])
    assert await ingest.value("SELECT bool_and(now() - at < '1 minute') FROM rib.peer_statistic")


async def test_a_statistic_that_comes_twice_in_a_report_has_its_last_value(ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER) + report(PEER, (7, gauge(1)), (7, gauge(2))))
    assert await ingest.value(VALUES) == ["(7,,2)"]


async def test_a_gauge_has_64_bits(ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER) + report(PEER, (65531, gauge((1 << 64) - 1))))
    assert await ingest.value(VALUES) == [f"(65531,,{(1 << 64) - 1})"]


async def test_a_value_of_a_length_that_no_type_has_is_left_out(ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER) + report(PEER, (7, b"\1\2"), (8, gauge(5))))
    assert await ingest.value(VALUES) == ["(8,,5)"]


async def test_a_report_of_a_peer_that_is_not_up_says_nothing(ingest: Ingest) -> None:
    await ingest.say(speaker.initiation() + report(PEER, (7, gauge(1))))
    assert await ingest.value("SELECT count(*) FROM rib.peer_statistic") == 0
    assert await ingest.value("SELECT count(*) FROM rib.peer") == 0


async def test_a_report_after_a_peer_down_does_not_bring_the_peer_back(ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(PEER)
        + report(PEER, (7, gauge(1)))
        + speaker.peer_down(PEER)
        + report(PEER, (7, gauge(2)))
    )
    assert await ingest.value(VALUES) == ["(7,,1)"]
    assert await ingest.value("SELECT state FROM rib.peer") == "down"
