"""The store's answer for every moment of a story, and a dictionary's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from services.routes.answering.routes import route_state
from services.routes.store import past
from services.routes.store.driver import fetch
from shared.contracts.vocabulary import RIB_VIEWS
from tests.ingest.model.ledger import Ledger, Place, Seen
from tests.ingest.model.routes import Route
from tests.ingest.model.stage import Stage, in_outline

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from tests.ingest.model.steps import Step

_RIBS = """
SELECT b.rib_id, b.view, b.family, b.has_path_ids, host(p.address) AS peer
  FROM rib.peer_rib AS b JOIN rib.peer AS p USING (peer_id) JOIN rib.router AS t USING (router_id)
 WHERE t.address = CAST(CAST(:address AS text) AS inet)
"""
_COLUMNS = "r.session, r.is_withdrawn, r.first_seen, r.last_changed, r.last_confirmed"
_PREFIXES = """
SELECT r.rib_id, r.path_id, r.prefix::text AS prefix, NULL::bytea AS key, NULL AS label, a.med,
       {columns}
  FROM {routes} AS r JOIN rib.path_attributes AS a USING (attr_id)
 WHERE r.rib_id = ANY (:ribs)
"""
_OTHERS = """
SELECT r.rib_id, r.path_id, NULL AS prefix, n.key, r.detail #>> '{{labels,0}}' AS label, a.med,
       {columns}
  FROM {routes} AS r JOIN rib.path_attributes AS a USING (attr_id)
  JOIN rib.nlri AS n USING (nlri_id)
 WHERE r.rib_id = ANY (:ribs)
"""
# Each kind of table, and each way to read it.
_WAYS = tuple(
    (
        _PREFIXES.format(columns=_COLUMNS, routes=routes),
        _OTHERS.format(columns=_COLUMNS, routes=past.route_at("nlri_route")),
    )
    for routes in (
        past.route_at("route"),
        past.all_routes_at(mostly_touched=True),
        past.all_routes_at(mostly_touched=False),
    )
)


class PastStage(Stage):
    """Compares, whenever all is written, what there was at each moment until then."""

    def __init__(
        self, url: str, look: asyncpg.Connection[Any], address: str, engine: AsyncEngine
    ) -> None:
        super().__init__(url, look, address)
        self._engine = engine
        self._moments: list[int] = [self._time_us]

    async def _take(self, step: Step) -> None:
        await super()._take(step)
        self._moments.append(self._time_us)

    async def _compare(self) -> None:
        async with self._engine.connect() as conn:
            for time_us in sorted(set(self._moments)):
                for way in _WAYS:
                    stored = await _stored_at(conn, self._address, time_us, way)
                    self._check(time_us, stored, _promised_at(self.ledger, time_us))

    def _check(self, time_us: int, stored: dict[Place, Any], promised: dict[Place, Any]) -> None:
        if self._is_raced:
            stored, promised = in_outline(stored), in_outline(promised)
        wrong = {
            place: (stored.get(place), promised.get(place))
            for place in stored.keys() | promised.keys()
            if stored.get(place) != promised.get(place)
        }
        assert not wrong, f"at {time_us}: stored and promised differ: {wrong}"

    async def _compare_past(self) -> None:
        """Done already."""


async def _stored_at(
    conn: AsyncConnection, address: str, time_us: int, way: tuple[str, ...]
) -> dict[Place, Seen]:
    moment = datetime.fromtimestamp(time_us / 1_000_000, UTC)
    found = (await conn.execute(text(_RIBS), {"address": address})).mappings()
    ribs = await past.ribs_at(conn, {rib["rib_id"]: rib for rib in found}, moment)
    values = past.as_of(ribs, moment) | {"ribs": list(ribs), "ribs_then": list(ribs)}
    places = {}
    for row in [row for sql in way for row in await fetch(conn, sql, values)]:
        rib = ribs[row["rib_id"]]
        route = Route(rib["family"], row["prefix"] or bytes(row["key"]))
        path_id = row["path_id"] if rib["has_path_ids"] else None
        state = route_state(row, rib)
        confirmed = max(row["last_confirmed"], rib["complete_at"] or row["last_confirmed"])
        times = (
            _us(row["first_seen"]),
            _us(row["last_changed"]),
            0 if state == "withdrawn" else _us(confirmed),
        )
        label = None if row["label"] is None else int(row["label"])
        place = Place(rib["peer"], RIB_VIEWS[rib["view"]], route, path_id)
        places[place] = Seen(state, row["med"], label, *times)
    return places


def _promised_at(ledger: Ledger, time_us: int) -> dict[Place, Seen]:
    then = Ledger()
    then.log = [said for said in ledger.log if said.time_us <= time_us]
    return then.routes()


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
