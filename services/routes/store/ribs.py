"""The RIBs of peers: which of them a question is about, and which of their routes count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from services.routes.store.conditions import all_of, is_asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.asking.values import StateFilter
    from services.routes.store.conditions import Alternatives

_RIBS = """
SELECT p.*, t.sys_name, t.address AS router_address, b.rib_id, b.view, b.family, b.has_path_ids,
       b.valid_session, b.complete_at
  FROM rib.peer_rib AS b JOIN rib.peer AS p USING (peer_id) JOIN rib.router AS t USING (router_id)
"""


async def ribs_of(conn: AsyncConnection, asked: RouteFilter) -> dict[int, RowMapping]:
    """The RIBs whose routes are asked for, by id, each with its peer and router."""
    values: dict[str, Any] = {}
    where = " AND ".join(all_of(_rib_filters(asked), values)) or "true"
    result = await conn.execute(text(f"{_RIBS} WHERE {where}"), values)
    return {row["rib_id"]: row for row in result.mappings()}


def asks_for_ribs(asked: RouteFilter) -> bool:
    """Whether only routes of some RIBs are wanted."""
    return any(is_asked(one) for one in _rib_filters(asked))


def sessions_that_count(ribs: Mapping[int, RowMapping], state: StateFilter) -> list[int | None]:
    """For each RIB by its id from 1 on, the oldest session whose routes count; None: none of it."""
    sessions: list[int | None] = [None] * max(ribs, default=0)
    for rib_id, rib in ribs.items():
        if state != "active":
            sessions[rib_id - 1] = rib["valid_session"]
        elif rib["state"] == "up":
            # What an older session said is stale until the router has said it again.
            sessions[rib_id - 1] = max(rib["valid_session"], rib["session"])
    return sessions


def _rib_filters(asked: RouteFilter) -> tuple[Alternatives, ...]:
    return (
        (
            ("t.router_id", "int4", asked.router_ids),
            ("t.address", "inet", asked.router_addresses),
        ),
        (("p.peer_id", "int4", asked.peer_ids), ("p.address", "inet", asked.peer_addresses)),
        (("p.asn", "int8", asked.peer_asns),),
        (("b.view", "int2", asked.views),),
        (("b.family", "int4", asked.families),),
    )
