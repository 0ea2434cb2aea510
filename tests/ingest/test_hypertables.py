"""The store on TimescaleDB, where that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.ingest.ages import age
from services.ingest.repository import partitions
from shared.db.layout import BY_TIME, DETECT
from tests.ingest import speaker, test_spec_queries
from tests.ingest.conftest import running
from tests.ingest.store import connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()


@pytest.fixture
async def hyper(migrated_url: str) -> AsyncIterator[Ingest]:
    async with connected(migrated_url) as conn:
        usable = {name: there and loaded for name, there, loaded in await conn.fetch(DETECT)}
    if not usable["timescaledb"]:
        pytest.skip("this PostgreSQL server does not have timescaledb (BGPILOT_TEST_DATABASE_URL)")
    async with running(migrated_url) as ingest:
        yield ingest


async def test_queries_say_the_same_before_and_after_compression(hyper: Ingest) -> None:
    flaps = speaker.announce(PEER, "10.0.0.0/8") + speaker.withdraw(PEER, "10.0.0.0/8")
    await hyper.say(speaker.peer_up(PEER), flaps * 3, speaker.announce(PEER, "11.0.0.0/8"))
    before = [await hyper.rows(q) for q in (test_spec_queries.CHURN, test_spec_queries.CURRENT)]
    assert [len(rows) for rows in before] == [1, 1]
    chunks = [await hyper.column(f"SELECT compress_chunk(show_chunks('rib.{t}'))") for t in BY_TIME]
    assert sum(map(len, chunks)) >= 4
    after = [await hyper.rows(q) for q in (test_spec_queries.CHURN, test_spec_queries.CURRENT)]
    assert after == before
    await hyper.say(speaker.peer_up(PEER), flaps)
    assert await hyper.value("SELECT count(*) FROM route_updates") == 9


async def test_it_is_told_what_is_kept_and_makes_its_own_chunks(
    hyper: Ingest, migrated_url: str
) -> None:
    async with connected(migrated_url) as conn:
        for table in BY_TIME:
            assert await partitions.set_policy(conn, table, age("5y"))
            assert not await partitions.set_policy(conn, table, age("60mo"))
            assert await partitions.set_policy(conn, table, age("26w"))
            assert await partitions.old(conn, table, age("1d")) == []
        async with conn.transaction():
            await partitions.make_ahead(conn)
        assert await conn.fetchval("SELECT to_regclass('rib.route_event_20310512')") is None
