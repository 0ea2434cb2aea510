"""Active mode: routers that wait for us are dialled, and dialled again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from services.ingest.addresses import Target
from services.ingest.dialer import BACKOFF, Dialer
from tests.ingest import speaker
from tests.ingest.conftest import DEADLINE, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PEER = speaker.Peer()
TARGET = Target("192.0.2.1", 11019)


class Time:
    """A clock that stands still until somebody sleeps, and stops after so many sleeps."""

    def __init__(self, sleeps: int) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.done = asyncio.Event()
        self._sleeps = sleeps

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if len(self.slept) == self._sleeps:
            self.done.set()
            await asyncio.Event().wait()


async def dialled(time: Time, lasting: list[float | None]) -> list[float]:
    """The waits of a dialer whose connections last so long; None: there is none."""
    fates = iter(lasting)
    ours, theirs = socket.socketpair()

    async def dial(target: Target) -> socket.socket:
        assert target == TARGET
        if (fate := next(fates)) is None:
            raise ConnectionRefusedError(111, "Connection refused")
        lasts.append(fate)
        return ours

    async def serve(sock: socket.socket, address: str) -> None:
        assert (sock, address) == (ours, TARGET.address)
        time.now += lasts.pop()

    lasts: list[float] = []
    dialer = Dialer([TARGET], serve, dial=dial, clock=lambda: time.now, sleep=time.sleep)
    with ours, theirs:
        dialer.start()
        async with asyncio.timeout(DEADLINE):
            await time.done.wait()
        await dialer.stop()
    return time.slept


async def test_the_waits_double_from_1_second_to_5_minutes() -> None:
    slept = await dialled(Time(12), [None] * 12)
    for number, wait in enumerate(slept):
        assert min(2.0**number, 300.0) <= wait <= min(1.5 * 2.0**number, 300.0)
    assert slept[-1] == 300.0


async def test_waits_have_jitter() -> None:
    first_waits = {(await dialled(Time(1), [None]))[0] for _ in range(20)}
    assert len(first_waits) > 10


async def test_a_connection_of_30_seconds_makes_the_next_wait_short_again() -> None:
    slept = await dialled(Time(6), [None, None, None, 29.9, 30.1, None])
    assert slept[3] >= 8
    assert 1 <= slept[4] <= 1.5
    assert 2 <= slept[5] <= 3


def test_the_waits_are_those_that_the_documents_name() -> None:
    assert (BACKOFF.first, BACKOFF.longest, BACKOFF.healthy_after) == (1, 300, 30)


@contextlib.asynccontextmanager
async def router(
    address: str = "127.0.0.1",
) -> AsyncIterator[tuple[int, asyncio.Queue[asyncio.StreamWriter]]]:
    """A router that waits to be dialled: its port, and the connections that it gets."""
    calls: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: calls.put_nowait(writer), address, 0)
    try:
        yield server.sockets[0].getsockname()[1], calls
    finally:
        server.close()


async def test_a_router_that_waits_is_dialled_and_served(migrated_url: str) -> None:
    async with (
        router("127.0.0.9") as (port, calls),
        running(migrated_url, ingest_dial=f"127.0.0.9:{port}") as ingest,
        asyncio.timeout(DEADLINE),
    ):
        writer = await calls.get()
        writer.write(speaker.initiation() + speaker.peer_up(PEER))
        writer.write(speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(1)
        assert await ingest.value("SELECT host(address) FROM rib.router") == "127.0.0.9"
        writer.close()  # and is dialled again
        again = await calls.get()
        again.write(speaker.initiation() + speaker.peer_up(PEER))
        again.write(speaker.announce(PEER, "11.0.0.0/8"))
        await ingest.until_committed(2)
        assert await ingest.value("SELECT count(*) FROM rib.router") == 1
        again.close()


async def test_a_router_that_is_not_there_yet_is_dialled_until_it_is(migrated_url: str) -> None:
    place = socket.socket()  # bound, so that nobody else takes it, and not listening yet
    place.bind(("127.0.0.1", 0))
    target = f"127.0.0.1:{place.getsockname()[1]}"
    async with running(migrated_url, ingest_dial=target) as ingest:
        called: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: called.set_result(writer), sock=place)
        async with asyncio.timeout(DEADLINE):
            writer = await called
        assert ingest.collector.station.connections == 1
        server.close()
        writer.close()
