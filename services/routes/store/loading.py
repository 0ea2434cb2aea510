"""The current RIB while routers send their tables again.

A route that is said again as it was known keeps its row as it is, until its router's table is
complete. Until then the history says whether it was said, and when.

`route_while_loading` stands in a statement where `rib.route` would stand and has its columns. It
costs a look into the history for each route that was not said again, so it is asked only where
there are such tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from services.routes.store.ribs import by_rib

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.routes.store.ribs import Rib

# Times are compared in a way that keeps the index of times out of it: the planner takes it for
# selective, and reads all of it for each route.
_WHILE_LOADING = """
(SELECT r.{key}, r.rib_id, r.path_id, r.first_seen, r.attr_id, r.is_withdrawn, r.last_changed,
        coalesce(said.session, r.session) AS session,
        coalesce(said.time, r.last_confirmed) AS last_confirmed {detail}
   FROM rib.{route} AS r
   LEFT JOIN LATERAL (
     SELECT e.session, e.time
       FROM rib.{event} AS e
      WHERE r.session < (CAST(:loading_sessions AS int4[]))[r.rib_id] AND NOT r.is_withdrawn
        AND e.{key} = r.{key} AND e.rib_id = r.rib_id
        AND rib.path_id_bits(e.path_id) = r.path_id
        AND e.session > r.session AND e.time - r.last_confirmed >= interval '0'
        AND e.attr_id IS NOT NULL
      ORDER BY e.session DESC, e.seq DESC LIMIT 1) AS said ON true)
"""
_TABLES = {
    "route": _WHILE_LOADING.format(route="route", event="route_event", key="prefix", detail=""),
    "nlri_route": _WHILE_LOADING.format(
        route="nlri_route", event="nlri_event", key="nlri_id", detail=", r.detail"
    ),
}


def route_while_loading(table: Literal["route", "nlri_route"]) -> str:
    """A FROM item with the rows and columns of this table, to be named by `AS`."""
    return _TABLES[table]


def loading(ribs: Mapping[int, Rib]) -> dict[str, Any]:
    """What `route_while_loading` is to be told of these RIBs; nothing where none is loading."""
    if not any(rib["is_loading_again"] for rib in ribs.values()):
        return {}
    return {
        "loading_sessions": by_rib(
            ribs, lambda rib: rib["session"] if rib["is_loading_again"] else None
        )
    }
