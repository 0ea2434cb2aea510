"""Partitions: made ahead, made when missing, dropped when they are old; and who does it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from pydantic import SecretStr

from services.ingest import metrics
from services.ingest.ages import age
from services.ingest.janitor import Janitor
from services.ingest.repository import chores, partitions
from shared.db.layout import BY_TIME, Layout
from shared.db.migrate import migrate
from tests.ingest import speaker, speaker_mp
from tests.ingest.store import connected, make_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.ingest.database import Conn
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
UP = speaker.peer_up(PEER)
ROUTES, SESSIONS = age("5y"), age("6mo")
DAY = timedelta(days=1)

PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{}'::regclass"


@pytest.fixture
async def migrated_url(database_url: str) -> str:
    """As everywhere else, but with partitions even where there is TimescaleDB."""
    await migrate(SecretStr(database_url), Layout.PARTITIONS)
    return database_url


@pytest.fixture
async def conn(migrated_url: str) -> AsyncIterator[Conn]:
    async with connected(migrated_url) as conn:
        yield conn


@pytest.fixture
def janitor(migrated_url: str) -> Janitor:
    return Janitor(SecretStr(migrated_url), routes=ROUTES, sessions=SESSIONS)


async def names(conn: Conn, table: str) -> set[str]:
    rows = await conn.fetch(PARTITIONS.format(f"rib.{table}"))
    return {row[0].removeprefix(f"rib.{table}_") for row in rows}


# ---- partitions


async def test_many_processes_make_the_same_partitions_once(migrated_url: str) -> None:
    async def make_ahead() -> None:
        async with connected(migrated_url) as conn, conn.transaction():
            await partitions.make_ahead(conn)

    await asyncio.gather(*(make_ahead() for _ in range(4)))
    async with connected(migrated_url) as conn:
        for table in BY_TIME:
            assert len(await names(conn, table)) == 4, table


async def test_a_partition_begins_on_monday_in_every_time_zone(migrated_url: str) -> None:
    async with connected(migrated_url) as conn, conn.transaction():
        await conn.execute("SET LOCAL timezone = 'Pacific/Auckland'")
        await partitions.make_for(conn, [datetime(2031, 5, 11, 23, 59, tzinfo=UTC)])
        await partitions.make_for(conn, [datetime(2031, 5, 12, tzinfo=UTC)])
        assert await names(conn, "route_event") == {"20310505", "20310512"}
        insert = (
            "INSERT INTO rib.sweep (seq, time, peer_id, session, is_down) "
            "VALUES (1, $1, 1, 1, true)"
        )
        await conn.execute(insert, datetime(2031, 5, 11, 23, 59, 59, tzinfo=UTC))
        assert await conn.fetchval("SELECT count(*) FROM rib.sweep_20310505") == 1


async def test_a_partition_has_the_indexes_of_its_table(migrated_url: str, conn: Conn) -> None:
    await make_partitions(migrated_url, datetime(2031, 5, 12, tzinfo=UTC))
    of_table = "SELECT count(*) FROM pg_index WHERE indrelid = '{}'::regclass AND indisvalid"
    for table in BY_TIME:
        wanted = await conn.fetchval(of_table.format(f"rib.{table}"))
        assert wanted > 0
        assert await conn.fetchval(of_table.format(f"rib.{table}_20310512")) == wanted, table
    options = await conn.fetchval(
        "SELECT reloptions FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid "
        "JOIN pg_am ON pg_am.oid = relam AND amname = 'brin' "
        "WHERE indrelid = 'rib.route_event_20310512'::regclass"
    )
    assert set(options) == {"pages_per_range=32", "autosummarize=on"}


async def test_a_partition_is_made_while_the_table_is_read_and_written(
    migrated_url: str, conn: Conn
) -> None:
    await make_partitions(migrated_url, datetime(2031, 5, 12, tzinfo=UTC))
    async with conn.transaction():
        await conn.execute(
            "INSERT INTO rib.sweep (seq, time, peer_id, session, is_down) "
            "VALUES (1, '2031-05-12', 1, 1, true)"
        )
        await conn.fetch("SELECT * FROM route_updates")
        async with asyncio.timeout(10):
            await make_partitions(migrated_url, datetime(2031, 5, 19, tzinfo=UTC))


async def test_a_batch_whose_partition_is_missing_makes_it(ingest: Ingest) -> None:
    for table in BY_TIME:
        for name in await ingest.column(PARTITIONS.format(f"rib.{table}")):
            await ingest.row(f"DROP TABLE {name}")
    flaps = speaker.announce(PEER, "10.0.0.0/8") + speaker.withdraw(PEER, "10.0.0.0/8")
    evpn = speaker_mp.announce(PEER, speaker_mp.EVPN, speaker_mp.mac_route("02:00:00:00:00:01"))
    async with ingest.connected() as router:
        router.write(UP + flaps * 3 + evpn)
        await ingest.until_committed(7)
        for table in BY_TIME:
            assert len(await ingest.column(PARTITIONS.format(f"rib.{table}"))) == 1, table
        assert await ingest.value("SELECT count(*) FROM route_updates") == 7
        assert await ingest.value("SELECT sum(updates) FROM rib.churn_prefix") == 2


async def test_another_row_that_a_check_refuses_is_no_missing_partition(conn: Conn) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await conn.execute("INSERT INTO rib.progress (writer_id, stage) VALUES (1, 'nonsense')")
    assert not partitions.is_missing(caught.value)
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await conn.execute(
            "INSERT INTO rib.sweep (seq, time, peer_id, session, is_down) "
            "VALUES (1, '1999-01-01', 1, 1, true)"
        )
    assert partitions.is_missing(caught.value)


# ---- retention


async def test_what_is_older_than_is_kept_is_dropped_and_no_more(
    migrated_url: str, conn: Conn, janitor: Janitor
) -> None:
    now = datetime.now(UTC)
    ages = {"6 y": 2191 * DAY, "4 y": 1461 * DAY, "8 mo": 243 * DAY, "5 mo": 150 * DAY}
    await make_partitions(migrated_url, now, *(now - one for one in ages.values()))
    before = {table: await names(conn, table) for table in BY_TIME}
    await janitor.retire()
    for table, weeks in before.items():
        kept = 2 if table == "peer_event" else 4  # this week and 5 mo; and 8 mo and 4 y
        assert await names(conn, table) == set(sorted(weeks)[-kept:]), table
    await janitor.retire()
    await janitor.close()


async def test_a_week_is_kept_until_its_last_day_is_old(migrated_url: str, conn: Conn) -> None:
    now = datetime.now(UTC)
    monday = now - timedelta(days=now.weekday() + 21)
    await make_partitions(migrated_url, monday)
    days = (now - monday).days
    old = {n: await partitions.old(conn, "sweep", age(f"{days - n}d")) for n in (6, 7)}
    assert len(old[6]) == 0
    assert len(old[7]) == 1


async def test_a_partition_in_use_is_left_for_another_time_and_holds_up_nobody(
    migrated_url: str, conn: Conn
) -> None:
    await make_partitions(migrated_url, datetime(2001, 1, 1, tzinfo=UTC))
    ((name,)) = await partitions.old(conn, "route_event", ROUTES)
    async with connected(migrated_url) as reader, connected(migrated_url) as other:
        async with reader.transaction():
            await reader.fetch("SELECT count(*) FROM rib.route_event")
            with pytest.raises(asyncpg.LockNotAvailableError):
                async with conn.transaction():
                    await partitions.drop(conn, name)
            async with asyncio.timeout(10):
                await other.fetch("SELECT count(*) FROM rib.route_event")
        async with conn.transaction():
            await partitions.drop(conn, name)
    assert await partitions.old(conn, "route_event", ROUTES) == []


_FAKE_TIMESCALE = """
CREATE SCHEMA timescaledb_information;
CREATE TABLE timescaledb_information.jobs (
    proc_name name, hypertable_schema name, hypertable_name name, config jsonb);
CREATE FUNCTION public.remove_retention_policy(relation regclass, if_exists boolean) RETURNS void
    LANGUAGE sql AS $$ DELETE FROM timescaledb_information.jobs
        WHERE 'rib.' || hypertable_name = relation::text $$;
CREATE FUNCTION public.add_retention_policy(relation regclass, drop_after interval) RETURNS int
    LANGUAGE sql AS $$ INSERT INTO timescaledb_information.jobs
        SELECT 'policy_retention', 'rib', split_part(relation::text, '.', 2),
               jsonb_build_object('drop_after', drop_after) RETURNING 1 $$;
CREATE TABLE rib.whole (LIKE rib.sweep);
CREATE SCHEMA fake;
CREATE VIEW fake.pg_extension AS
    SELECT 'timescaledb'::name AS extname, 'public'::regnamespace::oid AS extnamespace;
SET search_path = fake, pg_catalog, public;
"""


async def test_timescaledb_is_told_what_is_kept_and_again_when_that_changes(conn: Conn) -> None:
    await conn.execute(_FAKE_TIMESCALE)
    assert await partitions.set_policy(conn, "whole", age("5y"))
    assert not await partitions.set_policy(conn, "whole", age("60mo"))
    assert await partitions.set_policy(conn, "whole", age("180d"))
    jobs = "SELECT hypertable_name::text, config->>'drop_after' FROM timescaledb_information.jobs"
    assert [tuple(row) for row in await conn.fetch(jobs)] == [("whole", "180 days")]
    assert not await partitions.set_policy(conn, "sweep", age("5y"))  # has partitions of ours


async def test_partitions_are_not_made_for_what_is_none_of_ours(conn: Conn) -> None:
    await conn.execute(
        "DROP VIEW peer_events; DROP TABLE rib.peer_event; CREATE TABLE rib.peer_event (a int)"
    )
    async with conn.transaction():
        await partitions.make_ahead(conn)
    assert await names(conn, "peer_event") == set()
    assert await names(conn, "sweep") != set()


# ---- chores


async def test_a_chore_is_done_by_one_of_many_and_not_at_the_first_start(
    migrated_url: str, conn: Conn
) -> None:
    async def claim(seconds: float = 3600.0) -> bool:
        async with connected(migrated_url) as own:
            return await chores.claim(own, "sweep the floor", seconds)

    assert not await claim()
    await conn.execute("UPDATE rib.chore SET begun_at = begun_at - interval '61 minutes'")
    assert sorted(await asyncio.gather(*(claim() for _ in range(5)))) == [False] * 4 + [True]
    await conn.execute("UPDATE rib.chore SET begun_at = begun_at + interval '1 year'")
    assert await claim()


async def test_a_task_that_fails_is_counted_and_the_next_is_done(
    migrated_url: str, conn: Conn, janitor: Janitor
) -> None:
    def failures() -> float:
        return metrics.KEEPER_FAILURES.labels("break a leg")._value.get()

    async def fail() -> None:
        raise ZeroDivisionError

    done: list[str] = []

    async def succeed() -> None:
        done.append("it")

    before = failures()
    for task, work in (("break a leg", fail), ("do it", succeed)):
        for _ in range(2):  # the first time is when it is known, not yet when it is due
            await janitor._attempt(task, 0.0, work)
    await janitor.close()
    assert failures() == before + 1
    assert done == ["it"]


async def test_it_works_by_itself_as_soon_as_work_is_due(migrated_url: str, conn: Conn) -> None:
    await make_partitions(migrated_url, datetime(2001, 1, 1, tzinfo=UTC))
    url = SecretStr(migrated_url)
    janitors = [Janitor(url, routes=ROUTES, sessions=SESSIONS, wake_seconds=0.01) for _ in range(2)]
    working = [asyncio.create_task(janitor.run()) for janitor in janitors]
    due = "UPDATE rib.chore SET begun_at = begun_at - interval '2 days'"
    async with asyncio.timeout(10):
        while await conn.execute(due) != "UPDATE 2":
            await asyncio.sleep(0.01)
        while await partitions.old(conn, "churn_origin", ROUTES):
            await asyncio.sleep(0.01)
    for task, janitor in zip(working, janitors, strict=True):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await janitor.close()
