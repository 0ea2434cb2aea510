"""Partitions by time: made ahead of the events that go into them, dropped when all in them is old.

Where TimescaleDB is, the tables are its hypertables: it makes and drops their chunks by itself, and
is only told how old they may grow.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from shared.db.layout import BY_TIME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.ingest.ages import Age
    from services.ingest.database import Conn

_AHEAD_WEEKS = 3
# Any number will do, as long as every bgpilot takes the same one.
_LOCK = 0x62677070

# What partitions are taken away from must be locked against its readers and writers, if only for a
# moment. Whoever comes meanwhile waits behind us for what we wait for: so not for long.
_WAIT = "SET LOCAL lock_timeout = '100ms'"

_PARTITIONED = """
SELECT relname::text FROM pg_class
 WHERE relnamespace = 'rib'::regnamespace AND relkind = 'p' AND relname = ANY ($1::text[])
"""
_OLD = """
SELECT c.oid::regclass::text
  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = $1::text::regclass
   AND substring(pg_get_expr(c.relpartbound, c.oid) FROM $$TO \\('([^']+)'\\)$$)::timestamptz
       <= clock_timestamp() - make_interval(months => $2, days => $3)
 ORDER BY 1
"""
_EXTENSION_SCHEMA = (
    "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb'"
)
_OTHER_POLICY = """
SELECT count(*) = 0 FROM timescaledb_information.jobs
 WHERE proc_name = 'policy_retention' AND hypertable_schema = 'rib' AND hypertable_name = $1
   AND (config->>'drop_after')::interval = make_interval(months => $2, days => $3)
"""


async def make_ahead(conn: Conn) -> None:
    """Makes the partitions of last week, this one and the next; those that are there stay."""
    now: datetime = await conn.fetchval("SELECT clock_timestamp()")
    await make_for(conn, [now + timedelta(weeks=week) for week in range(-1, _AHEAD_WEEKS)])


async def make_for(conn: Conn, moments: Iterable[datetime]) -> None:
    """Makes the partitions for what happened at these moments."""
    await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    mondays = sorted({_monday(moment) for moment in moments})
    for (table,) in await conn.fetch(_PARTITIONED, list(BY_TIME)):
        for monday in mondays:
            await _make(conn, table, monday)


def is_missing(error: Exception) -> bool:
    """Whether a row was refused because there is no partition for its time."""
    return (
        isinstance(error, asyncpg.CheckViolationError)
        and error.table_name in BY_TIME
        and error.constraint_name is None
    )


async def old(conn: Conn, table: str, age: Age) -> list[str]:
    """The partitions of a table in which all is older, the oldest first."""
    rows = await conn.fetch(_OLD, f"rib.{table}", age.months, age.days)
    return [row[0] for row in rows]


async def drop(conn: Conn, partition: str) -> None:
    """Drops one. asyncpg.LockNotAvailableError where somebody reads it, or writes the table."""
    await conn.execute(_WAIT)
    await conn.execute(f"DROP TABLE {partition}")


async def set_policy(conn: Conn, table: str, age: Age) -> bool:
    """Tells TimescaleDB how old a hypertable's rows may grow; whether that is news to it."""
    schema = await conn.fetchval(_EXTENSION_SCHEMA)
    if schema is None or await conn.fetch(_PARTITIONED, [table]):
        return False
    values = (table, age.months, age.days)
    if not await conn.fetchval(_OTHER_POLICY, *values):
        return False
    await conn.execute(f"SELECT {schema}.remove_retention_policy('rib.{table}', if_exists => true)")
    await conn.execute(
        f"SELECT {schema}.add_retention_policy('rib.{table}', "
        f"drop_after => make_interval(months => {age.months}, days => {age.days}))"
    )
    return True


async def _make(conn: Conn, table: str, start: datetime) -> None:
    name = f"{table}_{start:%Y%m%d}"
    if await conn.fetchval("SELECT to_regclass($1)", f"rib.{name}") is None:
        # Attached, not made as a partition: that would lock the table against its readers.
        end = start + timedelta(weeks=1)
        await conn.execute(
            f"CREATE TABLE rib.{name} (LIKE rib.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
            f"ALTER TABLE rib.{table} ATTACH PARTITION rib.{name} "
            f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        )


def _monday(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())
