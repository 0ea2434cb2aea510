"""Partitions, hypertables or nodes: which one a database gets, and that nothing else changes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import SecretStr

from shared.db.layout import (
    BY_TIME,
    DETECT,
    Extension,
    Layout,
    choose,
    citus_statements,
    timescale_statements,
)
from shared.db.migrate import migrate
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Extension(is_available=True, is_loaded=True)
NOT_LOADED = Extension(is_available=True, is_loaded=False)
ABSENT = Extension(is_available=False, is_loaded=False)

_KIND = "SELECT relkind FROM pg_class WHERE oid = 'rib.{}'::regclass"
_SHAPE = """
SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
                 ORDER BY a.attnum)
  FROM pg_attribute AS a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0
"""
_INDEXES = """
SELECT array_agg(regexp_replace(pg_get_indexdef(indexrelid), '^.* USING', '') ORDER BY 1)
  FROM pg_index WHERE indrelid = $1::text::regclass
"""
# Where a server says what extensions it has, said otherwise.
_FAKE_CATALOGUE = """
CREATE SCHEMA fake;
CREATE VIEW fake.pg_available_extensions AS SELECT 'timescaledb'::name AS name;
CREATE VIEW fake.pg_settings AS SELECT 'timescaledb.disable_load'::text AS name;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = fake, pg_catalog, public',
                           current_database()); END $$;
"""
# Functions with the signatures of the extension's.
_FAKE_TIMESCALE = """
CREATE SCHEMA "time scale";
CREATE TABLE "time scale".calls (name text, relation regclass, argument text);
CREATE FUNCTION "time scale".by_range(column_name name, partition_interval interval) RETURNS text
    LANGUAGE sql AS $$ SELECT column_name || ' by ' || partition_interval $$;
CREATE FUNCTION "time scale".create_hypertable(
    relation regclass, dimension text, create_default_indexes boolean DEFAULT true) RETURNS text
    LANGUAGE sql AS $$ INSERT INTO "time scale".calls
        VALUES ('create_hypertable', relation, dimension) RETURNING '' $$;
CREATE FUNCTION "time scale".add_compression_policy(relation regclass, compress_after interval)
    RETURNS int LANGUAGE sql AS $$ INSERT INTO "time scale".calls
        VALUES ('add_compression_policy', relation, compress_after::text) RETURNING 1 $$;
"""


@pytest.mark.parametrize(
    ("wanted", "timescale", "citus", "chosen"),
    [
        (Layout.AUTO, ABSENT, ABSENT, Layout.PARTITIONS),
        (Layout.AUTO, NOT_LOADED, ABSENT, Layout.PARTITIONS),
        (Layout.AUTO, HERE, ABSENT, Layout.TIMESCALEDB),
        (Layout.AUTO, ABSENT, HERE, Layout.PARTITIONS),
        (Layout.AUTO, HERE, HERE, Layout.TIMESCALEDB),
        (Layout.PARTITIONS, HERE, HERE, Layout.PARTITIONS),
        (Layout.TIMESCALEDB, HERE, ABSENT, Layout.TIMESCALEDB),
        (Layout.CITUS, HERE, HERE, Layout.CITUS),
    ],
)
def test_the_layout_follows_from_what_is_wanted_and_there(
    wanted: Layout, timescale: Extension, citus: Extension, chosen: Layout
) -> None:
    assert choose(wanted, {"timescaledb": timescale, "citus": citus}) is chosen


@pytest.mark.parametrize(
    ("extension", "place"), [(ABSENT, "its extensions"), (NOT_LOADED, "shared_preload_libraries")]
)
def test_what_is_asked_for_and_not_there_is_said_in_one_sentence(
    extension: Extension, place: str
) -> None:
    with pytest.raises(UserError, match=f"DATABASE_LAYOUT is citus.*{place}"):
        choose(Layout.CITUS, {"timescaledb": HERE, "citus": extension})


async def test_a_server_without_extensions_gets_partitions(database_url: str) -> None:
    await _skip_if_usable(database_url, "timescaledb")
    await migrate(SecretStr(database_url), Layout.AUTO)
    async with _connected(database_url) as conn:
        for table in BY_TIME:
            assert await conn.fetchval(_KIND.format(table)) == b"p", table


async def test_a_server_whose_extension_cannot_be_created_gets_partitions(
    database_url: str,
) -> None:
    await _skip_if_usable(database_url, "timescaledb")
    async with _connected(database_url) as conn:
        await conn.execute(_FAKE_CATALOGUE)
    async with _connected(database_url) as conn:
        extensions = {name: (there, loaded) for name, there, loaded in await conn.fetch(DETECT)}
        assert extensions == {"timescaledb": (True, True), "citus": (False, False)}
    with pytest.raises(UserError, match="timescaledb"):
        await migrate(SecretStr(database_url), Layout.TIMESCALEDB)
    await migrate(SecretStr(database_url), Layout.AUTO)
    async with _connected(database_url) as conn:
        assert await conn.fetchval(_KIND.format("route_event")) == b"p"


async def test_a_migration_that_cannot_have_its_layout_leaves_nothing_half_done(
    database_url: str,
) -> None:
    await _skip_if_usable(database_url, "citus")
    with pytest.raises(UserError, match="citus"):
        await migrate(SecretStr(database_url), Layout.CITUS)
    await migrate(SecretStr(database_url), Layout.PARTITIONS)
    async with _connected(database_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM route_updates") == 0


async def test_a_hypertable_has_the_columns_and_indexes_of_the_partitioned_table(
    database_url: str,
) -> None:
    await migrate(SecretStr(database_url), Layout.PARTITIONS)
    async with _connected(database_url) as conn:
        await conn.execute("DROP VIEW route_updates, current_routes, peer_events")
        before = {table: await _shape(conn, table) for table in BY_TIME}
        await conn.execute(_FAKE_TIMESCALE)
        for statement in timescale_statements('"time scale"'):
            if "SET (timescaledb" not in statement:  # an option of the real extension alone
                await conn.execute(statement)
        for table, shape in before.items():
            assert await _shape(conn, table) == shape, table
            assert await conn.fetchval(_KIND.format(table)) == b"r", table
        calls = await conn.fetch(
            'SELECT name, relation::text, argument FROM "time scale".calls ORDER BY name, relation'
        )
        assert sorted(map(tuple, calls)) == sorted(
            [
                *(("create_hypertable", f"rib.{t}", f"{c} by 7 days") for t, c in BY_TIME.items()),
                *(("add_compression_policy", f"rib.{table}", "30 days") for table in BY_TIME),
            ]
        )


async def test_what_is_compressed_is_ordered_by_columns_that_are_there(database_url: str) -> None:
    await migrate(SecretStr(database_url), Layout.PARTITIONS)
    options = [one for one in timescale_statements("public") if "SET (timescaledb" in one]
    assert len(options) == len(BY_TIME)
    async with _connected(database_url) as conn:
        for option in options:
            table = option.split()[2]
            columns = {
                column
                for part in option.split(" = '")[1:]
                for column in part.split("'")[0].split(", ")
            }
            there = await conn.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass", table
            )
            assert columns < {row[0] for row in there}


def test_citus_keeps_the_routes_of_a_rib_together() -> None:
    assert [one.split("'")[1:4:2] for one in citus_statements()] == [
        ["rib.route_event", "rib_id"],
        ["rib.nlri_event", "rib_id"],
    ]


async def test_timescaledb_where_it_is_there_keeps_the_history(database_url: str) -> None:
    await _skip_unless_usable(database_url, "timescaledb")
    await migrate(SecretStr(database_url), Layout.AUTO)
    async with _connected(database_url) as conn:
        hypertables = await conn.fetch(
            "SELECT hypertable_name::text FROM timescaledb_information.hypertables "
            "WHERE hypertable_schema = 'rib' AND compression_enabled"
        )
        assert {row[0] for row in hypertables} == set(BY_TIME)
        policies = await conn.fetchval(
            "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name LIKE "
            "'policy_compression' AND hypertable_schema = 'rib'"
        )
        assert policies == len(BY_TIME)
        for table, column in BY_TIME.items():
            interval = await conn.fetchval(
                "SELECT time_interval = INTERVAL '7 days' AND column_name = $2 "
                "FROM timescaledb_information.dimensions WHERE hypertable_name = $1",
                table,
                column,
            )
            assert interval, table
        assert await conn.fetchval("SELECT count(*) FROM route_updates") == 0


async def test_citus_where_it_is_there_and_asked_for_spreads_the_history(database_url: str) -> None:
    await _skip_unless_usable(database_url, "citus")
    await migrate(SecretStr(database_url), Layout.CITUS)
    async with _connected(database_url) as conn:
        spread = await conn.fetch("SELECT table_name::text, distribution_column FROM citus_tables")
        assert sorted(map(tuple, spread)) == [
            ("rib.nlri_event", "rib_id"),
            ("rib.route_event", "rib_id"),
        ]
        assert await conn.fetchval("SELECT count(*) FROM route_updates") == 0


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    conn = await asyncpg.connect(url)
    try:
        yield conn
    finally:
        await conn.close()


async def _shape(conn: asyncpg.Connection[Any], table: str) -> tuple[object, object]:
    name = f"rib.{table}"
    return await conn.fetchval(_SHAPE, name), await conn.fetchval(_INDEXES, name)


async def _is_usable(url: str, name: str) -> bool:
    async with _connected(url) as conn:
        found = {row[0]: Extension(row[1], row[2]) for row in await conn.fetch(DETECT)}
        return found[name].is_usable


async def _skip_unless_usable(url: str, name: str) -> None:
    if not await _is_usable(url, name):
        pytest.skip(f"this PostgreSQL server does not have {name} (BGPILOT_TEST_DATABASE_URL)")


async def _skip_if_usable(url: str, name: str) -> None:
    if await _is_usable(url, name):
        pytest.skip(f"this PostgreSQL server has {name}")
