"""The station: routers are served, whatever else connects to the port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.ingest import speaker
from tests.ingest.conftest import DEADLINE, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
        await ingest.until("SELECT count(*) FROM rib.connection", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        router.write(speaker.peer_up(PEER))
        await ingest.until("SELECT state FROM rib.peer", "up")


async def test_connections_of_one_address_over_its_limit_are_refused_and_others_are_not(
    migrated_url: str,
) -> None:
    async with (
        running(migrated_url, ingest_max_connections_per_router=2) as ingest,
        ingest.connected() as first,
        ingest.connected() as second,
        asyncio.timeout(DEADLINE),
    ):
        await ingest.until_connected(2)
        assert await ended(ingest, "127.0.0.1")
        async with connected_from(ingest, "127.0.1.1") as other:
            other.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
            await ingest.until_committed(1)
        first.close()
        second.close()


async def test_a_router_that_is_not_allowed_is_closed_and_told_of_once(migrated_url: str) -> None:
    async with running(migrated_url, ingest_allowed_routers="127.0.1.0/24") as ingest:
        with capture_logs() as logs:
            for _ in range(3):
                assert await ended(ingest, "127.0.0.1")
            async with connected_from(ingest, "127.0.1.1") as router:
                router.write(speaker.initiation())
                await ingest.until("SELECT host(address) FROM rib.router", "127.0.1.1")
        refused = [line for line in logs if line["event"] == "connection refused"]
        assert [(line["router"], line["left_out"]) for line in refused] == [("127.0.0.1", 0)]


@pytest.mark.parametrize("data", [b"", b"\x03\0\0"], ids=["nothing", "a part of a header"])
async def test_who_sends_no_whole_message_in_time_is_closed(migrated_url: str, data: bytes) -> None:
    async with running(migrated_url, ingest_message_seconds=0.1) as ingest:
        assert await ended(ingest, "127.0.0.1", data)
        assert await ingest.value(ROUTERS) == 0


async def test_a_byte_now_and_then_does_not_keep_a_connection(migrated_url: str) -> None:
    async with (
        running(migrated_url, ingest_message_seconds=0.3) as ingest,
        asyncio.timeout(DEADLINE),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        writer.write(speaker.initiation())
        end = asyncio.create_task(reader.read())
        drip = iter(speaker.message(0, bytes(60_000)))
        while not end.done():
            writer.write(bytes([next(drip)]))
            await asyncio.wait([end], timeout=0.01)
        with contextlib.suppress(ConnectionResetError):
            assert end.result() == b""
        writer.close()


async def test_a_router_that_has_spoken_may_be_silent(migrated_url: str) -> None:
    async with (
        running(migrated_url, ingest_message_seconds=0.1) as ingest,
        ingest.connected() as router,
        ingest.connected(),  # is closed meanwhile: so the time has passed
    ):
        router.write(speaker.initiation())
        await ingest.until_connected(2)
        await ingest.until_connected(1)
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(1)


async def test_a_router_that_is_silent_for_too_long_is_closed(migrated_url: str) -> None:
    async with running(migrated_url, ingest_idle_seconds=0.1) as ingest:
        assert await ended(ingest, "127.0.0.1", speaker.initiation())
        assert await ingest.value(ROUTERS) == 1


async def test_a_scan_is_one_line_in_the_log_however_often_it_comes(ingest: Ingest) -> None:
    with capture_logs() as logs:
        for _ in range(5):
            assert await ended(ingest, "127.0.0.1", b"GET / HTTP/1.1\r\n\r\n")
    (line,) = [line for line in logs if line["log_level"] != "debug"]
    assert (line["event"], line["router"]) == (
        "connection closed: not the BMP we speak",
        "127.0.0.1",
    )
    assert "BMP version 71" in line["error"]


async def test_fifty_routers_that_reconnect_at_once_are_all_served(ingest: Ingest) -> None:
    addresses = [f"127.0.1.{number}" for number in range(1, 51)]
    routes = speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8")

    async def speak(address: str) -> None:
        async with connected_from(ingest, address) as router:
            router.write(speaker.initiation(address) + routes)
            await router.drain()

    for times in (1, 2):
        await asyncio.gather(*map(speak, addresses))
        await ingest.until_idle()
        assert await ingest.value("SELECT count(*) FROM rib.route_event") == times * 100
    assert await ingest.value(ROUTERS) == 50


async def test_a_connection_can_be_closed_from_inside_for_a_reason(ingest: Ingest) -> None:
    station = ingest.collector.station
    with capture_logs() as logs:
        async with ingest.connected() as router:
            router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
            await ingest.until_committed(1)
            assert station.close_connections("it has a newer connection") == 1
            await ingest.until_idle()
    (line,) = [line for line in logs if line["event"] == "peer_disconnected"]
    assert line["reason"] == "it has a newer connection"
    assert line["messages"] == 2


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "left"),
    [(200, 4096, 100, 100), (200, 4096, 1000, 1000), (200, 300, 1000, 250)],
    ids=["enough files", "more are asked for", "there are no more"],
)
def test_connections_leave_files_for_the_database_and_http(
    soft: int, hard: int, connections: int, left: int
) -> None:
    """In a process of its own, since a limit that was lowered stays so."""
    code = f"""
import resource
from services.ingest.limits import Admission
from services.ingest.station import _leave_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
limits = Admission(allowed=None, connections={connections}, connections_of_one=1)
_leave_descriptors(limits)
print(limits.connections, *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    files = max(soft, left + 50)
    assert done.stdout.splitlines()[-1] == f"{left} {files} {hard}"


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
        with capture_logs() as logs:
            await ingest.collector.stop()
        assert await ingest.value("SELECT count(*) FROM rib.route_event") == 1
    assert [line["event"] for line in logs if line["event"].startswith("shutdown")] == [
        "shutdown: no new connections",
        "shutdown: all that was read is decoded",
        "shutdown: all that was decoded is committed",
        "shutdown: connections to routers closed",
        "shutdown: database connections closed",
    ]


async def test_a_connection_stays_open_until_what_was_read_of_it_is_written(
    migrated_url: str,
) -> None:
    """Else the router could be back elsewhere before what it said here is in the store."""
    async with running(migrated_url, ingest_batch_seconds=30) as ingest:
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        writer.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        async with asyncio.timeout(DEADLINE):
            while ingest.collector.batcher.pending_routes == 0:
                await asyncio.sleep(0.01)
            stop = asyncio.create_task(ingest.collector.stop())
            assert await reader.read() == b""
            assert ingest.collector.writer.committed_routes == 1
            await stop
        writer.close()


@contextlib.asynccontextmanager
async def connected_from(ingest: Ingest, address: str) -> AsyncIterator[asyncio.StreamWriter]:
    """The connection of a router with this address."""
    _, writer = await asyncio.open_connection("127.0.0.1", ingest.port, local_addr=(address, 0))
    try:
        yield writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ended(ingest: Ingest, address: str, data: bytes = b"") -> bool:
    """Connects from this address, says this, and sees its connection ended by the station."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", ingest.port, local_addr=(address, 0)
    )
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionResetError):
            writer.write(data)
            assert await reader.read() == b""
    writer.close()
    return True
