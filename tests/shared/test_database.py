"""The database: how it is named, migrated, and reported when it is away."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from pydantic import SecretStr

from shared.db.engine import describe, plain_url
from shared.db.errors import DatabaseUnavailable, translated
from shared.db.migrate import migrate
from shared.errors import ConfigurationError, UserError


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("postgresql://u:p%40ss@db:5433/x", "postgresql://u:p%40ss@db:5433/x"),
        ("postgres://u@db/x", "postgresql://u@db/x"),
        ("postgresql+asyncpg://u@db/x", "postgresql://u@db/x"),
        ("postgresql://u@/x?host=/run/here", "postgresql://u@/x?host=%2Frun%2Fhere"),
    ],
)
def test_every_spelling_of_a_postgresql_url_is_taken(given: str, plain: str) -> None:
    assert plain_url(SecretStr(given)) == plain


def test_a_description_hides_the_password() -> None:
    url = SecretStr("postgresql://u:hunter2@db/x")
    assert describe(url) == "postgresql://u:***@db/x"


@pytest.mark.parametrize(
    "given", ["nonsense", "mysql://u:hunter2@db/x", "postgresql://u:pw@h:hunter2@db/x"]
)
def test_what_is_no_postgresql_url_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        plain_url(SecretStr(given))
    assert "hunter2" not in str(caught.value)


async def test_many_services_may_migrate_at_once(database_url: str) -> None:
    await asyncio.gather(*(migrate(SecretStr(database_url)) for _ in range(5)))
    conn = await asyncpg.connect(database_url)
    try:
        assert await conn.fetchval("SELECT count(*) FROM alembic_version") == 1
        assert await conn.fetchval("SELECT count(*) FROM rib.route") == 0
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert await conn.fetchval(locks) == 0
    finally:
        await conn.close()


async def test_a_schema_from_the_future_is_refused(database_url: str) -> None:
    await migrate(SecretStr(database_url))
    conn = await asyncpg.connect(database_url)
    await conn.execute("UPDATE alembic_version SET version_num = '9999'")
    await conn.close()
    with pytest.raises(UserError, match="9999, which this bgpilot does not know"):
        await migrate(SecretStr(database_url))


async def test_a_schema_that_is_in_the_way_is_one_sentence_and_stays_as_it_was(
    database_url: str,
) -> None:
    conn = await asyncpg.connect(database_url)
    await conn.execute("CREATE SCHEMA rib; CREATE TABLE rib.peer (mine text)")
    with pytest.raises(UserError, match='"rib" already exists; nothing was'):
        await migrate(SecretStr(database_url))
    assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'rib'") == 1
    await conn.close()


async def test_a_database_that_is_not_there_is_one_sentence(database_url: str) -> None:
    nowhere = database_url.replace("/test_", "/missing_")
    url = SecretStr(nowhere)
    with pytest.raises(DatabaseUnavailable, match="does not exist") as caught, translated(url):
        await migrate(url)
    assert "\n" not in str(caught.value)


async def test_longest_match_helpers_agree_with_the_address_arithmetic(database_url: str) -> None:
    await migrate(SecretStr(database_url))
    conn = await asyncpg.connect(database_url)
    try:
        covering = await conn.fetchval("SELECT rib.covering('192.0.2.1'::inet)::text[]")
        assert len(covering) == 33
        assert covering[0] == "0.0.0.0/0"
        assert covering[24] == "192.0.2.0/24"
        assert covering[32] == "192.0.2.1/32"
        last = await conn.fetchval("SELECT rib.last_inside('2001:db8::/32')::text")
        assert last == "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128"
    finally:
        await conn.close()
