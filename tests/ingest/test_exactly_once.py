"""A route is written once, whatever happens to the connection to the database."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from services.ingest.keeper import WriterTakenForDead
from services.ingest.repository import identities
from shared.web.health import NotReady
from tests.ingest import speaker
from tests.ingest.conftest import running
from tests.ingest.store import connected, end_connections
from tests.ingest.unreliable import unreliable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.unreliable import Cut

PEER = speaker.Peer()
UP = speaker.peer_up(PEER)
EVENTS = "SELECT count(*) FROM rib.route_event"


@pytest.fixture
async def socket_url(migrated_url: str) -> AsyncIterator[str]:
    if "host=" not in migrated_url:
        pytest.skip("the proxy speaks to PostgreSQL's Unix socket, and this server is elsewhere")
    return migrated_url


def routes(count: int) -> bytes:
    return b"".join(speaker.announce(PEER, f"10.0.{i}.0/24") for i in range(count))


@pytest.mark.parametrize("cut", ["before the commit", "after the commit"])
async def test_a_connection_lost_while_committing_neither_drops_nor_doubles(
    socket_url: str, cut: Cut
) -> None:
    async with (
        unreliable(socket_url) as (proxy, url),
        running(url, look=socket_url) as ingest,
        ingest.connected() as router,
    ):
        router.write(UP + routes(1))
        await ingest.until_committed(1)
        proxy.lose_next(cut)
        router.write(routes(100))
        await ingest.until_committed(101)
        assert proxy.lost == 1
        router.write(routes(50))
        await ingest.until_committed(151)
        assert await ingest.value(EVENTS) == 151
        assert await ingest.value("SELECT count(*) FROM rib.route") == 100


async def test_a_connection_lost_within_a_copy_is_noticed_at_once(socket_url: str) -> None:
    prefixes = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(20_000)]
    announced = [speaker.announce(PEER, *prefixes[i : i + 500]) for i in range(0, 20_000, 500)]
    async with (
        unreliable(socket_url) as (proxy, url),
        running(url, look=socket_url, ingest_batch_rows=20_000) as ingest,
        ingest.connected() as router,
    ):
        router.write(UP + routes(1))
        await ingest.until_committed(1)
        proxy.lose_next("within a copy")
        router.writelines(announced)
        await ingest.until_committed(20_001)
        assert proxy.lost == 1


async def test_many_losses_in_a_row_are_survived(socket_url: str) -> None:
    async with (
        unreliable(socket_url) as (proxy, url),
        running(url, look=socket_url, ingest_batch_rows=10) as ingest,
        ingest.connected() as router,
    ):
        router.write(UP + routes(1))
        await ingest.until_committed(1)
        proxy.lose_next("after the commit", "before the commit", "after the commit")
        router.write(routes(200))
        await ingest.until_committed(201)
        assert proxy.lost == 3
        assert await ingest.value(EVENTS) == 201


async def test_a_server_that_ends_our_connections_loses_nothing(migrated_url: str) -> None:
    async with running(migrated_url) as ingest, ingest.connected() as router:
        router.write(UP)
        for expected in (100, 200, 300):
            router.write(routes(100))
            await ingest.row(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name LIKE 'bgpilot ingest%'"
            )
            await ingest.until_committed(expected)


async def test_while_the_database_is_away_routers_stay_connected_and_wait(
    socket_url: str,
) -> None:
    async with (
        unreliable(socket_url) as (proxy, url),
        running(url, look=socket_url, ingest_queue_batches=2) as ingest,
        ingest.connected() as router,
    ):
        router.write(UP + routes(1))
        await ingest.until_committed(1)
        proxy.is_refusing = True
        proxy.lose_next("before the commit")
        everything = routes(256) * 40
        router.write(everything)
        async with asyncio.timeout(10):
            while ingest.collector.writer.reason is None:
                await asyncio.sleep(0.01)
        with pytest.raises(NotReady):
            await ingest.collector.check_database()
        # Two batches may wait and one is being written; the rest is held up in the sockets.
        assert ingest.collector.batcher.pending_routes < 500
        assert ingest.collector.station.connections == 1
        proxy.is_refusing = False
        await ingest.until_committed(1 + 256 * 40)
        assert await ingest.value(EVENTS) == 1 + 256 * 40
        await ingest.collector.check_database()


async def test_a_writer_that_was_taken_for_dead_in_the_middle_of_a_commit_doubles_nothing(
    socket_url: str,
) -> None:
    with contextlib.suppress(WriterTakenForDead):  # as it may learn before it stops
        async with (
            unreliable(socket_url) as (proxy, url),
            running(url, look=socket_url) as cut_off,
            running(socket_url) as other,
        ):
            async with cut_off.connected() as router:
                router.write(UP + routes(1))
                await cut_off.until_committed(1)
                proxy.is_refusing = True
                proxy.lose_next("after the commit")
                router.write(routes(100))
                await cut_off.until(EVENTS, 101)
                await other.say(UP + speaker.announce(PEER, "192.0.2.0/24"))
                async with connected(socket_url) as conn, conn.transaction():
                    writer_id = await conn.fetchval("SELECT min(writer_id) FROM rib.writer")
                    await end_connections(conn, writer_id)
                    await identities.bury(conn, [writer_id])
                    await identities.clear_up(conn)
                proxy.is_refusing = False
            await cut_off.until_idle()
            assert proxy.lost == 1
            assert await other.value(EVENTS) == 102
            assert await other.value("SELECT count(*) FROM rib.route") == 101
