"""Batches: when one is handed out, what is in it, and when routers are made to wait."""

from __future__ import annotations

import asyncio

import pytest

from services.ingest.batch import Batcher
from services.ingest.changes import RouterNamed
from services.ingest.registry import PeerSession
from services.ingest.wire import RibView, RouteMonitoring, StreamDecoder, Update
from tests.ingest import speaker

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


def add(batcher: Batcher, data: bytes, view: RibView = RibView.ADJ_RIB_IN_PRE) -> None:
    batcher.add_update(
        PeerSession(1, 1, is_inferred=False), view, update(data), 1_700_000_000_000_000
    )


def prefixes(count: int, start: int = 0) -> list[str]:
    return [f"10.{start}.{i}.0/24" for i in range(count)]


async def test_a_full_batch_is_handed_out_at_once(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, *prefixes(4)))
    batch = await batcher.next()
    assert batch is not None
    assert len(batch.events) == 4
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
    assert len(batch.events) == 1
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
    assert len(batch.events) == 4
    assert list(batch.rib_rows()) == batch.events[2:]


async def test_an_announcement_takes_back_the_withdrawal_before_it(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/24", "10.0.1.0/24"))
    add(batcher, speaker.withdraw(PEER, "10.0.0.0/24"))
    add(batcher, speaker.announce(PEER, "10.0.0.0/24", med=7))
    batch = await batcher.next()
    assert batch is not None
    assert set(batch.rib_rows()) == {batch.events[1], batch.events[3]}


async def test_views_and_families_do_not_replace_each_other(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"))
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"), RibView.ADJ_RIB_IN_POST)
    # a00::/8 has the same two octets on the wire as 10.0.0.0/8.
    add(batcher, speaker.announce6(PEER, "a00::/8"))
    add(batcher, speaker.announce6(PEER, "a00::/8"), RibView.ADJ_RIB_IN_POST)
    batch = await batcher.next()
    assert batch is not None
    assert len(batch.latest) == 4


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
    batcher.add_change(RouterNamed(1, "edge-1", None))
    clock.now += 1
    batch = await batcher.next()
    assert batch is not None
    assert batch.changes == [RouterNamed(1, "edge-1", None)]


async def test_closing_hands_out_what_is_there_and_then_ends(batcher: Batcher) -> None:
    add(batcher, speaker.announce(PEER, "10.0.0.0/8"))
    batcher.close()
    batch = await batcher.next()
    assert batch is not None
    batcher.written(batch)
    assert await batcher.next() is None
