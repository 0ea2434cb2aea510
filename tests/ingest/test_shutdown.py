"""The end of the ingest service, as a router, a supervisor and the database see it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from typing import TYPE_CHECKING, Any

import asyncpg
import psutil
import pytest

from tests.ingest import speaker
from tests.ingest.processes import DEADLINE, program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PEER = speaker.Peer()
EVENTS = "SELECT count(*) FROM rib.route_event"
STEPS = [
    "shutdown: no new connections",
    "shutdown: all that was read is decoded",
    "shutdown: all that was decoded is committed",
    "shutdown: connections to routers closed",
    "shutdown: database connections closed",
]


@contextlib.asynccontextmanager
async def talking(port: int, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """A router that announces one route after the other until it is cut off.

    The length of each message, all being the same.
    """

    async def talk(writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for number in itertools.count():
                prefix = f"10.{number >> 8 & 255}.{number & 255}.0/24"
                writer.write(speaker.announce(PEER, prefix))
                await writer.drain()
                await asyncio.sleep(0)  # drain() gives nobody a turn while there is room

    _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    writer.write(speaker.peer_up(PEER))
    task = asyncio.create_task(talk(writer))
    try:
        yield len(speaker.announce(PEER, "10.0.0.0/24"))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def read_whole(line: dict[str, Any], length: int) -> int:
    """How many announcements were read of a connection, by the octets in its last line."""
    return int((line["received_bytes"] - len(speaker.peer_up(PEER))) // length)


async def committed(url: str) -> int:
    conn = await asyncpg.connect(url)
    try:
        return int(await conn.fetchval(EVENTS))
    finally:
        await conn.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_signal_while_data_flows_loses_nothing_that_was_read(
    database_url: str, number: signal.Signals, workers: int
) -> None:
    waiting = {"INGEST_BATCH_ROWS": "10", "INGEST_QUEUE_BATCHES": "1"}  # inside of what was read
    async with program(database_url, INGEST_WORKERS=str(workers), **waiting) as service:
        await service.ready()
        port = (await service.line("listening for routers"))["port"]
        async with contextlib.AsyncExitStack() as routers:
            for host in range(1, 5):
                length = await routers.enter_async_context(talking(port, f"127.0.1.{host}"))
            async with asyncio.timeout(DEADLINE):
                while (await service.stats())["committed_routes"] < 2_000:
                    await asyncio.sleep(0.05)
            service.process.send_signal(number)
            assert await service.ended() == 0
        ends = service.said("peer_disconnected")
    assert len(ends) == 4
    assert {line["reason"] for line in ends} == {"the ingest service stopped"}
    assert await committed(database_url) == sum(read_whole(line, length) for line in ends)
    for worker in range(workers):
        fields = {"worker": worker} if workers > 1 else {}
        steps = [
            line["event"]
            for line in service.lines
            if line["event"] in STEPS and fields.items() <= line.items()
        ]
        assert steps == STEPS


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_second_signal_ends_it_at_once(
    database_url: str, number: signal.Signals, status: int, workers: int
) -> None:
    """The first one waits, since somebody else has locked what is to be written."""
    async with program(database_url, INGEST_WORKERS=str(workers)) as service:
        await service.ready()
        port = (await service.line("listening for routers"))["port"]
        processes = psutil.Process(service.process.pid).children()
        assert len(processes) == (workers if workers > 1 else 0)
        async with locked(database_url), talking(port):
            async with asyncio.timeout(DEADLINE):
                while (await service.stats())["pending_routes"] == 0:
                    await asyncio.sleep(0.05)
            service.process.send_signal(signal.SIGTERM)
            await service.line("shutdown: all that was read is decoded", nth=workers)
            service.process.send_signal(number)
            assert await service.ended() == status
        assert service.said("shutdown: a second signal, ending at once", signal=number.name)
        _, alive = psutil.wait_procs(processes, timeout=10)
        assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


@contextlib.asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Meanwhile nobody else can write routes."""
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            await conn.execute("LOCK TABLE rib.route_event IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await conn.close()
