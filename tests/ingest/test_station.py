"""The station: routers are served, whatever else connects to the port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from tests.ingest import speaker
from tests.ingest.conftest import running

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
ROUTERS = "SELECT count(*) FROM rib.router"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x03\xff\xff\xff\xff\x00",
        b"\x03\x00\x00\x00\x05\x04",
        b"\x04\x00\x00\x00\x06\x04",
        b"\x00" * 100,
    ],
    ids=["HTTP", "TLS", "endless message", "too short a message", "BMP 4", "zeros"],
)
async def test_what_is_no_bmp_is_closed_and_leaves_no_router(ingest: Ingest, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
    writer.write(data)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert await ingest.value(ROUTERS) == 0


async def test_a_connection_that_says_nothing_leaves_no_router(ingest: Ingest) -> None:
    await ingest.say()
    assert await ingest.value(ROUTERS) == 0


async def test_connections_that_are_reset_at_once_harm_nothing(
    ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", ingest.port)) as scan:
            scan.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await ingest.say(speaker.initiation())
    assert await ingest.value(ROUTERS) == 1
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_an_ipv4_router_is_the_same_where_the_station_listens_on_ipv6(
    migrated_url: str,
) -> None:
    async with running(migrated_url, host="::") as ingest:
        await ingest.say(speaker.initiation())
        assert await ingest.value("SELECT host(address) FROM rib.router") == "127.0.0.1"


async def test_a_good_router_is_served_beside_many_idle_connections(ingest: Ingest) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(300):
            await stack.enter_async_context(ingest.connected())
        router = await stack.enter_async_context(ingest.connected())
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until("SELECT count(*) FROM rib.route", 1)


async def test_connections_over_the_limit_are_refused_and_the_others_stay(
    migrated_url: str,
) -> None:
    async with (
        running(migrated_url, ingest_max_connections=1) as ingest,
        ingest.connected() as router,
    ):
        router.write(speaker.initiation())
        await ingest.until("SELECT connections FROM rib.router", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        router.write(speaker.peer_up(PEER))
        await ingest.until("SELECT state FROM rib.peer", "up")


async def test_a_message_in_single_bytes_is_understood(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        for octet in speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"):
            router.write(bytes([octet]))
            await router.drain()
        await ingest.until("SELECT prefix::text FROM rib.route", "10.0.0.0/8")


async def test_a_malformed_message_is_skipped_and_the_next_is_read(ingest: Ingest) -> None:
    broken = speaker.message(0, PEER.header() + b"not a BGP message at all")
    await ingest.say(speaker.peer_up(PEER), broken, speaker.announce(PEER, "10.0.0.0/8"))
    assert await ingest.value("SELECT count(*) FROM rib.route") == 1


async def test_a_connection_that_ends_inside_a_message_keeps_what_came_before(
    ingest: Ingest,
) -> None:
    update = speaker.announce(PEER, "11.0.0.0/8")
    await ingest.say(
        speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"), update[: len(update) // 2]
    )
    assert await ingest.column("SELECT prefix::text FROM rib.route") == ["10.0.0.0/8"]


async def test_what_was_read_is_written_before_the_service_stops(migrated_url: str) -> None:
    async with (
        running(migrated_url, ingest_batch_seconds=30) as ingest,
        ingest.connected() as router,
    ):
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        async with asyncio.timeout(5):
            while ingest.collector.batcher.pending_routes == 0:
                await asyncio.sleep(0.01)
        await ingest.collector.stop()
        assert await ingest.value("SELECT count(*) FROM rib.route") == 1
        assert await ingest.value("SELECT state FROM rib.peer") == "lost"
