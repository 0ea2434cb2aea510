"""The routes to one prefix, as they are now, in one round trip.

What else there is takes a trip for the RIBs and one for each table. Here the RIBs are those that
the service was told before, and the routes come with the RIBs' version at the same moment: where it
is another by now, they are read once more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from services.routes.store.current import SHARED_COLUMNS, statement, tables
from services.routes.store.driver import fetch
from services.routes.store.ribs import NOW, chosen, remembered_ribs, ribs_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.store.current import Table
    from services.routes.store.driver import Row
    from services.routes.store.ribs import Known

_PLAIN = """
r.rib_id, r.path_id, r.session, r.is_withdrawn, r.attr_id, r.last_changed, r.first_seen,
r.last_confirmed
"""
_COLUMNS: Mapping[Table, str] = {
    "route": "r.prefix, CAST(NULL AS int8) AS nlri_id, CAST(NULL AS jsonb) AS fields, "
    f"CAST(NULL AS jsonb) AS detail, {_PLAIN}",
    "nlri_route": f"n.prefix, r.nlri_id, n.fields, r.detail, {_PLAIN}",
}
_TRIES = 2
# In the order of a walk: routes of a plain prefix have no `nlri_id`.
_LOOK_UP = f"""
SELECT now.as_of, now.version, r.prefix::text AS prefix, r.nlri_id, r.fields::text AS fields,
       r.detail::text AS detail, {SHARED_COLUMNS}
  FROM ({NOW}) AS now LEFT JOIN ({{}}) AS r ON true
 ORDER BY r.nlri_id NULLS FIRST, r.prefix, r.rib_id, r.path_id LIMIT {{}}
"""


async def look_up(
    conn: AsyncConnection, asked: RouteFilter, rows: int
) -> tuple[Known, list[Row]] | None:
    """The first `rows` routes of what `is_lookup`, and the RIBs.

    None where there are no such RIBs, or where they change faster than they are read.
    """
    known = await remembered_ribs(conn)
    for _ in range(_TRIES):
        ribs = chosen(known.ribs, asked)
        # What they bind has the same names and values, since nothing is asked of either table
        # alone.
        made = [statement(table, asked, ribs) for table in tables(asked, ribs)]
        if not made:
            return None
        routes = " UNION ALL ".join(one.sql(_COLUMNS[one.table]) for one in made)
        found = await fetch(conn, _LOOK_UP.format(routes, rows), made[0].values)
        now = found[0]
        if now["version"] == known.version:
            known = replace(known, as_of=now["as_of"])
            return known, [row for row in found if row["rib_id"] is not None]
        known = await ribs_now(conn, now)
    return None
