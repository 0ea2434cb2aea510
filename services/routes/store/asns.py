"""What the current routes say of an AS. Each question looks at no more rows than it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.routes.store.driver import fetch
from services.routes.store.ribs import by_rib, sessions_that_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.store.driver import Row
    from services.routes.store.ribs import Rib

# By an array and not by a join: there are thousands of routes, and few RIBs.
_LIVE = "NOT r.is_withdrawn AND r.session >= (CAST(:sessions AS int4[]))[r.rib_id]"

_PREFIXES = f"""
WITH routes AS MATERIALIZED (
    SELECT r.prefix, (CAST(:peers AS int4[]))[r.rib_id] AS peer_id, r.first_seen, r.last_changed,
           greatest(r.last_confirmed, (CAST(:complete_at AS timestamptz[]))[r.rib_id])
               AS last_confirmed
      FROM rib.path_attributes AS a
      JOIN rib.route AS r USING (attr_id)
     WHERE a.origin_asn = CAST(:asn AS int8) AND {_LIVE}
     LIMIT {{routes}}
)
SELECT prefix::text AS prefix, count(DISTINCT peer_id) AS peers, min(first_seen) AS first_seen,
       max(last_changed) AS last_changed, max(last_confirmed) AS last_confirmed,
       count(*) OVER () AS prefixes_total, (sum(count(*)) OVER ())::int8 AS routes,
       min(min(first_seen)) OVER () AS first_of_all,
       max(max(last_confirmed)) OVER () AS last_of_all
  FROM routes
 GROUP BY prefix
 ORDER BY prefix
 LIMIT {{limit}}
"""

# A set of attributes is kept for as long as the history needs it: only those count that a route
# has now. An AS_SET says nothing about who stands next to whom.
_PATHS = f"""
SELECT a.as_path
  FROM rib.path_attributes AS a
 WHERE a.as_path @> CAST(ARRAY[:asn] AS int8[]) AND a.as_path_text IS NULL
   AND EXISTS (SELECT FROM rib.route AS r WHERE r.attr_id = a.attr_id AND {_LIVE})
 LIMIT {{paths}}
"""


async def originated(
    conn: AsyncConnection, asn: int, ribs: Mapping[int, Rib], *, routes: int, limit: int
) -> list[Row]:
    """The first `limit` prefixes of the AS among `routes` of its routes.

    Each row has, of all of these, `prefixes_total`, `routes`, `first_of_all` and `last_of_all`.
    """
    values = {
        "asn": asn,
        "sessions": sessions_that_count(ribs, "current"),
        "peers": by_rib(ribs, lambda rib: rib["peer_id"]),
        "complete_at": by_rib(ribs, lambda rib: rib["complete_at"]),
    }
    # Limits are written out: of one that is bound the planner expects a tenth of the table.
    return await fetch(conn, _PREFIXES.format(routes=routes, limit=limit), values)


async def paths(
    conn: AsyncConnection, asn: int, ribs: Mapping[int, Rib], *, limit: int
) -> list[list[int]]:
    """AS paths with the AS in them, from the neighbour to the origin."""
    values = {"asn": asn, "sessions": sessions_that_count(ribs, "current")}
    rows = await fetch(conn, _PATHS.format(paths=limit), values)
    return [row["as_path"] for row in rows]
