"""What ingest has committed of late, in the order in which it happened. On a connection of asyncpg.

seq numbers the BMP messages of one writer, from `first_seq` on. rib.progress says up to which of
them its history is committed, and how many routes that were: so a reader that knows where it was
knows how many rows there are to be found, and need not trust a time to find them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    import asyncpg

    Conn = asyncpg.Connection[Any]
    Rows = Sequence[asyncpg.Record]
    Parts = Mapping[int, "Part"]

_SEQ_BITS = 40


class Part(NamedTuple):
    """A partition that had so many pages."""

    name: str
    is_nlri: bool
    pages: int


_PROGRESS = """
SELECT writer_id, last_seq, routes, committed_at, clock_timestamp() AS now
  FROM rib.progress WHERE stage = 'history' ORDER BY writer_id
"""

_WRITERS = "SELECT writer_id FROM rib.writer"

_WRITERS_SINCE = """
SELECT DISTINCT seq >> 40 AS writer_id FROM rib.route_event WHERE seq > $1 AND time >= $2
UNION SELECT DISTINCT seq >> 40 FROM rib.nlri_event WHERE seq > $1 AND time >= $2
UNION SELECT DISTINCT seq >> 40 FROM rib.peer_event WHERE seq > $1 AND time >= $2
"""

_LOST = """
SELECT peer_id, session, since, coalesce(writer_id, 0) AS writer_id
  FROM rib.peer WHERE state = 'lost'
"""

_OF_ROUTES = """
SELECT seq, time, router_time, attr_id, path_id, rib_id, prefix::text AS prefix,
       NULL::text AS nlri, tableoid AS part
  FROM {table} WHERE seq > $1 AND seq <= $2 AND {condition}
"""
_OF_NLRI = """
SELECT e.seq, e.time, e.router_time, e.attr_id, e.path_id, e.rib_id, n.prefix::text,
       (coalesce(n.fields, '{{}}') || coalesce(e.detail, '{{}}'))::text, e.tableoid
  FROM {table} AS e LEFT JOIN rib.nlri AS n USING (nlri_id)
 WHERE e.seq > $1 AND e.seq <= $2 AND e.{condition}
"""
# The rows of both tables together: those of one seq are one UPDATE.
_IN_ORDER = "SELECT *, count(*) OVER () AS found FROM ({parts}) AS tail ORDER BY seq LIMIT $3"

# Chunks of TimescaleDB are partitions, too.
_PARTS = """
SELECT i.inhrelid AS part, i.inhrelid::regclass::text AS name, c.relname = 'nlri_event' AS is_nlri,
       pg_relation_size(i.inhrelid) / current_setting('block_size')::int8 AS pages
  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhparent
 WHERE c.relnamespace = 'rib'::regnamespace AND c.relname IN ('route_event', 'nlri_event')
"""
# A table grows by so many pages before they are filled.
_UNFILLED = 128

_PEER_EVENTS = """
SELECT seq, time, router_time, peer_id, session, event, reason_code, reason
  FROM rib.peer_event
 WHERE seq > $1 AND seq <= $2 AND time >= $3 AND event IN ('up', 'down', 'lost') ORDER BY seq
"""

_ATTRIBUTES = """
SELECT attr_id, origin, host(next_hop) AS next_hop, as_path, as_path_text, med, local_pref,
       aggregator_asn, host(aggregator_id) AS aggregator_id, atomic_aggregate,
       host(originator_id) AS originator_id, cluster_list::text[] AS cluster_list,
       communities, large_communities, ext_communities
  FROM rib.path_attributes WHERE attr_id = ANY ($1::int8[])
"""

_PEERS = """
SELECT p.peer_id, host(p.address) AS address, p.asn, p.distinguisher,
       host(t.address) AS router, t.sys_name
  FROM rib.peer AS p JOIN rib.router AS t USING (router_id)
"""

_RIBS = "SELECT rib_id, peer_id, family, view, has_path_ids FROM rib.peer_rib"

_OPENS = """
SELECT peer_id, session, asn, hold_time, host(bgp_id) AS bgp_id, capabilities::text AS capabilities,
       is_inferred, clock_timestamp() AS now
  FROM rib.peer WHERE peer_id = ANY ($1::int4[])
"""


def first_seq(writer_id: int) -> int:
    """The number before the first of this writer."""
    return writer_id << _SEQ_BITS


def writer_of(seq: int) -> int:
    """Whose number it is."""
    return seq >> _SEQ_BITS


async def progress(conn: Conn) -> Rows:
    """How far each writer is: its last seq and how many routes it has written, all told."""
    return await conn.fetch(_PROGRESS)


async def writers(conn: Conn) -> list[int]:
    """Those that live, or have not been found dead yet."""
    return [row[0] for row in await conn.fetch(_WRITERS)]


async def writers_since(conn: Conn, after: int, since: datetime) -> list[int]:
    """Those that wrote anything after a seq and a time, dead or alive."""
    return [row[0] for row in await conn.fetch(_WRITERS_SINCE, after, since)]


async def lost_peers(conn: Conn) -> Rows:
    """Peers whose router is out of touch, with the session that was lost."""
    return await conn.fetch(_LOST)


async def parts(conn: Conn) -> Parts:
    """The partitions of the history of routes, by number, and how long each is."""
    return {
        row["part"]: Part(row["name"], row["is_nlri"], row["pages"])
        for row in await conn.fetch(_PARTS)
    }


async def routes_in(conn: Conn, after: int, upto: int, limit: int, ends: Iterable[Part]) -> Rows:
    """Announcements and withdrawals after one seq up to another, in their order.

    Only those at the ends of these partitions, from where each had so many pages: so that it costs
    what is new, and not what is there. `found` counts the rows, those past the limit too.
    """
    each = [
        (_OF_NLRI if end.is_nlri else _OF_ROUTES).format(
            table=end.name, condition=f"ctid >= '({max(end.pages - _UNFILLED, 0)},0)'::tid"
        )
        for end in ends
    ]
    if not each:
        return []
    statement = _IN_ORDER.format(parts=" UNION ALL ".join(each))
    return await conn.fetch(statement, after, upto, limit)


async def routes(conn: Conn, after: int, upto: int, limit: int, since: datetime) -> Rows:
    """The same, wherever it is, but for what came before a time: there is no index by seq alone."""
    parts = (
        _OF_ROUTES.format(table="rib.route_event", condition="time >= $4"),
        _OF_NLRI.format(table="rib.nlri_event", condition="time >= $4"),
    )
    statement = _IN_ORDER.format(parts=" UNION ALL ".join(parts))
    return await conn.fetch(statement, after, upto, limit, since)


async def peer_events(conn: Conn, after: int, upto: int, since: datetime) -> Rows:
    """What happened to peers, likewise."""
    return await conn.fetch(_PEER_EVENTS, after, upto, since)


async def attributes(conn: Conn, attr_ids: Iterable[int]) -> Rows:
    """Sets of path attributes."""
    return await conn.fetch(_ATTRIBUTES, list(attr_ids))


async def peers(conn: Conn) -> Rows:
    """Every peer and its router."""
    return await conn.fetch(_PEERS)


async def ribs(conn: Conn) -> Rows:
    """Every RIB of every peer."""
    return await conn.fetch(_RIBS)


async def opens(conn: Conn, peer_ids: Collection[int]) -> Rows:
    """What the last OPENs of these peers said."""
    return await conn.fetch(_OPENS, list(peer_ids))
