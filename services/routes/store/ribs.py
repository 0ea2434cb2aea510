"""The RIBs of peers: which of them a question is about, and which of their routes count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from services.routes.store.driver import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.routes import RouteFilter
    from services.routes.asking.values import StateFilter
    from services.routes.store.driver import Row

    Rib = Mapping[str, Any]
    """A row of `rib.peer_rib` with those of its peer and, by other names, of its router."""

_Value = TypeVar("_Value")

_RIBS = """
SELECT p.*, t.sys_name, t.address AS router_address, b.rib_id, b.view, b.family, b.has_path_ids,
       b.valid_session, b.valid_session AS down_session, b.complete_session, b.complete_at,
       b.valid_session < p.session AND b.complete_session IS DISTINCT FROM p.session
           AND p.session > 1 AND p.state = 'up' AS is_loading_again
  FROM rib.peer_rib AS b JOIN rib.peer AS p USING (peer_id) JOIN rib.router AS t USING (router_id)
 ORDER BY b.rib_id
"""

# Rows are never made older: on one server, each change of one makes a sum larger. Of routers only
# the name is told, and their rows are written with every batch.
NOW = """
SELECT (SELECT max(committed_at) FROM rib.progress WHERE stage = 'current') AS as_of,
       concat_ws(' ', pg_postmaster_start_time(),
         (SELECT count(*) || ' ' || sum(xmin::text::int8) FROM rib.peer_rib),
         (SELECT count(*) || ' ' || sum(xmin::text::int8) FROM rib.peer),
         (SELECT count(*) || ' ' || sum(hashtext(sys_name)) FROM rib.router)) AS version
"""


@dataclass(frozen=True, slots=True)
class Known:
    """All RIBs by their ids, and the last commit of any ingest process, as NOW tells them."""

    ribs: Mapping[int, Rib]
    version: str
    as_of: datetime | None


_REMEMBERED: WeakKeyDictionary[Engine, Known] = WeakKeyDictionary()


async def known_ribs(conn: AsyncConnection) -> Known:
    """What there is now; the RIBs are read again only where one has changed."""
    (now,) = await fetch(conn, NOW, {})
    return await ribs_now(conn, now)


async def ribs_now(conn: AsyncConnection, now: Row) -> Known:
    """The same, where the row of NOW has been read."""
    known = _REMEMBERED.get(conn.engine.sync_engine)
    if known is None or known.version != now["version"]:
        ribs: Mapping[int, Rib] = {row["rib_id"]: row for row in await fetch(conn, _RIBS, {})}
    else:
        ribs = known.ribs
    known = Known(ribs, now["version"], now["as_of"])
    _REMEMBERED[conn.engine.sync_engine] = known
    return known


async def remembered_ribs(conn: AsyncConnection) -> Known:
    """What was there when last asked for over any connection of this engine."""
    return _REMEMBERED.get(conn.engine.sync_engine) or await known_ribs(conn)


async def ribs_of(conn: AsyncConnection, asked: RouteFilter) -> dict[int, Rib]:
    """The RIBs whose routes are asked for, by id, each with its peer and router."""
    return chosen((await known_ribs(conn)).ribs, asked)


def chosen(ribs: Mapping[int, Rib], asked: RouteFilter) -> dict[int, Rib]:
    """Those of these RIBs whose routes are asked for."""
    if not asks_for_ribs(asked):
        return dict(ribs)
    return {rib_id: rib for rib_id, rib in ribs.items() if _is_asked(rib, asked)}


def with_routes(ribs: Mapping[int, Rib], state: StateFilter) -> Mapping[int, Rib]:
    """Those that may have routes in this state now. Of a peer that is down there are none.

    Its rows are still there, and to find none among a million takes as long as to read all.
    """
    if state in {"all", "withdrawn"}:
        return ribs
    return {rib_id: rib for rib_id, rib in ribs.items() if rib["session"] >= rib["valid_session"]}


def asks_for_ribs(asked: RouteFilter) -> bool:
    """Whether only routes of some RIBs are wanted."""
    return bool(
        asked.router_ids
        or asked.router_addresses
        or asked.peer_ids
        or asked.peer_addresses
        or asked.peer_asns
        or asked.views
        or asked.families
    )


def sessions_that_count(ribs: Mapping[int, Rib], state: StateFilter) -> list[int | None]:
    """For each RIB by its id from 1 on, the oldest session whose routes count; None: none of it."""
    if state != "active":
        return by_rib(ribs, lambda rib: rib["valid_session"])
    return by_rib(ribs, lambda rib: active_session(rib) if rib["state"] == "up" else None)


def active_session(rib: Rib) -> int:
    """The oldest session whose routes are active, while the peer is up.

    What an older one said is stale until the router has said it again, or all of its table.
    """
    if rib["complete_session"] == rib["session"]:
        return int(rib["valid_session"])
    return max(int(rib["valid_session"]), int(rib["session"]))


def by_rib(ribs: Mapping[int, Rib], value: Callable[[Rib], _Value]) -> list[_Value | None]:
    """This of each RIB, by its id from 1 on; None: it is none of these."""
    found: list[_Value | None] = [None] * max(ribs, default=0)
    for rib_id, rib in ribs.items():
        found[rib_id - 1] = value(rib)
    return found


def _is_asked(rib: Rib, asked: RouteFilter) -> bool:
    return (
        _is_one_of(rib, ("router_id", asked.router_ids), ("router_address", asked.router_addresses))
        and _is_one_of(rib, ("peer_id", asked.peer_ids), ("address", asked.peer_addresses))
        and _is_one_of(rib, ("asn", asked.peer_asns))
        and _is_one_of(rib, ("view", asked.views))
        and _is_one_of(rib, ("family", asked.families))
    )


def _is_one_of(rib: Rib, *alternatives: tuple[str, list[Any]]) -> bool:
    """Whether one of these columns is one of its values, or none is asked for."""
    return not any(wanted for _, wanted in alternatives) or any(
        rib[column] in wanted or _text(rib[column]) in wanted for column, wanted in alternatives
    )


def _text(value: object) -> str:
    # The driver may have put a length behind an address.
    return str(value).partition("/")[0]
