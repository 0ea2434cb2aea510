"""What a router's connection logs of the messages that it decodes."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import time
import weakref
from typing import TYPE_CHECKING, cast

import pytest
from structlog.testing import capture_logs

from services.ingest.batcher import Batcher
from services.ingest.changes import PeerCameUp, RouterConnected, TableComplete
from services.ingest.connection import RouterConnection
from services.ingest.registry import PeerSession, Rib
from services.ingest.router import MAX_PEERS, TooManyPeers
from tests.ingest import speaker
from tests.ingest.conftest import running
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.registry import Registry
    from services.ingest.wire import NlriSet, PeerHeader, RibView
    from tests.ingest.conftest import Ingest


async def test_a_malformed_update_is_logged_with_what_it_led_to_and_its_attribute(
    ingest: Ingest,
) -> None:
    broken = o.attribute(4, b"\0", 0x80)
    with capture_logs() as logs:
        await ingest.say(o.announcement(o.MANDATORY + broken, "198.51.100.0/24"))
    (line,) = (one for one in logs if one["event"] == "malformed_message")
    assert (line["router"], line["peer"]) == ("127.0.0.1", o.PEER)
    assert (line["log_level"], line["message_type"]) == ("error", "route monitoring")
    assert line["error"].startswith("in route monitoring: in update: in multi-exit-disc: length")
    assert (line["approach"], line["attribute"]) == ("treat-as-withdraw", "multi-exit-disc")


async def test_each_message_is_dumped_when_debugging(ingest: Ingest) -> None:
    first, second = speaker.initiation(), speaker.announce(speaker.Peer(), "10.0.0.0/8")
    logger = logging.getLogger("services.ingest.connection")
    logger.setLevel(logging.DEBUG)
    try:
        with capture_logs() as logs:
            await ingest.say(first + second)
    finally:
        logger.setLevel(logging.NOTSET)
    dumps = [line for line in logs if line["event"] == "bmp_message_received"]
    assert [bytes.fromhex(line["data_hex"]) for line in dumps] == [first, second]
    assert [line["stream_offset"] for line in dumps] == [0, len(first)]
    assert [line["message_type"] for line in dumps] == ["initiation", "route monitoring"]


async def test_a_dump_has_a_bound(ingest: Ingest) -> None:
    logger = logging.getLogger("services.ingest.connection")
    logger.setLevel(logging.DEBUG)
    try:
        with capture_logs() as logs:
            await ingest.say(speaker.initiation(), speaker.message(100, bytes(100_000)))
    finally:
        logger.setLevel(logging.NOTSET)
    *_, line = (line for line in logs if line["event"] == "bmp_message_received")
    assert line["length"] == 100_006
    assert len(line["data_hex"]) == 2 * (6 + 42 + 4096)


async def test_messages_are_not_dumped_otherwise(ingest: Ingest) -> None:
    with capture_logs() as logs:
        await ingest.say(speaker.initiation())
    assert "bmp_message_received" not in {line["event"] for line in logs}


async def test_the_router_and_its_bgp_peers_come_and_go_in_lines_of_their_own(
    ingest: Ingest,
) -> None:
    peer = speaker.Peer()
    with capture_logs() as logs:
        await ingest.say(speaker.initiation() + speaker.peer_up(peer) + speaker.peer_down(peer))
        await ingest.say(speaker.initiation())
    told = [
        {name: line[name] for name in ("event", "peer", "router", "router_id") if name in line}
        for line in logs
        if "peer" in line["event"] or "BMP" in line["event"]
    ]
    router, bgp_id = "127.0.0.1", "10.0.0.1"
    session = f"BMP peer {router} has established a session"
    assert told == [
        {"event": "peer_connected", "peer": router, "router_id": None},
        {"event": session, "router": router, "router_id": None},
        {"event": "BGP peer up", "peer": "192.0.2.1", "router": router},
        {"event": "BGP peer down", "peer": "192.0.2.1", "router": router},
        {"event": "peer_disconnected", "peer": router, "router_id": bgp_id},
        {"event": "peer_connected", "peer": router, "router_id": bgp_id},
        {"event": session, "router": router, "router_id": bgp_id},
        {"event": "peer_disconnected", "peer": router, "router_id": bgp_id},
    ]
    down = next(line for line in logs if line["event"] == "BGP peer down")
    assert (down["code"], down["reason"]) == (4, "remote system closed, no NOTIFICATION")
    assert all(
        line["duration_seconds"] > 0 for line in logs if line["event"] == "peer_disconnected"
    )


async def test_a_router_that_the_store_knows_is_told_by_its_bgp_identifier(
    migrated_url: str,
) -> None:
    async with running(migrated_url) as ingest:
        await ingest.say(speaker.peer_up(speaker.Peer()))
    with capture_logs() as logs:
        async with running(migrated_url) as ingest:
            await ingest.say(speaker.initiation())
    (line,) = [line for line in logs if line["event"] == "peer_connected"]
    assert line["router_id"] == "10.0.0.1"


async def test_what_a_router_says_of_itself_without_end_is_logged_once(ingest: Ingest) -> None:
    termination = speaker.message(5, speaker.tlv(1, bytes(2)))
    with capture_logs() as logs:
        await ingest.say((speaker.initiation() + termination) * 100)
    events = [line["event"] for line in logs]
    assert events.count("router named itself") == 1
    assert events.count("router ends the connection") == 1


class Ids:
    """A registry without a database."""

    def __init__(self) -> None:
        self.bgp_ids: dict[str, str] = {}

    async def router(self, _address: str) -> int:
        return 1

    def join(self, *_: object) -> None:
        """Nobody asks."""

    def leave(self, *_: object) -> dict[int, int]:
        return {}

    async def session(self, _: int, _peer: PeerHeader, *, is_inferred: bool) -> PeerSession:
        return PeerSession(1, 1, is_inferred)

    async def rib(self, peer: PeerSession, view: RibView, routes: NlriSet) -> None:
        peer.add_rib(view, routes.family, Rib(1, has_path_ids=False))


def connect(batcher: Batcher, clock: Callable[[], float]) -> RouterConnection:
    return RouterConnection(
        "192.0.2.9",
        connection_id=1,
        registry=cast("Registry", Ids()),
        batcher=batcher,
        max_message=2**20,
        now_us=itertools.count(1).__next__,
        clock=clock,
        complete_seconds=600,
    )


async def test_a_router_that_makes_up_peers_is_sent_away_before_they_are_too_many() -> None:
    batcher = Batcher(rows=10**6, seconds=1, queue_batches=4, clock=time.monotonic)
    connection = connect(batcher, time.monotonic)
    peers = [speaker.Peer(f"10.1.{i >> 8}.{i & 255}") for i in range(MAX_PEERS)]
    await connection.receive(b"".join(map(speaker.peer_up, peers)))
    await connection.receive(speaker.peer_down(peers[0]) + speaker.peer_up(peers[0], 179))
    with pytest.raises(TooManyPeers):
        await connection.receive(speaker.announce(speaker.Peer("192.0.2.1"), "10.0.0.0/8"))


async def test_the_time_in_which_a_router_waits_for_us_is_not_taken_from_its_table() -> None:
    now = 100.0
    batcher = Batcher(rows=1, seconds=0.01, queue_batches=1, clock=lambda: now)
    connection = connect(batcher, lambda: now)

    async def written() -> list[object]:
        batch = await batcher.next()
        assert batch is not None
        batcher.written(batch)
        return [*batch.before_routes, *batch.after_routes]

    peer = speaker.Peer()
    table = [speaker.announce(peer, f"10.{i}.0.0/16") for i in range(3)]
    receiving = asyncio.create_task(connection.receive(speaker.peer_up(peer) + b"".join(table)))
    changes = []
    await asyncio.sleep(0)
    while not receiving.done():
        now += 1000
        connection.expire()
        changes += await written()
        await asyncio.sleep(0)
    now += 599
    connection.expire()
    changes += await written()
    assert [type(one) for one in changes] == [RouterConnected, PeerCameUp]
    now += 2
    connection.expire()
    assert [type(one) for one in await written()] == [TableComplete]


async def test_tables_that_expire_together_have_times_of_their_own() -> None:
    now = 100.0
    batcher = Batcher(rows=10, seconds=0.01, queue_batches=2, clock=lambda: now)
    connection = connect(batcher, lambda: now)
    peers = [speaker.Peer(f"10.1.0.{i}") for i in range(3)]
    await connection.receive(b"".join(map(speaker.peer_up, peers)))
    now += 601
    connection.expire()
    batch = await batcher.next()
    assert batch is not None
    changes = [*batch.before_routes, *batch.after_routes]
    times = [one.time_us for one in changes if isinstance(one, TableComplete)]
    assert len(times) == len(set(times)) == len(peers)


async def test_a_connection_that_ended_is_let_go_of_at_once() -> None:
    batcher = Batcher(rows=10, seconds=1, queue_batches=2, clock=time.monotonic)
    connection = connect(batcher, time.monotonic)
    await connection.receive(speaker.initiation() + speaker.peer_up(speaker.Peer()))
    left = weakref.ref(connection)
    connection.end("the router closed the connection")
    gc.disable()
    try:
        del connection
        assert left() is None
    finally:
        gc.enable()
