"""`bgpilot replay`: what a station receives is the capture, octet for octet."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from services.ingest.commands import replay as replay_command
from services.ingest.replay import Progress, Target, replay
from services.ingest.replay_progress import Lines
from shared.errors import UserError
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MESSAGE = o.bmp(o.INITIATION, o.tlv(2, b"edge1"))
STREAM = MESSAGE * 1000


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "capture.bmp.gz"
    path.write_bytes(gzip.compress(STREAM))
    return str(path)


class Station:
    """Takes connections and keeps what they sent; `limit` octets are enough for it."""

    def __init__(self, limit: int | None = None) -> None:
        self.received: list[bytes] = []
        self.arrivals: list[float] = []
        self.got_all = asyncio.Event()
        self._limit = limit

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while part := await reader.read(65_536):
            data += part
            self.arrivals.append(asyncio.get_running_loop().time())
            if len(data) == len(STREAM):
                self.got_all.set()
            if self._limit is not None and len(data) >= self._limit:
                linger = struct.pack("ii", 1, 0)  # close with a reset
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                break
        self.received.append(data)
        writer.close()


@asynccontextmanager
async def listening(station: Station) -> AsyncIterator[Target]:
    server = await asyncio.start_server(station.serve, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1])


async def test_the_station_receives_the_capture_octet_for_octet(capture: str) -> None:
    station = Station()
    async with listening(station) as target:
        done = await replay(capture, target)
    assert station.received == [STREAM]
    assert (done.messages, done.octets, done.finished) == (1000, len(STREAM), 1)
    assert done.share == pytest.approx(1)


async def test_each_connection_plays_the_whole_capture(capture: str) -> None:
    station = Station()
    async with listening(station) as target:
        done = await replay(capture, target, connections=3)
    assert station.received == [STREAM] * 3
    assert done.messages == 3000
    assert done.share == pytest.approx(1)


async def test_a_capture_with_faults_is_played_with_them(tmp_path: Path) -> None:
    path = tmp_path / "faulty.bmp"
    path.write_bytes(MESSAGE + b"\4\0\0\0\7\0\0" + MESSAGE[:5])
    station = Station()
    async with listening(station) as target:
        done = await replay(str(path), target)
    assert station.received == [path.read_bytes()]
    assert done.messages == 2


async def test_a_rate_holds_messages_back(tmp_path: Path) -> None:
    path = tmp_path / "short.bmp"
    path.write_bytes(MESSAGE * 30)
    station = Station()
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with listening(station) as target:
        done = await replay(str(path), target, rate=100)
    assert loop.time() - started >= 0.25
    assert len(station.arrivals) > 1
    assert done.messages == 30


async def test_held_connections_stay_open_until_the_replay_is_stopped(capture: str) -> None:
    station = Station()
    sent = asyncio.Event()
    async with listening(station) as target:
        task = asyncio.create_task(
            replay(capture, target, connections=2, hold=True, on_sent=lambda _: sent.set())
        )
        await sent.wait()
        await station.got_all.wait()
        assert station.received == []  # nothing has ended
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_station_that_is_not_there_is_a_clear_sentence(capture: str) -> None:
    async with listening(Station()) as gone:
        pass
    with pytest.raises(UserError, match=f"cannot connect to a BMP station at {gone}: connection"):
        await replay(capture, gone)


async def test_a_station_that_breaks_off_is_a_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "long.bmp"
    path.write_bytes(STREAM * 1000)
    station = Station(limit=1)
    async with listening(station) as target:
        with pytest.raises(UserError, match=r"broke off after \d+ octets"):
            await replay(str(path), target)


async def test_a_held_connection_that_the_station_closes_is_a_clear_sentence(
    capture: str,
) -> None:
    station = Station(limit=len(STREAM))
    async with listening(station) as target:
        with pytest.raises(UserError, match="broke off"):
            await replay(capture, target, hold=True)


async def test_a_damaged_capture_ends_all_connections(tmp_path: Path) -> None:
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(STREAM)[:-8])
    async with listening(Station()) as target:
        with pytest.raises(UserError, match="damaged or cut short"):
            await replay(str(path), target, connections=2)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        MESSAGE[:5],
        b"root:x:0:0:root:/root:/bin/sh\n",
        b"\x0a\x0d\x0d\x0a" + bytes(24),  # a packet capture (pcapng)
        b"\2" + MESSAGE[1:],
        b"\3\0\0\0\5\4",
        b"\3\xff\0\0\0\4",
    ],
)
async def test_what_does_not_begin_as_bmp_is_refused_before_anything_is_sent(
    tmp_path: Path, octets: bytes
) -> None:
    path = tmp_path / "other"
    path.write_bytes(octets)
    async with listening(Station()) as gone:
        pass
    with pytest.raises(UserError, match=f"^{path} does not begin with a BMP message; give"):
        await replay(str(path), gone, connections=2)


def test_standard_input_is_not_shared_between_connections() -> None:
    arguments = ["-", "--connections", "2", "--to", "127.0.0.1:1"]
    result = CliRunner().invoke(replay_command, arguments, input=STREAM)
    assert result.exit_code == 2
    assert "standard input can be read once only" in result.output


async def test_the_command_reports_messages_bytes_and_seconds(capture: str) -> None:
    station = Station()
    async with listening(station) as target:
        arguments = [capture, "--to", str(target), "--connections", "2", "--progress", "lines"]
        result = await asyncio.to_thread(CliRunner().invoke, replay_command, arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"replayed 2000 messages, {2 * len(STREAM)} bytes in ")
    assert result.stdout.endswith(f" seconds over 2 connections to {target}\n")
    assert station.received == [STREAM] * 2


@pytest.mark.parametrize("target", ["somewhere", "host:", ":11019", "host:x", "host:65536"])
def test_the_command_refuses_what_is_no_target(capture: str, target: str) -> None:
    result = CliRunner().invoke(replay_command, [capture, "--to", target])
    assert result.exit_code == 2
    assert "is not HOST:PORT" in result.output


def test_an_ipv6_target_is_written_in_brackets() -> None:
    assert str(Target("::1", 11019)) == "[::1]:11019"


def test_progress_lines_come_every_two_seconds() -> None:
    now = 0.0
    written: list[str] = []
    step = Lines(lambda: now, written.append)
    played = Progress(1)
    for second in (0.5, 1.9, 2.1, 3.9, 4.2):
        now = second
        played.add(10, 100, 0.1)
        step(played)
    assert written == ["replay: 30%, 30 messages sent\n", "replay: 50%, 50 messages sent\n"]
