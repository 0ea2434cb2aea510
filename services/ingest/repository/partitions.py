"""Partitions by time: made ahead of the events that go into them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.ingest.database import Conn

TABLES = (
    "route_event",
    "nlri_event",
    "peer_event",
    "sweep",
    "churn_prefix",
    "churn_peer",
    "churn_origin",
)

_AHEAD_WEEKS = 3
# Any number will do, as long as every bgpilot takes the same one.
_LOCK = 0x62677070


async def make_ahead(conn: Conn) -> None:
    """Makes the partitions of last week, this one and the next; those that are there stay."""
    await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    now: datetime = await conn.fetchval("SELECT clock_timestamp()")
    monday = _monday(now)
    for table in TABLES:
        for week in range(-1, _AHEAD_WEEKS):
            await _make(conn, table, monday + timedelta(weeks=week))


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
