"""Batches: when one is handed out, what is in it, and when routers are made to wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from services.ingest.batcher import Batcher
from services.ingest.changes import (
    PeerWentDown,
    RouterNamed,
    StatisticsReported,
    TableComplete,
)
from services.ingest.registry import PeerSession, Rib
from services.ingest.wire import RibView, RouteMonitoring, StreamDecoder, Update
from tests.ingest import speaker

if TYPE_CHECKING:
    from services.ingest.batch import Batch

PEER = speaker.Peer()


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def batcher(clock: Clock) -> Batcher:
    return Batcher(rows=4, seconds=0.5, queue_batches=2, clock=clock)


def update(data: bytes) -> Update:
    *_, message = StreamDecoder().feed(speaker.peer_up(PEER) + data)
    assert isinstance(message, RouteMonitoring)
    return message.update


def add(
    batcher: Batcher, data: bytes, view: RibView = RibView.ADJ_RIB_IN_PRE, peer_id: int = 1
) -> None:
    peer = PeerSession(peer_id, 1, is_inferred=False)
    decoded = update(data)
    for routes in (*decoded.withdrawn, *decoded.announced):
        peer.add_rib(view, routes.family, Rib(10 * view + routes.family, has_path_ids=False))
    batcher.add_update(peer, view, decoded, 1_700_000_000_000_000, 0)


def last(batch: Batch) -> list[bytes]:
    return [row for latest in batch.routes.latest.values() for row in latest.rows()]


def down(peer_id: int) -> PeerWentDown:
    return PeerWentDown(
        seq=9,
        time_us=1,
        router_time_us=None,
        peer_id=peer_id,
        session=1,
        reason_code=1,
        reason="by test",
    )


def prefixes(count: int, start: int = 0) -> list[str]:
    return [f"10.{start}.{i}.0/24" for i in range(count)]


async def test_a_full_batch_is_handed_out_at_once(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, *prefixes(4)))
    batch = await batcher.next()
    assert batch is not None
    assert batch.size == 4
    assert batcher.pending_routes == 4
    batcher.written(batch)
    assert batcher.pending_routes == 0


async def test_a_batch_waits_no_longer_than_it_may(batcher: Batcher, clock: Clock) -> None:
    waiting = asyncio.create_task(batcher.next())
    await asyncio.sleep(0)
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.now += 0.5
    batch = await batcher.next()
    assert batch is not None
    assert batch.size == 1
    waiting.cancel()


async def test_one_attribute_set_is_stored_once(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/24"))
    add(batcher, speaker.announce(PEER, "10.0.1.0/24"))
    add(batcher, speaker.announce(PEER, "10.0.2.0/24", med=5))
    add(batcher, speaker.announce(PEER, "10.0.3.0/24", med=5))
    batch = await batcher.next()
    assert batch is not None
    assert len(batch.attributes) == 2


async def test_the_last_word_on_a_prefix_counts_and_all_are_history(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/24"))
    add(batcher, speaker.withdraw(PEER, "10.0.0.0/24"))
    add(batcher, speaker.announce(PEER, "10.0.0.0/24", med=7))
    add(batcher, speaker.withdraw(PEER, "10.0.0.0/24"))
    batch = await batcher.next()
    assert batch is not None
    assert batch.size == 4
    assert last(batch) == batch.routes.events[3:]
    (latest,) = batch.routes.latest.values()
    assert list(latest.repeated()) == [batch.routes.events]


async def test_a_route_with_one_event_is_not_repeated(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/24", "10.0.1.0/24"))
    add(batcher, speaker.withdraw(PEER, "10.0.0.0/24"))
    add(batcher, speaker.announce(PEER, "10.0.2.0/24", med=7))
    batch = await batcher.next()
    assert batch is not None
    (latest,) = batch.routes.latest.values()
    assert list(latest.repeated()) == [[batch.routes.events[0], batch.routes.events[2]]]


async def test_after_the_end_of_a_peers_routes_the_next_batch_begins(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/24"), peer_id=1)
    batcher.add_change(down(1))
    add(batcher, speaker.announce(PEER, "10.0.0.0/24"), peer_id=2)
    add(batcher, speaker.announce(PEER, "10.0.1.0/24"), peer_id=1)
    first = await batcher.next()
    assert first is not None
    assert first.size == 2
    assert first.after_routes == [down(1)]
    batcher.close()
    second = await batcher.next()
    assert second is not None
    assert second.size == 1


async def test_messages_are_numbered_in_their_order_and_by_their_writer(batcher: Batcher) -> None:
    assert [batcher.next_seq(), batcher.next_seq()] == [1, 2]
    batcher.number_for(3)
    assert [batcher.next_seq(), batcher.next_seq()] == [(3 << 40) + 1, (3 << 40) + 2]


async def test_views_and_families_do_not_replace_each_other(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"))
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"), RibView.ADJ_RIB_IN_POST)
    # a00::/8 has the same two octets on the wire as 10.0.0.0/8.
    add(batcher, speaker.announce6(PEER, "a00::/8"))
    add(batcher, speaker.announce6(PEER, "a00::/8"), RibView.ADJ_RIB_IN_POST)
    batch = await batcher.next()
    assert batch is not None
    assert len(batch.routes.latest) == 4


async def test_routers_wait_while_the_queue_is_full(batcher: Batcher) -> None:
    for start in range(2):
        add(batcher, speaker.announce(PEER, *prefixes(4, start)))
    waiting = asyncio.create_task(batcher.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    batch = await batcher.next()
    assert batch is not None
    batcher.written(batch)
    await waiting


async def test_a_change_alone_makes_a_batch(batcher: Batcher, clock: Clock) -> None:
    named = RouterNamed(seq=1, router_id=1, sys_name="edge-1", sys_descr=None)
    batcher.add_word(named)
    clock.now += 1
    batch = await batcher.next()
    assert batch is not None
    assert list(batch.words.values()) == [named]


async def test_what_a_router_says_of_itself_again_and_again_is_written_once(
    batcher: Batcher, clock: Clock
) -> None:
    for seq in range(100):
        batcher.add_word(RouterNamed(seq=seq, router_id=1, sys_name=f"edge-{seq}", sys_descr=None))
        batcher.add_word(statistics(seq, {(seq % 3, None): seq}))
    clock.now += 1
    batch = await batcher.next()
    assert batch is not None
    assert batch.last_seq == 99
    named, reported = batch.words.values()
    assert isinstance(named, RouterNamed)
    assert named.sys_name == "edge-99"
    assert reported == statistics(99, {(0, None): 99, (1, None): 97, (2, None): 98})


def statistics(seq: int, values: dict[tuple[int, int | None], int]) -> StatisticsReported:
    return StatisticsReported(
        seq=seq, time_us=1, router_time_us=None, peer_id=1, session=1, values=values
    )


def complete(peer_id: int) -> TableComplete:
    return TableComplete(
        seq=9, time_us=1, router_time_us=None, peer_id=peer_id, session=1, family=257, view=0
    )


async def test_the_ends_of_several_tables_need_one_batch(batcher: Batcher, clock: Clock) -> None:
    batcher.add_change(complete(1))
    batcher.add_change(complete(1))
    batcher.add_change(down(1))
    clock.now += 1
    batch = await batcher.next()
    assert batch is not None
    assert batch.after_routes == [complete(1), complete(1), down(1)]


async def test_who_needs_a_batch_of_its_own_waits_while_half_of_the_queue_is_taken(
    batcher: Batcher,
) -> None:
    add(batcher, speaker.announce(PEER, *prefixes(4)))
    batcher.add_change(complete(1))
    waiting = asyncio.create_task(batcher.wait_for_turn(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.wait_for(batcher.wait_for_turn(2), 1)
    assert not batcher.is_full
    batch = await batcher.next()
    assert batch is not None
    batcher.written(batch)
    await asyncio.wait_for(waiting, 1)


async def test_who_waits_for_a_batch_of_its_own_goes_on_when_others_have_filled_it(
    batcher: Batcher,
) -> None:
    add(batcher, speaker.announce(PEER, *prefixes(4)))
    batcher.add_change(complete(1))
    waiting = asyncio.create_task(batcher.wait_for_turn(1))
    await asyncio.sleep(0)
    add(batcher, speaker.announce(PEER, *prefixes(4)), peer_id=2)
    assert batcher.is_full
    batch = await batcher.next()
    assert batch is not None
    batcher.written(batch)
    await asyncio.wait_for(waiting, 1)
    assert not batcher.is_settled(1)


async def test_closing_hands_out_what_is_there_and_then_ends(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"))
    batcher.close()
    batch = await batcher.next()
    assert batch is not None
    batcher.written(batch)
    assert await batcher.next() is None
