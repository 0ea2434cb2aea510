"""What the current routes say of an AS. Each question looks at no more rows than it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

_LIVE = "NOT r.is_withdrawn AND r.session >= b.valid_session"

_PREFIXES = f"""
WITH routes AS MATERIALIZED (
    SELECT r.prefix, b.peer_id, r.first_seen, r.last_changed, r.last_confirmed
      FROM rib.path_attributes AS a
      JOIN rib.route AS r USING (attr_id)
      JOIN rib.peer_rib AS b USING (rib_id)
     WHERE a.origin_asn = :asn AND {_LIVE}
     LIMIT :routes
)
SELECT prefix, count(DISTINCT peer_id) AS peers, min(first_seen) AS first_seen,
       max(last_changed) AS last_changed, max(last_confirmed) AS last_confirmed,
       count(*) OVER () AS prefixes_total, (sum(count(*)) OVER ())::int8 AS routes,
       min(min(first_seen)) OVER () AS first_of_all,
       max(max(last_confirmed)) OVER () AS last_of_all
  FROM routes
 GROUP BY prefix
 ORDER BY prefix
 LIMIT :limit
"""

# A set of attributes is kept for as long as the history needs it: only those count that a route
# has now. An AS_SET says nothing about who stands next to whom.
_PATHS = f"""
SELECT a.as_path
  FROM rib.path_attributes AS a
 WHERE a.as_path @> CAST(ARRAY[:asn] AS int8[]) AND a.as_path_text IS NULL
   AND EXISTS (SELECT FROM rib.route AS r JOIN rib.peer_rib AS b USING (rib_id)
                WHERE r.attr_id = a.attr_id AND {_LIVE})
 LIMIT :paths
"""


async def originated(
    conn: AsyncConnection, asn: int, *, routes: int, limit: int
) -> Sequence[RowMapping]:
    """The first `limit` prefixes of the AS among `routes` of its routes.

    Each row has, of all of these, `prefixes_total`, `routes`, `first_of_all` and `last_of_all`.
    """
    values = {"asn": asn, "routes": routes, "limit": limit}
    return (await conn.execute(text(_PREFIXES), values)).mappings().all()


async def paths(conn: AsyncConnection, asn: int, *, limit: int) -> list[list[int]]:
    """AS paths with the AS in them, from the neighbour to the origin."""
    result = await conn.execute(text(_PATHS), {"asn": asn, "paths": limit})
    return list(result.scalars())
