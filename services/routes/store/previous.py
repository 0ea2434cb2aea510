"""The event before: what each of some announcements said anew.

Events of one route are in the order of sessions, and of the numbers of messages within one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from services.routes.store.driver import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.store.driver import Row


class Said(NamedTuple):
    """What an event said of its route; nothing of attributes where it withdrew it."""

    attr_id: int | None
    detail: str | None


EventKey = tuple[int, int, str | int, int | None, bool]
"""Its number, RIB, prefix or NLRI, path identifier, and whether it announces."""

# What changes often has its event before not long before: so much is read of each prefix at once.
_RECENT = timedelta(days=1)

_RECENTLY = """
SELECT e.* FROM (
    SELECT e.seq, e.rib_id, e.{key}{shown} AS key, e.path_id, e.time,
           e.attr_id IS NOT NULL AS is_announced, lag(e.seq) OVER said AS before_seq,
           lag(e.attr_id) OVER said AS attr_id, {detail} AS detail
      FROM rib.{event} AS e
     WHERE e.{key} = ANY (CAST(:keys AS {kind}[])) AND e.rib_id = ANY (CAST(:ribs AS int4[]))
       AND e.time BETWEEN CAST(:first AS timestamptz) AND CAST(:last AS timestamptz)
    WINDOW said AS (PARTITION BY e.rib_id, e.{key}, e.path_id
                    ORDER BY e.session, e.seq, e.attr_id IS NOT NULL)) AS e
 WHERE e.seq = ANY (CAST(:seqs AS int8[])) AND e.time >= CAST(:from AS timestamptz)
"""
# Whoever was first seen with this event has none before. Weeks after the last of them are left out.
# Each one's own time is compared in a way that keeps the index of times out of it: the planner
# takes it for selective, and reads all of it for each.
_LONG_AGO = """
SELECT x.n, before.*
  FROM unnest(CAST(:ribs AS int4[]), CAST(:keys AS {kind}[]), CAST(:paths AS int8[]),
              CAST(:sessions AS int4[]), CAST(:seqs AS int8[]), CAST(:times AS timestamptz[]))
       WITH ORDINALITY AS x(rib_id, key, path_id, session, seq, time, n)
  JOIN rib.{route} AS r ON r.{key} = x.key AND r.rib_id = x.rib_id
   AND r.path_id = rib.path_id_bits(x.path_id) AND r.first_seen < x.time
 CROSS JOIN LATERAL (
    SELECT e.attr_id, {row_detail} AS detail
      FROM rib.{event} AS e
     WHERE e.{key} = x.key AND e.rib_id = x.rib_id AND e.path_id IS NOT DISTINCT FROM x.path_id
       AND e.time <= CAST(:last AS timestamptz) AND x.time - e.time >= interval '0'
       AND (e.session, e.seq, e.attr_id IS NOT NULL) < (x.session, x.seq, true)
     ORDER BY e.session DESC, e.seq DESC, e.attr_id IS NULL LIMIT 1) AS before
"""
_PREFIX = {
    "key": "prefix",
    "shown": "::text",
    "kind": "cidr",
    "event": "route_event",
    "route": "route",
    "detail": "NULL",
    "row_detail": "NULL",
}
_NLRI = {
    "key": "nlri_id",
    "shown": "",
    "kind": "int8",
    "event": "nlri_event",
    "route": "nlri_route",
    "detail": "(lag(e.detail) OVER said)::text",
    "row_detail": "e.detail::text",
}


def event_key(row: Mapping[str, Any]) -> EventKey:
    """The key of an event as `store.updates` gives it."""
    key = row["prefix"] if row["nlri_id"] is None else row["nlri_id"]
    return row["seq"], row["rib_id"], key, row["path_id"], row["attr_id"] is not None


async def before(conn: AsyncConnection, rows: Iterable[Row]) -> dict[EventKey, Said]:
    """What the event before each of these announcements said; nothing of those without one."""
    found: dict[EventKey, Said] = {}
    announced = [row for row in rows if row["attr_id"] is not None]
    for names, of_table in (
        (_PREFIX, [row for row in announced if row["nlri_id"] is None]),
        (_NLRI, [row for row in announced if row["nlri_id"] is not None]),
    ):
        if of_table:
            found |= await _recently(conn, of_table, names)
            older = [row for row in of_table if event_key(row) not in found]
            found |= await _long_ago(conn, older, names) if older else {}
    return found


async def _recently(
    conn: AsyncConnection, rows: list[Row], names: dict[str, str]
) -> dict[EventKey, Said]:
    times = [row["time"] for row in rows]
    values = {
        "keys": sorted({_key(row, names) for row in rows}),
        "ribs": sorted({row["rib_id"] for row in rows}),
        "seqs": sorted({row["seq"] for row in rows}),
        "first": min(times) - _RECENT,
        "from": min(times),
        "last": max(times),
    }
    return {
        (row["seq"], row["rib_id"], row["key"], row["path_id"], row["is_announced"]): Said(
            row["attr_id"], row["detail"]
        )
        for row in await fetch(conn, _RECENTLY.format(**names), values)
        if row["before_seq"] is not None
    }


async def _long_ago(
    conn: AsyncConnection, rows: list[Row], names: dict[str, str]
) -> dict[EventKey, Said]:
    values = {
        "ribs": [row["rib_id"] for row in rows],
        "keys": [_key(row, names) for row in rows],
        "paths": [row["path_id"] for row in rows],
        "sessions": [row["session"] for row in rows],
        "seqs": [row["seq"] for row in rows],
        "times": [row["time"] for row in rows],
        "last": max(row["time"] for row in rows),
    }
    return {
        event_key(rows[row["n"] - 1]): Said(row["attr_id"], row["detail"])
        for row in await fetch(conn, _LONG_AGO.format(**names), values)
    }


def _key(row: Row, names: dict[str, str]) -> Any:  # noqa: ANN401 - a prefix's text or a number
    return row["prefix"] if names["key"] == "prefix" else row["nlri_id"]
