"""Who does not read is cut off, with a reason, and slows nobody else down."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

from services.routes.live import delivery, metrics
from services.routes.live.message import Message
from services.routes.live.subscriber import Subscriber
from tests.ingest.store import connected
from tests.routes.live.listening import server, strictly
from tests.routes.live.writers import announce_much, writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.routes.live.listening import Body, Listener

QUEUE = 1_000


def cut_off() -> float:
    return metrics.CUT_OFF._value.get()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.01)


async def flood(url: str, listener: Listener) -> tuple[int, int]:
    """Commits more than the system's own buffers take, each batch once the last is heard.

    Gives how many messages that are, and how many were heard.
    """
    heard = 0
    async with connected(url) as conn:
        one = await writer(conn, 11)
        await announce_much(conn, one)
        for _ in range(15):
            await one.commit(conn, 200)
            heard += len(await listener.heard_all(one.written[-1]))
    return len(one.written), heard


async def test_one_that_stops_reading_is_cut_off_and_another_hears_everything(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_LAST_SECONDS", 0.5)
    before = cut_off()
    async with (
        server(migrated_url, queue_messages=QUEUE) as live,
        live.websocket() as stopped,
        live.websocket() as reading,
    ):
        for listener in (stopped, reading):
            await listener.subscribe(type="UPDATE")
        stopped.socket.transport.pause_reading()

        assert await flood(migrated_url, reading) == (3_000, 3_000)
        hub = live.app.state.live.hub
        await until(lambda: len(hub._subscribers) == 1)
        assert cut_off() == before + 1
        assert (await reading.ask("ping"))["type"] == "pong"


async def test_a_slow_one_hears_why_it_is_cut_off_and_no_hole_before(migrated_url: str) -> None:
    async with (
        server(migrated_url, queue_messages=QUEUE) as live,
        live.websocket() as slow,
        connected(migrated_url) as conn,
    ):
        one = await writer(conn, 11)
        await announce_much(conn, one)
        await slow.subscribe(type="UPDATE")
        slow.socket.transport.pause_reading()
        (subscriber,) = live.app.state.live.hub._subscribers
        heard: list[Body] = []
        while subscriber.cut_off is None:
            await one.commit(conn, 200)
        slow.socket.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            await _hear_all(slow, heard)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        assert closed.value.rcvd.reason.startswith("too slow")
        assert [one["type"] for one in heard[:-1]] == ["ris_message"] * (len(heard) - 1)
        assert heard[-1]["type"] == "ris_error"
        assert heard[-1]["data"]["message"].startswith("too slow: 1000 messages")
        ids = [int(one["data"]["id"].partition("-")[2], 16) for one in heard[:-1]]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_a_slow_stream_over_http_ends_with_the_reason(migrated_url: str) -> None:
    async with (
        server(migrated_url, queue_messages=QUEUE) as live,
        connected(migrated_url) as conn,
    ):
        one = await writer(conn, 11)
        await announce_much(conn, one)
        reader, client = await asyncio.open_connection("127.0.0.1", live.port, limit=2**12)
        client.write(b"GET /v1/stream/?format=json HTTP/1.1\r\nHost: routes\r\n\r\n")
        assert b"200" in await reader.readline()
        (subscriber,) = live.app.state.live.hub._subscribers
        while subscriber.cut_off is None:
            await one.commit(conn, 200)
        octets = await _to_the_last_chunk(reader)
        last = octets.removesuffix(b"\n\r\n0\r\n\r\n").splitlines()[-1]
        assert strictly(last)["type"] == "ris_error"
        assert "too slow" in json.loads(last)["data"]["message"]
        client.close()


async def _hear_all(listener: Listener, heard: list[Body]) -> None:
    while True:
        heard.append(await listener.hear())


async def _to_the_last_chunk(reader: asyncio.StreamReader) -> bytes:
    octets = b""
    async with asyncio.timeout(20):
        while not octets.endswith(b"\r\n0\r\n\r\n"):
            octets += await reader.read(65_536)
    return octets


def message(number: int) -> Message:
    return Message("UPDATE", {"id": f"1-{number}", "text": "x" * 1000}, hosts=())


def test_a_queue_is_bounded_by_octets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.routes.live.subscriber.MOST_BYTES", 11_000)
    subscriber = Subscriber(caller="x", transport="http", most_messages=1_000_000)
    for number in range(10):
        subscriber.offer(message(number))
    assert (subscriber.waiting, subscriber.cut_off) == (10, None)
    subscriber.offer(message(10))
    assert subscriber.waiting == 0
    assert subscriber.cut_off is not None
    subscriber.offer(message(11))
    assert subscriber.waiting == 0


def test_answers_that_are_not_read_are_bounded_like_messages() -> None:
    subscriber = Subscriber(caller="x", transport="websocket", most_messages=10)
    for _ in range(11):
        subscriber.answer(b"{}")
    assert (subscriber.waiting, subscriber.cut_off is None) == (0, False)
