"""What it takes to tell the history of one prefix: how it was, and what happened to it then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from services.routes.store.driver import fetch
from services.routes.store.past import as_of, ribs_at, route_at

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.values import Network
    from services.routes.asking.windows import Window
    from services.routes.store.current import Ribs
    from services.routes.store.driver import Row

_BEFORE = f"""
SELECT r.rib_id, 0::int8 AS nlri_id, r.path_id, r.session, r.attr_id
  FROM {route_at("route")} AS r
 WHERE r.prefix = CAST(:prefix AS cidr) AND NOT r.is_withdrawn
   AND r.rib_id = ANY (CAST(:ribs AS int4[]))
UNION ALL
SELECT r.rib_id, r.nlri_id, r.path_id, r.session, r.attr_id
  FROM {route_at("nlri_route")} AS r JOIN rib.nlri AS n USING (nlri_id)
 WHERE n.prefix = CAST(:prefix AS cidr) AND NOT r.is_withdrawn
   AND r.rib_id = ANY (CAST(:ribs AS int4[]))
"""
_WITHIN = "e.time > CAST(:start AS timestamptz) AND e.time < CAST(:end AS timestamptz)"
_EVENTS = f"""
SELECT * FROM (
    SELECT e.time, e.seq, e.rib_id, 0::int8 AS nlri_id, rib.path_id_bits(e.path_id) AS path_id,
           e.session, e.attr_id
      FROM rib.route_event AS e
     WHERE e.prefix = CAST(:prefix AS cidr) AND {_WITHIN}
       AND e.rib_id = ANY (CAST(:ribs AS int4[]))
    UNION ALL
    SELECT e.time, e.seq, e.rib_id, e.nlri_id, rib.path_id_bits(e.path_id), e.session, e.attr_id
      FROM rib.nlri_event AS e JOIN rib.nlri AS n USING (nlri_id)
     WHERE n.prefix = CAST(:prefix AS cidr) AND {_WITHIN}
       AND e.rib_id = ANY (CAST(:ribs AS int4[]))) AS e
 ORDER BY time, seq, attr_id IS NOT NULL LIMIT CAST(:limit AS int8)
"""
_PATHS = """
SELECT a.attr_id, a.origin_asn, coalesce(a.as_path_text, array_to_string(a.as_path, ' ')) AS path
  FROM rib.path_attributes AS a WHERE a.attr_id = ANY (CAST(:attr_ids AS int8[]))
"""
_SWEEPS = f"""
SELECT e.time, e.seq, e.session, b.rib_id
  FROM rib.sweep AS e JOIN rib.peer_rib AS b USING (peer_id)
 WHERE b.rib_id = ANY (CAST(:ribs AS int4[])) AND {_WITHIN}
   AND (e.family IS NULL OR e.family = b.family AND e.view = b.view)
 ORDER BY e.time, e.seq
"""


class Path(NamedTuple):
    """An origin and the way to it, as the store writes paths."""

    origin_asn: int | None
    text: str


@dataclass(slots=True)
class Story:
    """What was there when the window began, and what happened in it, in order.

    A sweep ends the routes of older sessions of its RIB. `valid`: by RIB, the oldest session that
    counted at the start.
    """

    before: list[Row]
    events: list[Row]
    sweeps: list[Row]
    valid: dict[int, int]
    paths: dict[int, Path]
    """By the ids of sets of attributes."""


async def story(
    conn: AsyncConnection, prefix: Network, ribs: Ribs, window: Window, *, limit: int
) -> Story:
    """The story of a prefix in these RIBs; not more than `limit` events are read."""
    values = {
        "prefix": prefix,
        "ribs": list(ribs),
        "start": window.start,
        "end": window.end,
        "limit": limit,
    }
    then = await ribs_at(conn, ribs, window.start)
    valid = {rib_id: rib["valid_session"] for rib_id, rib in then.items()}
    before = await fetch(conn, _BEFORE, values | as_of(then, window.start))
    before = [row for row in before if row["session"] >= valid[row["rib_id"]]]
    events = await fetch(conn, _EVENTS, values)
    wanted = {row["attr_id"] for row in (*before, *events)} - {None}
    found = await fetch(conn, _PATHS, {"attr_ids": list(wanted)})
    paths = {row["attr_id"]: Path(row["origin_asn"], row["path"]) for row in found}
    return Story(before, events, await fetch(conn, _SWEEPS, values), valid, paths)
