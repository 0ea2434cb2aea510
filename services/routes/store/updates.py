"""The history, event by event, in the order in which it reached us."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.routes.asking.updates import EventPlace
from services.routes.store.attributes import attribute_conditions
from services.routes.store.conditions import all_of
from services.routes.store.current import nlri_filters, prefix_condition, tables
from services.routes.store.driver import fetch
from services.routes.store.ribs import ribs_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.asking.updates import UpdateQuestion
    from services.routes.store.conditions import Alternatives
    from services.routes.store.current import Ribs, Table
    from services.routes.store.driver import Row

_COMMON = "e.seq, e.time, e.router_time, e.rib_id, e.session, e.path_id, e.attr_id"
_SELECT: Mapping[Table, str] = {
    "route": f"SELECT {_COMMON}, e.prefix::text AS prefix, NULL::int8 AS nlri_id, NULL AS fields, "
    "NULL AS detail, NULL::int4 AS peer_id, NULL AS event, NULL::int2 AS reason_code, "
    "NULL AS reason, NULL::int4 AS family, NULL::int2 AS view FROM rib.route_event AS e {joins}",
    "nlri_route": f"SELECT {_COMMON}, n.prefix::text AS prefix, e.nlri_id, "
    "n.fields::text AS fields, e.detail::text AS detail, NULL::int4 AS peer_id, NULL AS event, "
    "NULL::int2 AS reason_code, NULL AS reason, NULL::int4 AS family, NULL::int2 AS view "
    "FROM rib.nlri_event AS e JOIN rib.nlri AS n USING (nlri_id) {joins}",
}
_STATES = (
    "SELECT e.seq, e.time, e.router_time, NULL::int4, e.session, NULL::int8, NULL::int8, "
    "NULL::text, NULL::int8, NULL::text, NULL::text, e.peer_id, e.event, e.reason_code, e.reason, "
    "e.family, e.view FROM rib.peer_event AS e"
)
_JOIN_ATTRIBUTES = "LEFT JOIN rib.path_attributes AS a ON a.attr_id = e.attr_id"
_WITHIN = "e.time >= CAST(:start AS timestamptz) AND e.time < CAST(:end AS timestamptz)"
_TYPES = {"A": "e.attr_id IS NOT NULL", "W": "e.attr_id IS NULL"}

# Entries of one message have no order of their own; they are given one that stays. What an UPDATE
# withdraws comes before what it announces (RFC 4271 4.3).
_ORDERS = {
    "asc": "time, seq, attr_id IS NOT NULL, rib_id, prefix, nlri_id, path_id, peer_id",
    "desc": "time DESC, seq DESC, attr_id IS NULL, rib_id DESC, prefix DESC, nlri_id DESC, "
    "path_id DESC, peer_id DESC",
}

# The history has no index by time but one of blocks, which finds a short time quickly and cannot
# sort a long one: so it is read in short times first, and longer ones where they hold little. Of
# one prefix there is little in most cases, and too much to be read whole in some.
_SPANS = (timedelta(minutes=1), 4)
_SPANS_OF_PREFIX = (timedelta(days=1), 40)
_TICK = timedelta(microseconds=1)


_ACTIVITY = """
SELECT date_bin(make_interval(secs => CAST(:period AS float8)), e.time,
                CAST(:start AS timestamptz)) AS at,
       count(e.attr_id) AS announcements, count(*) - count(e.attr_id) AS withdrawals
  FROM ({events}) AS e GROUP BY 1 ORDER BY 1
"""
_LONGEST = """
SELECT r.prefix::text AS prefix FROM rib.route AS r
 WHERE r.prefix = ANY (rib.covering(CAST(:prefix AS inet)))
 ORDER BY masklen(r.prefix) DESC LIMIT 1
"""


async def resolved(conn: AsyncConnection, routes: RouteFilter) -> Ribs:
    """The RIBs that a question is about; its longest match becomes the prefix that this is.

    In the history that is the longest prefix around an address that was ever announced.
    """
    if routes.prefix is not None and routes.is_longest:
        found = await fetch(conn, _LONGEST, {"prefix": routes.prefix})
        routes.match = "exact"
        if found:
            routes.prefix = type(routes.prefix)(found[0]["prefix"])
    return await ribs_of(conn, routes)


async def activity(
    conn: AsyncConnection, asked: UpdateQuestion, ribs: Ribs, period_s: int
) -> list[Row]:
    """How many announcements and withdrawals there were in each period in which there were any."""
    values: dict[str, Any] = {}
    tables_asked = tables(asked.routes, ribs) if ribs else []
    parts = [_events(table, asked, ribs, values) for table in tables_asked]
    if not parts:
        return []
    values |= {"start": asked.window.start, "end": asked.window.end, "period": float(period_s)}
    return await fetch(conn, _ACTIVITY.format(events=" UNION ALL ".join(parts)), values)


async def pieces(
    conn: AsyncConnection,
    asked: UpdateQuestion,
    ribs: Ribs,
    after: EventPlace | None,
    rows: int,
) -> AsyncGenerator[list[tuple[EventPlace, Row]], None]:
    """Entries after this place with their places, at most so many at once."""
    sql, values = _statement(asked, ribs)
    if not sql:
        return
    for start, end in _spans(asked, after):
        while True:
            bounds = {"start": start, "end": end, "rows": rows, **_after(asked, after)}
            found = await fetch(conn, sql, values | bounds)
            piece = list(_places(found, after))
            yield piece
            if len(found) < rows:
                break
            after = piece[-1][0]
        after = None


def _statement(asked: UpdateQuestion, ribs: Ribs) -> tuple[str, dict[str, Any]]:
    """The statement of one short time; nothing where there can be no entries."""
    values: dict[str, Any] = {}
    if not ribs:
        return "", values
    parts = [_events(table, asked, ribs, values) for table in tables(asked.routes, ribs)]
    if asked.has_states:
        peers = sorted({rib["peer_id"] for rib in ribs.values()})
        conditions = all_of([(("e.peer_id", "int4", peers),)], values)
        parts.append(f"{_STATES} WHERE {_WITHIN} AND {conditions[0]}")
    if not parts:  # such as what has a route type, of peers without a family that has any
        return "", values
    beyond = "<=" if asked.order == "desc" else ">="
    union = " UNION ALL ".join(parts)
    return (
        f"SELECT * FROM ({union}) AS e WHERE (e.time, e.seq) {beyond} "
        f"(CAST(:at AS timestamptz), CAST(:seq AS int8)) ORDER BY {_ORDERS[asked.order]} "
        "LIMIT CAST(:rows AS int8) OFFSET CAST(:skipped AS int8)"
    ), values


def _events(table: Table, asked: UpdateQuestion, ribs: Ribs, values: dict[str, Any]) -> str:
    routes = asked.routes
    conditions = [_WITHIN]
    if routes.prefix is not None:
        conditions.append(prefix_condition(routes, "e.prefix" if table == "route" else "n.prefix"))
        values["prefix"] = routes.prefix
    filters: list[Alternatives] = [(("e.rib_id", "int4", sorted(ribs)),)]
    if table == "nlri_route":
        filters += nlri_filters(routes)
    conditions += all_of(filters, values)
    of_attributes = attribute_conditions(routes, values)
    if len(asked.types) == 1:
        conditions.append(_TYPES[asked.types[0]])
    select = _SELECT[table].format(joins=_JOIN_ATTRIBUTES if of_attributes else "")
    return f"{select} WHERE {' AND '.join(conditions + of_attributes)}"


def _spans(asked: UpdateQuestion, after: EventPlace | None) -> Iterable[tuple[datetime, datetime]]:
    """The window in pieces, from where the page before ended."""
    start, end = asked.window.start, asked.window.end
    if after is not None and asked.order == "desc":
        end = min(end, after.time + _TICK)
    elif after is not None:
        start = max(start, after.time)
    is_of_prefix = asked.routes.prefix is not None and not asked.routes.is_range
    span, growth = _SPANS_OF_PREFIX if is_of_prefix else _SPANS
    while start < end:
        if asked.order == "desc":
            bound = max(start, end - span)
            yield bound, end
            end = bound
        else:
            bound = min(end, start + span)
            yield start, bound
            start = bound
        span = min(growth * span, asked.window.span)


def _after(asked: UpdateQuestion, after: EventPlace | None) -> dict[str, Any]:
    if after is not None:
        return {"at": after.time, "seq": after.seq, "skipped": after.skipped}
    if asked.order == "desc":
        return {"at": asked.window.end, "seq": 0, "skipped": 0}
    return {"at": asked.window.start, "seq": 0, "skipped": 0}


def _places(found: Iterable[Row], after: EventPlace | None) -> Iterable[tuple[EventPlace, Row]]:
    for row in found:
        if after is not None and (after.time, after.seq) == (row["time"], row["seq"]):
            after = replace(after, skipped=after.skipped + 1)
        else:
            after = EventPlace(row["time"], row["seq"], 1)
        yield after, row
