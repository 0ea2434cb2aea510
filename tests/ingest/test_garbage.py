"""What nothing refers to any more is cleared away, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from services.ingest.ages import age
from services.ingest.janitor import Janitor
from services.ingest.repository import garbage
from tests.ingest import speaker, speaker_mp
from tests.ingest.store import connected, make_partitions, until_somebody_waits

if TYPE_CHECKING:
    from services.ingest.database import Conn
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
UP = speaker.peer_up(PEER)
ROUTES = age("5y")
DAY = timedelta(days=1)

_OLD_ROUTE = """
UPDATE rib.{} SET first_seen = first_seen - interval '6 years',
       last_changed = last_changed - interval '6 years',
       last_confirmed = last_confirmed - interval '6 years'
"""
_SIX_YEARS_AGO = (
    *map(_OLD_ROUTE.format, garbage.ROUTES),
    "UPDATE rib.path_attributes SET last_used = last_used - interval '6 years'",
    "UPDATE rib.nlri SET last_used = last_used - interval '6 years'",
    "UPDATE rib.sweep SET time = time - interval '6 years'",
)


@pytest.fixture
def janitor(migrated_url: str) -> Janitor:
    return Janitor(SecretStr(migrated_url), routes=ROUTES, sessions=age("6mo"))


async def age_everything(ingest: Ingest, url: str) -> None:
    """As if all that is stored had happened six years ago."""
    moment = datetime.now(UTC) - timedelta(days=2192)
    await make_partitions(url, moment, moment - DAY, moment + DAY)
    for statement in _SIX_YEARS_AGO:
        await ingest.row(statement)


async def test_only_routes_that_are_gone_for_long_are_cleared_away(
    ingest: Ingest, migrated_url: str, janitor: Janitor
) -> None:
    mac, other_mac = (speaker_mp.mac_route(f"02:00:00:00:00:0{n}") for n in (1, 2))
    async with ingest.connected() as router:
        router.write(UP + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8", med=1))
        router.write(speaker.withdraw(PEER, "11.0.0.0/8"))
        router.write(speaker_mp.announce(PEER, speaker_mp.EVPN, mac, other_mac, med=2))
        router.write(speaker_mp.withdraw(PEER, speaker_mp.EVPN, other_mac))
        await ingest.until_committed(6)
        await age_everything(ingest, migrated_url)
        router.write(speaker.announce(PEER, "12.0.0.0/8", med=3))
        router.write(speaker.withdraw(PEER, "12.0.0.0/8"))
        await ingest.until_committed(8)
        await janitor.collect_garbage()
    await janitor.close()
    routes = "SELECT prefix::text FROM rib.route ORDER BY 1"
    assert await ingest.column(routes) == ["10.0.0.0/8", "12.0.0.0/8"]
    assert await ingest.column("SELECT key FROM rib.nlri JOIN rib.nlri_route USING (nlri_id)") == [
        mac[:1] + mac[2:10] + mac[20:32]
    ]
    assert await ingest.value("SELECT count(*) FROM rib.nlri") == 1
    assert await ingest.column("SELECT med FROM rib.path_attributes ORDER BY 1") == [1, 2, 3]


async def test_what_went_with_a_session_is_cleared_away_when_that_is_long_ago(
    ingest: Ingest, migrated_url: str, janitor: Janitor
) -> None:
    left = "SELECT count(*) FROM rib.route"
    async with ingest.connected() as router:
        router.write(UP + speaker.announce(PEER, "10.0.0.0/8") + speaker.peer_down(PEER))
        await ingest.until("SELECT state FROM rib.peer", "down")
        await age_everything(ingest, migrated_url)
        await ingest.row("UPDATE rib.sweep SET time = now()")
        await janitor.collect_garbage()
        assert await ingest.value(left) == 1  # announced long ago, gone today
        await age_everything(ingest, migrated_url)
        await janitor.collect_garbage()
        assert await ingest.value(left) == 0
        assert await ingest.value("SELECT count(*) FROM rib.path_attributes") == 0
    await janitor.close()


async def test_routes_of_a_router_that_is_long_lost_are_kept(
    ingest: Ingest, migrated_url: str, janitor: Janitor
) -> None:
    await ingest.say(UP, speaker.announce(PEER, "10.0.0.0/8"))
    await age_everything(ingest, migrated_url)
    await janitor.collect_garbage()
    await janitor.close()
    assert await ingest.value("SELECT state FROM current_routes") == "stale"
    assert await ingest.value("SELECT count(*) FROM rib.path_attributes") == 1


async def test_a_route_that_comes_back_while_it_is_cleared_away_stays(
    ingest: Ingest, migrated_url: str
) -> None:
    await ingest.say(UP, speaker.announce(PEER, "10.0.0.0/8"), speaker.withdraw(PEER, "10.0.0.0/8"))
    await age_everything(ingest, migrated_url)
    async with connected(migrated_url) as writer, connected(migrated_url) as cleaner:
        async with writer.transaction():
            await writer.execute("SELECT FROM rib.peer_rib FOR NO KEY UPDATE")
            removing = asyncio.create_task(remove(cleaner, "route"))
            await until_somebody_waits(writer)
            await writer.execute(
                "UPDATE rib.route SET is_withdrawn = false, last_confirmed = clock_timestamp()"
            )
        assert await removing == 0
    assert await ingest.value("SELECT count(*) FROM rib.route") == 1


async def test_attributes_that_are_used_again_while_they_are_cleared_away_stay(
    ingest: Ingest,
    migrated_url: str,
) -> None:
    await ingest.say(UP, speaker.announce(PEER, "10.0.0.0/8"))
    await ingest.row("DELETE FROM rib.route")
    await age_everything(ingest, migrated_url)
    async with connected(migrated_url) as writer, connected(migrated_url) as cleaner:
        async with writer.transaction():
            await writer.execute("UPDATE rib.path_attributes SET last_used = current_date")
            removing = asyncio.create_task(remove(cleaner, "path_attributes"))
            await until_somebody_waits(writer)
        assert await removing == 0
    assert await ingest.value("SELECT count(*) FROM rib.path_attributes") == 1


async def test_attributes_that_are_announced_while_they_are_cleared_away_come_back(
    ingest: Ingest,
    migrated_url: str,
) -> None:
    announced = speaker.announce(PEER, "10.0.0.0/8")
    await ingest.say(UP, announced)
    await ingest.row("DELETE FROM rib.route")
    await age_everything(ingest, migrated_url)
    async with connected(migrated_url) as cleaner, connected(migrated_url) as other:
        transaction = cleaner.transaction()
        await transaction.start()
        assert await remove(cleaner, "path_attributes") == 1
        batcher = ingest.collector.batcher
        batcher._known_attributes = type(batcher._known_attributes)(10)  # another day
        async with ingest.connected() as router:
            router.write(UP + announced)
            await until_somebody_waits(other)
            await transaction.commit()
            await ingest.until_committed(2)
    assert (
        await ingest.value(
            "SELECT count(*) FROM rib.route JOIN rib.path_attributes USING (attr_id)"
        )
        == 1
    )


async def test_a_table_is_cleared_piece_by_piece(
    ingest: Ingest, migrated_url: str, janitor: Janitor
) -> None:
    assert await pieces(migrated_url, "route") == []
    prefixes = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(400)]
    await ingest.say(
        UP,
        *(speaker.announce(PEER, *prefixes[i : i + 100]) for i in range(0, 400, 100)),
        *(speaker.withdraw(PEER, *prefixes[i : i + 100]) for i in range(0, 300, 100)),
    )
    await age_everything(ingest, migrated_url)
    assert await pieces(migrated_url, "route") == [(0, garbage.PAGES)]
    async with connected(migrated_url) as conn:
        pages = await conn.fetchval("SELECT pg_relation_size('rib.route') / 8192")
        removed = [
            await garbage.remove_routes(conn, "route", (page, page + 1), ROUTES)
            for page in range(pages)
        ]
    assert sum(removed) == 300
    assert sum(1 for one in removed if one) > 1
    await janitor.collect_garbage()
    await janitor.close()
    assert await ingest.value("SELECT count(*) FROM rib.route") == 100


async def pieces(url: str, table: str) -> list[tuple[int, int]]:
    async with connected(url) as conn:
        return await garbage.pieces(conn, table)


async def remove(conn: Conn, table: str) -> int:
    work: Any = garbage.remove_routes if table in garbage.ROUTES else garbage.remove_unused
    removed = 0
    for piece in await garbage.pieces(conn, table):
        removed += await work(conn, table, piece, ROUTES)
    return removed
