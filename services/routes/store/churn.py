"""What changed most and when, from the counts by five minutes that ingest keeps.

They do not grow with the traffic but with what it is about: one row for each key that changed in a
bucket. Counts of a bucket fit int4, whose sums cost a third of those of int8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from services.routes.store.driver import fetch

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.churn import ChurnQuestion
    from services.routes.asking.windows import Window
    from services.routes.store.driver import Row
    from shared.contracts.history import ChurnKey


class _Counts(NamedTuple):
    """Where the counts of a key are, and how the key is told."""

    source: str
    key: str
    names: str = ""
    columns: str = ""


_ROUTER = "t.sys_name, t.address AS router_address"
_COUNTS: dict[ChurnKey, _Counts] = {
    "prefix": _Counts("rib.churn_prefix AS c", "c.prefix"),
    "origin_asn": _Counts("rib.churn_origin AS c", "c.origin_asn"),
    "peer": _Counts(
        "rib.churn_peer AS c",
        "c.peer_id",
        "JOIN rib.peer AS p ON p.peer_id = top.key JOIN rib.router AS t USING (router_id)",
        f", p.address, p.asn, p.router_id, {_ROUTER}",
    ),
    "router": _Counts(
        "rib.churn_peer AS c JOIN rib.peer AS p USING (peer_id)",
        "p.router_id",
        "JOIN rib.router AS t ON t.router_id = top.key",
        f", t.router_id, {_ROUTER}",
    ),
}
_TOP = """
SELECT top.* {columns} FROM (
    SELECT {key} AS key, sum(c.updates::int4) AS updates, sum(c.withdrawals::int4) AS withdrawals,
           sum(c.path_changes::int4) AS path_changes, max(c.last_change) AS last_change
      FROM {source}
     WHERE c.bucket >= CAST(:start AS timestamptz) AND c.bucket < CAST(:end AS timestamptz)
     GROUP BY 1
    HAVING sum(c.{metric}::int4) > 0
     ORDER BY sum(c.{metric}::int4) DESC, 1
     LIMIT CAST(:limit AS int8)) AS top {names}
 ORDER BY top.{metric} DESC, top.key
"""
# Each change of a route is counted once for its peer, so these counts have the sum of all.
_TOTAL = """
SELECT coalesce(sum({metric}::int4), 0)::int8 AS total FROM rib.churn_peer
 WHERE bucket >= CAST(:start AS timestamptz) AND bucket < CAST(:end AS timestamptz)
"""
_ACTIVITY = """
SELECT date_bin(make_interval(secs => CAST(:period AS float8)), c.bucket,
                CAST(:start AS timestamptz)) AS at,
       sum(c.updates::int4) AS announcements, sum(c.withdrawals::int4) AS withdrawals
  FROM {source}
 WHERE c.bucket >= CAST(:start AS timestamptz) AND c.bucket < CAST(:end AS timestamptz)
   AND (CAST(:keys AS int8[]) IS NULL OR {key} = ANY (CAST(:keys AS int8[])))
 GROUP BY 1 ORDER BY 1
"""


async def top(conn: AsyncConnection, asked: ChurnQuestion) -> tuple[list[Row], int]:
    """What changed most, and how much all of it together did."""
    values: dict[str, Any] = {"start": asked.window.start, "end": asked.window.end}
    statement = _TOP.format(metric=asked.metric, **_COUNTS[asked.by]._asdict())
    found = await fetch(conn, statement, values | {"limit": asked.limit})
    (total,) = await fetch(conn, _TOTAL.format(metric=asked.metric), values)
    return found, total["total"]


async def activity_of_peers(
    conn: AsyncConnection, peers: Collection[int] | None, window: Window, period_s: int
) -> list[Row]:
    """Changes of the routes of these peers, or of all, by sampling period where there are any."""
    return await _activity(conn, "peer", peers, window, period_s)


async def activity_of_origins(
    conn: AsyncConnection, origin_asns: Collection[int], window: Window, period_s: int
) -> list[Row]:
    """The same of the routes of these origins."""
    return await _activity(conn, "origin_asn", origin_asns, window, period_s)


async def _activity(
    conn: AsyncConnection,
    by: ChurnKey,
    keys: Collection[int] | None,
    window: Window,
    period_s: int,
) -> list[Row]:
    values: dict[str, Any] = {
        "start": window.start,
        "end": window.end,
        "period": float(period_s),
        "keys": None if keys is None else list(keys),
    }
    counts = _COUNTS[by]
    return await fetch(conn, _ACTIVITY.format(source=counts.source, key=counts.key), values)
