"""Thirty days of events, and from them what ingest would have made of them as they came.

Each session begins with its whole table. Between, three million announcements and withdrawals
concern twenty thousand prefixes, a few of them most, by day twice as many as by night. The current
RIB and the counts of churn are then read off the events by the rules of the store: what a route
is follows from the event before it and from the sweeps between the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.query_world import DAYS, END, FULL_TABLES, SESSIONS, START

if TYPE_CHECKING:
    from bench.query_world import Session, Size
    from services.ingest.database import Conn

_STAGE = """
CREATE UNLOGGED TABLE bench.event (time timestamptz, attr_id int8, rib_id int4, session int4,
                                   prefix cidr)
"""

# A whole table, attributes by attributes, in messages of up to two hundred routes each three
# milliseconds. No peer has all prefixes; after a lost connection one in 331 is not sent again.
_TABLE = """
INSERT INTO bench.event
SELECT $3::timestamptz + interval '10 seconds' + $1 * interval '10 microseconds'
           + dense_rank() OVER (ORDER BY attr_id, part) * interval '3 milliseconds',
       attr_id, 2 * $1 - (family(prefix) = 4)::int4, $2, prefix
  FROM (SELECT prefix, attr_id,
               row_number() OVER (PARTITION BY attr_id ORDER BY number) / 200 AS part
          FROM (SELECT *, bench.attributes($1, origin_group, 0) AS attr_id FROM bench.prefix) AS p
         WHERE bench.chance(number, 100 + $1) >= .008 AND ($4 OR number % 331 <> 7)
       ) AS t
"""

# Times rise with the number of the change, and no two are the same. Three in five changes of a
# prefix come from the peer that is nearest to it; one in eight withdraws it.
_CHURN = """
INSERT INTO bench.event
SELECT time, attr_id, rib_id, session, prefix FROM (
    SELECT date_bin('10 microseconds', $1::timestamptz + interval '10 minutes'
               + interval '{days} days' * .9995 * (day + sin(2 * pi() * {days} * day) / (6 * pi()
               * {days})) + interval '0.4 seconds' * bench.chance(k, 71), timestamptz 'epoch')
               AS time,
           CASE WHEN bench.chance(k, 72) >= .125 THEN bench.attributes(peer, origin_group,
               floor((CASE WHEN n < {restless} THEN 4 ELSE 2 END) * bench.chance(k, 73))::int4)
               END AS attr_id,
           2 * peer - (origin_group < {ipv4_groups})::int4 AS rib_id, peer, prefix
      FROM (SELECT k, n, k / {changes}::float8 AS day, CASE WHEN bench.chance(k, 74) < .6
                   THEN n % {full_tables} + 1
                   ELSE 1 + floor({full_tables} * bench.chance(k, 75))::int4 END::int4 AS peer
              FROM (SELECT k, floor({churning} * bench.chance(k, 76) ^ 2)::int8 AS n
                      FROM generate_series(1, {changes}) AS k) AS picked) AS k
      JOIN bench.prefix AS p ON p.number = bench.churning(n)
  ) AS change
  JOIN bench.session USING (peer)
 WHERE time > complete AND time < ended
"""

_SESSIONS = """
CREATE UNLOGGED TABLE bench.session AS
SELECT * FROM unnest($1::int4[], $2::int4[], $3::timestamptz[], $4::timestamptz[])
           AS s(peer, session, complete, ended)
"""
_FLOW = """
INSERT INTO rib.{event} (seq, time, router_time, attr_id, rib_id, session, {columns})
SELECT bench.seq(time), time, date_trunc('second', time), attr_id, rib_id, session, {columns}
  FROM bench.{staged} ORDER BY time
"""

# was_live: the event before it announced the route, and its session still counted. is_known: it
# was announced before. changed: it is another route now than it was. said_again: it is as the
# session before left it, so its row stays as it is.
_READ = """
CREATE UNLOGGED TABLE bench.read_{event} AS
SELECT *, is_known AND was_live AND session_before < session AND NOT changed AS said_again
  FROM (SELECT *, is_known AND CASE WHEN attr_id IS NULL THEN was_live
              ELSE NOT was_live OR attr_id <> attr_before {or_detail} END AS changed
  FROM (SELECT *, attr_before IS NOT NULL AND (session_before = session OR NOT EXISTS (
               SELECT FROM rib.sweep AS s JOIN rib.peer_rib AS b USING (peer_id)
                WHERE b.rib_id = e.rib_id AND s.session > e.session_before AND s.time <= e.time
                  AND (s.family IS NULL OR s.family = b.family AND s.view = b.view))) AS was_live
          FROM (SELECT time, attr_id, rib_id, session, {columns},
                       lag(attr_id) OVER w AS attr_before, lag(session) OVER w AS session_before,
                       {detail_before}
                       count(attr_id) OVER w - (attr_id IS NOT NULL)::int4 > 0 AS is_known,
                       attr_id IS NOT NULL AND count(attr_id) OVER w
                           = count(attr_id) OVER (PARTITION BY {key}, rib_id) AS is_last
                  FROM bench.{staged}
                WINDOW w AS (PARTITION BY {key}, rib_id ORDER BY time)) AS e) AS e) AS e
"""
_CURRENT = """
INSERT INTO rib.{route} (attr_id, first_seen, last_changed, last_confirmed, rib_id, path_id,
                         session, is_withdrawn, {columns})
SELECT max(attr_id) FILTER (WHERE is_last), min(time) FILTER (WHERE attr_id IS NOT NULL),
       greatest(max(time) FILTER (WHERE changed), min(time) FILTER (WHERE attr_id IS NOT NULL)),
       max(time) FILTER (WHERE attr_id IS NOT NULL AND NOT said_again), rib_id, 0,
       max(session) FILTER (WHERE NOT said_again),
       max(time) > max(time) FILTER (WHERE attr_id IS NOT NULL)
           OR max(session) >= max(valid_session) AND max(session) < max(complete_session),
       {key} {last_detail}
  FROM bench.read_{event} JOIN rib.peer_rib USING (rib_id)
 GROUP BY {key}, rib_id HAVING count(attr_id) > 0
 ORDER BY min(time) FILTER (WHERE attr_id IS NOT NULL), {key}
"""
_COUNT = """
INSERT INTO rib.churn_{name} AS c (bucket, last_change, updates, withdrawals, path_changes,
                                   {counted}, writer_id)
SELECT date_bin('5 minutes', time, timestamptz 'epoch'), max(time), count(r.attr_id),
       count(*) FILTER (WHERE r.attr_id IS NULL),
       count(*) FILTER (WHERE was_live AND r.attr_id IS NOT NULL), {counted}, 1
  FROM bench.read_{event} AS r {join}
 WHERE changed AND {counted} IS NOT NULL
 GROUP BY 1, {counted} ORDER BY 1
    ON CONFLICT (bucket, {counted}, writer_id) DO UPDATE
   SET last_change = greatest(c.last_change, EXCLUDED.last_change),
       updates = c.updates + EXCLUDED.updates, withdrawals = c.withdrawals + EXCLUDED.withdrawals,
       path_changes = c.path_changes + EXCLUDED.path_changes
"""
_JOIN_PEER = "JOIN rib.peer_rib USING (rib_id)"
_JOIN_ORIGIN = "JOIN rib.path_attributes AS a ON a.attr_id = coalesce(r.attr_id, r.attr_before)"

PREFIX = {
    "event": "route_event",
    "route": "route",
    "staged": "event",
    "key": "prefix",
    "columns": "prefix",
    "or_detail": "",
    "detail_before": "",
    "last_detail": "",
    "join": "",
}
NLRI = {
    "event": "nlri_event",
    "route": "nlri_route",
    "staged": "nlri_event",
    "key": "nlri_id",
    "columns": "nlri_id, detail",
    "or_detail": "OR detail IS DISTINCT FROM detail_before",
    "detail_before": "lag(detail) OVER w AS detail_before,",
    "last_detail": ", (array_agg(detail) FILTER (WHERE is_last))[1]",
    "join": "JOIN rib.nlri USING (nlri_id)",
}


async def write_tables(conn: Conn, size: Size) -> None:
    """Stages the events of the full tables."""
    full = [session for session in SESSIONS if session.peer <= FULL_TABLES]
    await conn.execute(_STAGE)
    for session in full:
        again = not _follows_a_loss(session)
        await conn.execute(_TABLE, session.peer, session.number, session.began, again)
    await conn.execute(
        _SESSIONS,
        [session.peer for session in full],
        [session.number for session in full],
        [session.complete for session in full],
        [session.ended or END for session in full],
    )
    await conn.execute(_CHURN.format(days=DAYS, **size.values), START)


async def write_routes(conn: Conn, names: dict[str, str]) -> None:
    """Writes the history from what is staged, then the current RIB and the churn."""
    await conn.execute(_FLOW.format(**names))
    await conn.execute(f"ANALYZE bench.{names['staged']}")
    await conn.execute(_READ.format(**names))
    await conn.execute(_CURRENT.format(**names))
    for name, counted, join in (
        ("prefix", "prefix", names["join"]),
        ("peer", "peer_id", _JOIN_PEER),
        ("origin", "origin_asn", _JOIN_ORIGIN),
    ):
        await conn.execute(
            _COUNT.format(**(names | {"name": name, "counted": counted, "join": join}))
        )


def _follows_a_loss(session: Session) -> bool:
    return any(
        other.is_lost and other.peer == session.peer and other.number + 1 == session.number
        for other in SESSIONS
    )
