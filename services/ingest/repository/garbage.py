"""Rows that nothing refers to any more: routes long gone, and the attributes and NLRI of none.

A table is gone through in pieces, each of some pages and in a transaction of its own, so that no
lock and no statement lasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.repository.routes import lock

if TYPE_CHECKING:
    from services.ingest.ages import Age
    from services.ingest.database import Conn

PAGES = 2_048
"""16 MB."""

# Events keep their attributes: the partition of the oldest is kept until the last day of its week
# is old, and `last_used` is up to a week behind.
_SLACK_DAYS = 15

_PIECE = "r.ctid >= format('(%s,0)', $1::int8)::tid AND r.ctid < format('(%s,0)', $2::int8)::tid"

_OLD = "clock_timestamp() - make_interval(months => $3, days => $4)"

# Withdrawn, or ended by a sweep, which must be old too: that of the first Peer Down after the
# route's session, or that of a table without it, which left the route the session before its own.
_GONE = f"""
b.rib_id = r.rib_id AND {_PIECE} AND greatest(r.last_changed, r.last_confirmed) < {_OLD}
   AND (r.is_withdrawn AND r.last_changed > r.last_confirmed
        OR (r.is_withdrawn OR r.session < b.valid_session) AND coalesce((
            SELECT min(s.time) FROM rib.sweep AS s
             WHERE s.peer_id = b.peer_id AND s.session > r.session
               AND (s.is_down OR r.is_withdrawn AND s.session = r.session + 1)) < {_OLD}, true))
"""

ROUTES = ("route", "nlri_route")
DICTIONARIES = {"path_attributes": "attr_id", "nlri": "nlri_id"}

_USERS = {
    "attr_id": "NOT EXISTS (SELECT FROM rib.route AS u WHERE u.attr_id = r.attr_id) "
    "AND NOT EXISTS (SELECT FROM rib.nlri_route AS u WHERE u.attr_id = r.attr_id)",
    "nlri_id": "NOT EXISTS (SELECT FROM rib.nlri_route AS u WHERE u.nlri_id = r.nlri_id)",
}


async def pieces(conn: Conn, table: str) -> list[tuple[int, int]]:
    """The pages of a table in pieces: the first of each, and the first behind it."""
    pages = await conn.fetchval(
        "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::int8",
        f"rib.{table}",
    )
    return [(first, first + PAGES) for first in range(0, pages, PAGES)]


async def remove_routes(conn: Conn, table: str, piece: tuple[int, int], age: Age) -> int:
    """Removes the routes of a piece that are gone for longer; says how many.

    A writer decides what a batch does to a route while it holds the route's RIB; so do we. What it
    wrote while we waited for that has moved or is young, and stays.
    """
    values = (*piece, age.months, age.days)
    found = await conn.fetch(
        f"SELECT DISTINCT r.rib_id FROM rib.{table} AS r, rib.peer_rib AS b WHERE {_GONE}", *values
    )
    if not found:
        return 0
    ribs = [row[0] for row in found]
    await lock(conn, ribs)
    status = await conn.execute(
        f"DELETE FROM rib.{table} AS r USING rib.peer_rib AS b "
        f"WHERE {_GONE} AND r.rib_id = ANY ($5::int4[])",
        *values,
        ribs,
    )
    return _count(status)


async def remove_unused(conn: Conn, table: str, piece: tuple[int, int], age: Age) -> int:
    """Removes the entries of a dictionary's piece that no event and no route refers to.

    An announcement touches an entry that it finds old before anything refers to it: the two wait
    for each other, and whichever comes second sees what the first did.
    """
    key = DICTIONARIES[table]
    status = await conn.execute(
        f"DELETE FROM rib.{table} AS r WHERE {_PIECE} AND {_USERS[key]} AND r.last_used "
        f"< current_date - {_SLACK_DAYS} - make_interval(months => $3, days => $4)",
        *piece,
        age.months,
        age.days,
    )
    return _count(status)


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
