"""One connection's reading, with a connection that only notes what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, cast

import pytest
import uvloop
from structlog.testing import capture_logs

from services.ingest.limits import Patience, Seldom, Unfinished
from services.ingest.link import READ_BYTES, Link
from services.ingest.router import TooManyPeers
from services.ingest.wire import FramingError
from tests.ingest import speaker
from tests.ingest.conftest import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.ingest.connection import RouterConnection

PATIENCE = Patience(message=30, idle=None)


class Noted:
    """A connection that takes everything at once, as one message, and notes it in a common list."""

    def __init__(self, name: str, notes: list[tuple[str, int]]) -> None:
        self.address = name
        self.bgp_id: str | None = None
        self.messages = 0
        self.ended_with: list[str] = []
        self.error: Exception | None = None
        self.room = asyncio.Event()
        self.room.set()
        self._notes = notes

    async def receive(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.messages += 1
        self._notes.append((self.address, len(data)))
        await self.room.wait()

    def end(self, reason: str) -> None:
        self.ended_with.append(reason)


def link(
    sock: socket.socket,
    noted: Noted,
    patience: Patience = PATIENCE,
    unfinished: Unfinished | None = None,
) -> Link:
    return Link(
        sock,
        cast("RouterConnection", noted),
        patience=patience,
        clock=asyncio.get_running_loop().time,
        seldom=Seldom(),
        unfinished=unfinished or Unfinished(2**20),
        is_dialled=False,
    )


@contextlib.contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end, and the router's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def fill(sock: socket.socket) -> int:
    """Sends until there is no more room; how much that was."""
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += sock.send(b"\x03\0" * READ_BYTES)
    return sent


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_router_that_floods_is_read_in_turn_with_the_others(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def work() -> list[tuple[str, int]]:
        notes: list[tuple[str, int]] = []
        with pair() as (loud, loud_router), pair() as (quiet, quiet_router):
            sent = fill(loud_router)
            quiet_router.send(speaker.initiation())
            links = [link(loud, Noted("loud", notes)), link(quiet, Noted("quiet", notes))]
            loud_router.close()
            quiet_router.close()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*(one.run() for one in links))
            assert links[0].received_bytes == sent > 5 * READ_BYTES
        return notes

    with asyncio.Runner(loop_factory=new_loop) as runner:
        notes = runner.run(work())
    assert [name for name, _ in notes].index("quiet") <= 2
    assert max(length for _, length in notes) <= READ_BYTES


async def test_what_was_read_is_handed_on_before_the_end_is_told() -> None:
    notes: list[tuple[str, int]] = []
    with pair() as (ours, router):
        noted = Noted("192.0.2.1", notes)
        noted.room.clear()
        one = link(ours, noted)
        running = asyncio.create_task(one.run())
        router.send(speaker.initiation())
        async with asyncio.timeout(DEADLINE):
            while not notes:
                await asyncio.sleep(0)
            router.send(speaker.initiation())
            one.finish("we leave")
            assert noted.ended_with == []
            noted.room.set()
            await running
    assert noted.ended_with == ["we leave"]
    assert len(notes) == 1  # what is read, is; what is not, is not


async def test_a_connection_that_waits_for_octets_ends_at_once_when_told() -> None:
    with pair() as (ours, router):
        noted = Noted("192.0.2.1", [])
        one = link(ours, noted)
        running = asyncio.create_task(one.run())
        router.send(speaker.initiation())
        async with asyncio.timeout(DEADLINE):
            while not noted.messages:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            one.close("we leave")
            await running
            assert await asyncio.get_running_loop().sock_recv(router, 1) == b""
    assert noted.ended_with == ["we leave"]


async def test_the_time_in_which_the_router_waits_for_us_is_not_counted() -> None:
    with pair() as (ours, router):
        noted = Noted("192.0.2.1", [])
        noted.room.clear()
        running = asyncio.create_task(link(ours, noted, Patience(message=0.1, idle=0.1)).run())
        router.send(speaker.initiation())
        await asyncio.wait([running], timeout=0.3)  # three times as long as we would wait
        assert not running.done()
        noted.room.set()
        async with asyncio.timeout(DEADLINE):
            await running
    assert noted.ended_with == ["no message within 0.1 s"]


async def test_who_holds_most_of_unfinished_messages_is_closed_when_all_hold_too_much() -> None:
    class Unmoved(Noted):
        async def receive(self, data: bytes) -> None:
            self._notes.append((self.address, len(data)))

    unfinished = Unfinished(1_000)
    notes: list[tuple[str, int]] = []

    async def held(octets: int) -> None:
        while sum(length for _, length in notes) < octets:
            await asyncio.sleep(0)

    with pair() as (one, first), pair() as (two, second), capture_logs() as logs:
        greedy = link(one, Unmoved("greedy", notes), unfinished=unfinished)
        modest = link(two, Unmoved("modest", notes), unfinished=unfinished)
        tasks = [asyncio.create_task(greedy.run()), asyncio.create_task(modest.run())]
        async with asyncio.timeout(DEADLINE):
            first.send(bytes(700))
            await held(700)
            second.send(bytes(300))
            await held(1_000)
            second.send(bytes(1))
            await tasks[0]
            second.send(bytes(600))
            await held(1_601)
            assert not tasks[1].done()
            modest.finish("done")
            await tasks[1]
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert (line["event"], line["router"]) == ("connection closed: unfinished messages", "greedy")


async def test_an_error_of_ours_ends_this_connection_and_is_logged_whole() -> None:
    with pair() as (ours, router), capture_logs() as logs:
        noted = Noted("192.0.2.1", [])
        noted.error = ZeroDivisionError("an example")
        router.send(speaker.initiation())
        async with asyncio.timeout(DEADLINE):
            await link(ours, noted).run()
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert line["exc_info"]
    assert line["router"] == "192.0.2.1"


async def test_a_framing_error_is_told_with_the_router() -> None:
    with pair() as (ours, router), capture_logs() as logs:
        noted = Noted("192.0.2.1", [])
        noted.error = FramingError("BMP version 71 is not spoken here", 0, (), "RFC 7854 4.1")
        router.send(b"GET /")
        async with asyncio.timeout(DEADLINE):
            await link(ours, noted).run()
    assert noted.ended_with == []
    (line,) = [line for line in logs if line["log_level"] != "debug"]
    assert line["event"] == "connection closed: not the BMP we speak"
    assert "BMP version 71" in line["error"]


async def test_too_many_peers_are_told_with_the_router() -> None:
    with pair() as (ours, router), capture_logs() as logs:
        noted = Noted("192.0.2.1", [])
        noted.error = TooManyPeers("more than 2 peers are up")
        router.send(speaker.initiation())
        async with asyncio.timeout(DEADLINE):
            await link(ours, noted).run()
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert line["event"] == "connection closed: too many peers"
    assert (line["router"], line["error"]) == ("192.0.2.1", "more than 2 peers are up")


@pytest.mark.parametrize(
    "data",
    [b"\x04\0\0\0\x06\x04", b"\x03\xff\xff\xff\xff\0", b"\x03\0\0\x13\x0e\xe0", b"SSH-2.0"],
    ids=["BMP 4", "an endless message", "RDP", "SSH"],
)
async def test_what_does_not_begin_like_bmp_is_no_peer_in_the_log(data: bytes) -> None:
    with pair() as (ours, router), capture_logs() as logs:
        router.send(data)
        router.close()
        async with asyncio.timeout(DEADLINE):
            await link(ours, Noted("192.0.2.1", [])).run()
    assert "peer_connected" not in {line["event"] for line in logs}


async def test_a_router_that_sends_its_first_octets_singly_is_a_peer_in_the_log() -> None:
    with pair() as (ours, router), capture_logs() as logs:
        router.send(b"\x03")
        running = asyncio.create_task(link(ours, Noted("192.0.2.1", [])).run())
        router.close()
        async with asyncio.timeout(DEADLINE):
            await running
    assert [line["event"] for line in logs] == ["peer_connected", "peer_disconnected"]
