"""The RIB as it was: the tables of the current RIB, brought back to a moment.

A moment is a time of ours, when a message reached us, and includes what arrived at it. Of each
route the last event of its newest session until then counts; it was gone where that withdrew it,
or where a sweep until then names a newer session.

A row that was said again as it was known was not touched: it outlives the sweep of a complete
table, unlike that of a Peer Down. While its table was being sent again, the history says whether
it had been said by then.

`route_at` stands in a statement where `rib.route` would stand and has its columns, `ribs_at` turns
RIBs into what they were, and `chosen_at` those that a question is about: whatever asks the current
RIB asks the past with these.

Every route that there was has a row in the current RIB, which is kept as long as the history. A row
that nothing has touched since the moment is as it was then; of the others, and only of those, the
events are read, by their prefix. So the RIB of a peer is read along its table, without a sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from services.routes.store.driver import fetch
from services.routes.store.ribs import NOW, by_rib, chosen, remembered_ribs, ribs_now

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.store.driver import Row
    from services.routes.store.ribs import Rib

# A withdrawal is a change, but not of a route that was gone already, with its session: then the
# last change is an announcement, and the row does not say until when the route was there.
_UNTOUCHED = """
r.last_changed <= CAST(:moment AS timestamptz)
AND CASE WHEN r.is_withdrawn THEN r.last_changed > r.last_confirmed
         ELSE r.last_confirmed <= CAST(:moment AS timestamptz)
              AND coalesce(r.session >= (CAST(:loading_sessions AS int4[]))[r.rib_id], true) END
"""
# Of a row that is as it was: the session of the complete table that had it, too.
_SESSION = """
CASE WHEN r.session >= (CAST(:down_sessions AS int4[]))[r.rib_id]
     THEN greatest(r.session, (CAST(:complete_sessions AS int4[]))[r.rib_id])
     ELSE r.session END
"""

# Newest first. Within one message a route that is both withdrawn and announced is announced
# (RFC 4271 4.3).
_NEWEST = "ORDER BY e.session DESC, e.seq DESC, e.attr_id IS NULL"

# What a row says of its route, where nothing has touched it since.
_AS_IT_IS = """
SELECT r.attr_id, {session} AS session, r.is_withdrawn, r.last_changed,
       r.last_confirmed {row_detail}
 WHERE {untouched}
"""
# What the events of a route say of it. `was_live`: whether an event found its route there, that
# is, whether the one before announced it and its session was not over by then. `first_seen` is
# compared in a way that keeps the index of times out of it: the planner takes it for selective, and
# reads all of it for each route, which is 200 times what it costs to look into a week in vain.
# Whether events are needed at all is asked outside, before any is looked for: inside, an aggregate
# of nothing would be made for each route.
_AS_EVENTS_SAY = """
SELECT says.*
  FROM (
    SELECT (array_agg(e.attr_id {newest}) FILTER (WHERE e.attr_id IS NOT NULL))[1],
           (array_agg(e.session {newest}))[1],
           (array_agg(e.attr_id IS NULL {newest}))[1],
           max(e.time) FILTER (WHERE CASE WHEN e.attr_id IS NULL THEN e.was_live
                                          ELSE NOT e.was_live OR e.is_other END),
           max(e.time) FILTER (WHERE e.attr_id IS NOT NULL) {last_detail}
      FROM (
        SELECT e.*, e.before_attr_id IS NOT NULL AND CASE
                 WHEN e.before_session < e.session THEN NOT EXISTS (
                   SELECT FROM rib.sweep AS s JOIN rib.peer_rib AS b USING (peer_id)
                    WHERE b.rib_id = r.rib_id AND s.session > e.before_session
                      AND s.time <= e.time
                      AND (s.family IS NULL OR s.family = b.family AND s.view = b.view))
                 ELSE true END AS was_live,
               e.before_attr_id IS DISTINCT FROM e.attr_id {or_detail} AS is_other
          FROM (
            SELECT e.seq, e.time, e.session, e.attr_id, lag(e.attr_id) OVER said AS before_attr_id,
                   lag(e.session) OVER said AS before_session {event_detail}
              FROM rib.{event} AS e
             WHERE e.{key} = r.{key} AND e.rib_id = r.rib_id
               AND rib.path_id_bits(e.path_id) = r.path_id
               AND e.time <= CAST(:moment AS timestamptz)
               AND e.time - r.first_seen >= interval '0'
            WINDOW said AS (ORDER BY e.session, e.seq, e.attr_id IS NOT NULL)
          ) AS e
      ) AS e
    HAVING count(e.attr_id) > 0
  ) AS says
 WHERE NOT ({untouched}) {and_needed}
"""
_ROUTE_AT = f"""
(SELECT r.{{key}}, r.rib_id, r.path_id, r.first_seen, was.*
   FROM rib.{{route}} AS r
  CROSS JOIN LATERAL ({_AS_IT_IS} UNION ALL {_AS_EVENTS_SAY}) AS was
  WHERE r.first_seen <= CAST(:moment AS timestamptz))
"""

# All routes, in no order: where few were touched, they are gone through twice, which costs the
# others nothing.
_FEW_TOUCHED_AT = f"""
(SELECT r.prefix, r.rib_id, r.path_id, r.first_seen, r.attr_id, {{session}} AS session,
        r.is_withdrawn, r.last_changed, r.last_confirmed
   FROM rib.route AS r
  WHERE r.first_seen <= CAST(:moment AS timestamptz) AND {{untouched}}
 UNION ALL
 SELECT r.prefix, r.rib_id, r.path_id, r.first_seen, was.*
   FROM rib.route AS r CROSS JOIN LATERAL ({_AS_EVENTS_SAY})
     AS was(attr_id, session, is_withdrawn, last_changed, last_confirmed)
  WHERE r.first_seen <= CAST(:moment AS timestamptz) AND NOT ({{untouched}}))
"""

# Where most routes were touched, as after a reset of their peer, it is quicker to read all events
# once: of a route that has a single one until the moment, that says it all.
_ROUTES_AT = f"""
(SELECT r.prefix, r.rib_id, r.path_id, r.first_seen, was.*
   FROM rib.route AS r
   LEFT JOIN (
     SELECT e.prefix, e.rib_id, rib.path_id_bits(e.path_id) AS path_id, count(*) AS events,
            max(e.attr_id) AS attr_id, max(e.session) AS session, max(e.time) AS time
       FROM rib.route_event AS e
      WHERE e.rib_id = ANY (CAST(:ribs_then AS int4[])) AND e.time <= CAST(:moment AS timestamptz)
      GROUP BY 1, 2, 3) AS said USING (prefix, rib_id, path_id)
  CROSS JOIN LATERAL (
    {_AS_IT_IS}
    UNION ALL
    SELECT said.attr_id, said.session, false, said.time, said.time
     WHERE NOT ({{untouched}}) AND said.events = 1 AND said.attr_id IS NOT NULL
    UNION ALL
    {_AS_EVENTS_SAY}) AS was
  WHERE r.first_seen <= CAST(:moment AS timestamptz)
    AND r.rib_id = ANY (CAST(:ribs_then AS int4[])))
"""
_DETAIL = {
    "row_detail": ", r.detail",
    "last_detail": f", (array_agg(e.detail {_NEWEST}) FILTER (WHERE e.attr_id IS NOT NULL))[1] "
    "AS detail",
    "or_detail": "OR e.before_detail IS DISTINCT FROM e.detail",
    "event_detail": ", e.detail, lag(e.detail) OVER said AS before_detail",
}
_SHARED = {"untouched": _UNTOUCHED, "session": _SESSION, "newest": _NEWEST, "and_needed": ""}
_PREFIX = {"event": "route_event", "key": "prefix", **_SHARED, **dict.fromkeys(_DETAIL, "")}
_NLRI = {"event": "nlri_event", "key": "nlri_id", **_SHARED, **_DETAIL}
_TABLES_AT = {
    "route": _ROUTE_AT.format(route="route", **_PREFIX),
    "nlri_route": _ROUTE_AT.format(route="nlri_route", **_NLRI),
}
_FEW_TOUCHED = _FEW_TOUCHED_AT.format(**_PREFIX)
_MOST_TOUCHED = _ROUTES_AT.format(**_PREFIX | {"and_needed": "AND said.events > 1"})

# To look up the events of one route costs as much as to read a hundred in passing, or more.
_READ_FOR_ONE = 100
_SAMPLE_PAGES = 200
_SIZES = """
SELECT (SELECT c.relpages FROM pg_class AS c WHERE c.oid = 'rib.route'::regclass) AS pages,
       (SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'rib.route_event'::regclass) AS events
"""
_TOUCHED = f"""
SELECT count(*) AS routes FROM rib.route AS r TABLESAMPLE SYSTEM (CAST(:share AS float8))
 WHERE r.rib_id = ANY (CAST(:ribs_then AS int4[])) AND r.first_seen <= CAST(:moment AS timestamptz)
   AND NOT ({_UNTOUCHED})
"""


def route_at(table: Literal["route", "nlri_route"]) -> str:
    """A FROM item with the rows and columns of this table at `:moment`, to be named by `AS`."""
    return _TABLES_AT[table]


def all_routes_at(*, mostly_touched: bool) -> str:
    """The same of `rib.route`, for all routes of the RIBs `:ribs_then`, in no order."""
    return _MOST_TOUCHED if mostly_touched else _FEW_TOUCHED


def as_of(ribs: Mapping[int, Rib], moment: datetime) -> dict[str, Any]:
    """What these FROM items are to be told: the moment, and what `ribs_at` says of the RIBs."""
    return {
        "moment": moment,
        "down_sessions": by_rib(ribs, lambda rib: rib["down_session"]),
        "complete_sessions": by_rib(ribs, lambda rib: rib["complete_session"]),
        "loading_sessions": by_rib(
            ribs, lambda rib: None if rib["complete_session"] == rib["session"] else rib["session"]
        ),
    }


async def is_mostly_touched(
    conn: AsyncConnection, ribs: Mapping[int, Rib], moment: datetime
) -> bool:
    """Whether so many of these RIBs' routes were touched since that all events are read."""
    (sizes,) = await fetch(conn, _SIZES, {})
    share = 100.0 * min(_SAMPLE_PAGES / max(sizes["pages"], 1), 1.0)
    values = as_of(ribs, moment) | {"ribs_then": list(ribs), "share": share}
    (touched,) = await fetch(conn, _TOUCHED, values)
    return bool(touched["routes"] * 100 / share * _READ_FOR_ONE > sizes["events"])


# What a sweep names is gone, whatever came before; the newest session that was heard of is the
# peer's, and it is over where it was said to be down or lost. A Peer Down that comes after a newer
# session's complete table ends nothing of what that has.
_RIBS_AT = """
SELECT b.rib_id, coalesce(swept.session, 0) AS valid_session,
       coalesce(ended.session, 0) AS down_session, complete.session AS complete_session,
       complete.at AS complete_at,
       coalesce(newest.session, 0) AS session, coalesce(over.event, 'up') AS state,
       coalesce(over.time, newest.since) AS since, down.at AS down_at
  FROM rib.peer_rib AS b
 CROSS JOIN LATERAL (
    SELECT max(s.session) AS session FROM rib.sweep AS s
     WHERE s.peer_id = b.peer_id AND s.time <= CAST(:moment AS timestamptz)
       AND (s.family IS NULL OR s.family = b.family AND s.view = b.view)) AS swept
 CROSS JOIN LATERAL (
    SELECT max(s.session) AS session FROM rib.sweep AS s
     WHERE s.peer_id = b.peer_id AND s.time <= CAST(:moment AS timestamptz) AND s.is_down
       AND NOT EXISTS (
         SELECT FROM rib.sweep AS c
          WHERE c.peer_id = b.peer_id AND NOT c.is_down AND c.session >= s.session
            AND (c.time, c.seq) < (s.time, s.seq)
            AND (c.family IS NULL OR c.family = b.family AND c.view = b.view))) AS ended
  LEFT JOIN LATERAL (
    SELECT s.session, s.time AS at FROM rib.sweep AS s
     WHERE s.peer_id = b.peer_id AND s.time <= CAST(:moment AS timestamptz) AND NOT s.is_down
       AND (s.family IS NULL OR s.family = b.family AND s.view = b.view)
     ORDER BY s.session DESC, s.time LIMIT 1) AS complete ON true
 CROSS JOIN LATERAL (
    SELECT max(e.time) AS at FROM rib.peer_event AS e
     WHERE e.peer_id = b.peer_id AND e.time <= CAST(:moment AS timestamptz)
       AND e.event = 'down') AS down
 CROSS JOIN LATERAL (
    SELECT max(e.session) AS session, max(e.time) FILTER (WHERE e.event = 'up') AS since
      FROM (SELECT e.event, e.session, e.time FROM rib.peer_event AS e
             WHERE e.peer_id = b.peer_id AND e.time <= CAST(:moment AS timestamptz)
               AND e.event IN ('up', 'down', 'lost')
             ORDER BY e.session DESC FETCH FIRST 1 ROWS WITH TIES) AS e) AS newest
  LEFT JOIN LATERAL (
    SELECT e.event, e.time FROM rib.peer_event AS e
     WHERE e.peer_id = b.peer_id AND e.time <= CAST(:moment AS timestamptz)
       AND e.session = newest.session AND e.event IN ('down', 'lost')
     ORDER BY e.event = 'down' DESC, e.time LIMIT 1) AS over ON true
 WHERE b.rib_id = ANY (CAST(:ribs AS int4[]))
"""

# Partitions are dropped whole, and made as events come: the oldest begins where the history does.
_REACH = r"""
SELECT (SELECT min(first_seen) FROM rib.router) AS known_from,
       (SELECT min(substring(pg_get_expr(c.relpartbound, c.oid)
                             FROM $$FROM \('([^']+)'\)$$)::timestamptz)
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'rib.route_event'::regclass) AS kept_from,
       least(transaction_timestamp(), (
        SELECT min(coalesce(c.committed_at, '-infinity'))
          FROM rib.progress AS h LEFT JOIN rib.progress AS c
            ON c.writer_id = h.writer_id AND c.stage = 'current'
         WHERE h.stage = 'history' AND h.last_seq > coalesce(c.last_seq, 0)
       )) AS written_until
"""
_RIBS_AND_REACH = f"""
SELECT * FROM ({NOW}) AS now CROSS JOIN ({_REACH}) AS reach LEFT JOIN ({_RIBS_AT}) AS b ON true
"""
# What a RIB was by then; the rows may have what is of now as well.
_OF_A_MOMENT = (
    "valid_session",
    "down_session",
    "complete_session",
    "complete_at",
    "session",
    "state",
    "since",
    "down_at",
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the history goes, and until when it is written."""

    known_from: datetime | None
    """When the first router came; None: none did."""
    kept_from: datetime | None
    """What is older was dropped, where something is older."""
    written_until: datetime


async def chosen_at(
    conn: AsyncConnection, asked: RouteFilter, moment: datetime
) -> tuple[dict[int, Rib], Reach, datetime | None]:
    """The RIBs that are asked for as they were, the history's reach, and the last commit.

    In one round trip while the RIBs are those that the service was told before; else they are read
    once more. The reach was read before them: what was written since may be in the answer although
    it is not told to be.
    """
    known = await remembered_ribs(conn)
    found = await _fetch_ribs(conn, _RIBS_AND_REACH, chosen(known.ribs, asked), moment)
    first = found[0]
    if first["version"] != known.version:
        known = await ribs_now(conn, first)
        found = await _fetch_ribs(conn, _RIBS_AT, chosen(known.ribs, asked), moment)
    reach = Reach(first["known_from"], first["kept_from"], first["written_until"])
    return _as_they_were(chosen(known.ribs, asked), found), reach, first["as_of"]


async def ribs_at(
    conn: AsyncConnection, ribs: Mapping[int, Rib], moment: datetime
) -> dict[int, Rib]:
    """These RIBs as they were: which sessions counted, and how their peers were.

    A peer of whose sessions nothing is known any more (SESSION_RETENTION) is taken to be up.
    """
    return _as_they_were(ribs, await _fetch_ribs(conn, _RIBS_AT, ribs, moment))


async def _fetch_ribs(
    conn: AsyncConnection, sql: str, ribs: Mapping[int, Rib], moment: datetime
) -> list[Row]:
    return await fetch(conn, sql, {"ribs": list(ribs), "moment": moment})


def _as_they_were(ribs: Mapping[int, Rib], found: list[Row]) -> dict[int, Rib]:
    then = {row["rib_id"]: {name: row[name] for name in _OF_A_MOMENT} for row in found}
    return {rib_id: {**rib, **then[rib_id]} for rib_id, rib in ribs.items()}
