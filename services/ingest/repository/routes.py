"""The statements that bring the current RIB from the state before a batch to the one after it.

One shape for both tables: `rib.route`, whose key is a prefix, and `rib.nlri_route`, whose key is
the number of an NLRI with details beside it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import asyncpg

from services.ingest.repository.copying import copy
from services.ingest.repository.said_again import SaidAgain
from services.ingest.rows.current import NEW_NLRI_COLUMNS, NEW_ROUTE_COLUMNS, new_route_rows
from services.ingest.rows.events import NLRI_COLUMNS, ROUTE_COLUMNS
from services.ingest.rows.repeats import REPEAT_COLUMNS, repeat_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from services.ingest.database import Conn
    from services.ingest.latest import Latest, Table

    Round = tuple[int, Latest]

CHURN_MINUTES = 5

_STAGING = """
CREATE TEMP TABLE stage_{route} (LIKE rib.{event}) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE stage_{route}_repeated (
    rib_id int4 NOT NULL, path_id int8, {key} {key_type} NOT NULL, {detail_column}
    opening_attr_id int8, last_attr_id int8, first_announced timestamptz,
    last_announced timestamptz, since timestamptz NOT NULL, is_moved boolean NOT NULL,
    updates int4 NOT NULL, withdrawals int4 NOT NULL, path_changes int4 NOT NULL,
    UNIQUE NULLS NOT DISTINCT ({key}, rib_id, path_id)
) ON COMMIT DELETE ROWS;
"""

# Only one transaction at a time works on a RIB. Sessions are compared after the lock is had, so
# that what a lingering connection still says never undoes what a newer one of its router said.
# They are compared route by route: it does not matter which of two writers commits first.
_LOCK = "SELECT rib_id, session, is_loading FROM rib.lock_ribs($1)"
_LOADED = "UPDATE rib.peer_rib SET is_loading = false WHERE rib_id = ANY ($1::int4[])"

# plan: each route of the batch beside what is stored of it. `opens_change` is whether its first
# event in the batch changed what is stored, `is_moved` whether later events changed it again. A
# route that is new opens no change, also where a withdrawal of it came first: a table that loads is
# no churn.
_WRITE = """
WITH plan AS MATERIALIZED (
    SELECT s.*, r.ctid AS stored, r.stored_session, r.was_live,
           coalesce(s.final_attr_id, r.attr_id) AS known_attr_id,
           r.ctid IS NOT NULL AND CASE WHEN s.opens_withdrawn THEN r.was_live
               ELSE NOT r.was_live OR r.attr_id IS DISTINCT FROM s.opening_attr_id {or_detail}
               END AS opens_change,
           (r.ctid IS NULL AND s.opens_withdrawn AND s.is_moved)::int4 AS is_new,
           r.was_live AND r.stored_session < s.session AND s.is_loading_again AND NOT s.is_moved
               AND r.last_confirmed <= s.first_announced
               AND r.attr_id = s.opening_attr_id {and_detail} AS is_said_again
      FROM (
        SELECT s.rib_id, s.session, s.{key}, rib.path_id_bits(s.path_id) AS path_id {stage_detail},
               b.valid_session, s.session < p.session AS is_late, s.attr_id IS NULL AS is_withdrawn,
               s.session = p.session AND b.complete_session IS DISTINCT FROM s.session
                   AS is_loading_again,
               coalesce(s.attr_id, m.last_attr_id) AS final_attr_id, {opening} AS opening_attr_id,
               {opening} IS NULL AS opens_withdrawn, coalesce(m.since, s.time) AS since,
               coalesce(m.first_announced, s.time) AS first_announced,
               coalesce(m.last_announced, CASE WHEN s.attr_id IS NOT NULL THEN s.time END)
                   AS last_announced,
               coalesce(m.is_moved, false) AS is_moved, coalesce(m.updates, 0) AS updates,
               coalesce(m.withdrawals, 0) AS withdrawals,
               coalesce(m.path_changes, 0) AS path_changes
          FROM stage_{route} AS s
          JOIN rib.peer_rib AS b USING (rib_id)
          JOIN rib.peer AS p USING (peer_id)
          {repeated}
         WHERE s.session >= greatest(b.valid_session, b.complete_session)
      ) AS s
      LEFT JOIN LATERAL (
        SELECT r.ctid, r.session AS stored_session, r.attr_id, r.last_confirmed {detail},
               NOT r.is_withdrawn AND r.session >= s.valid_session AS was_live
          FROM rib.{route} AS r
         WHERE r.{key} = s.{key} AND r.rib_id = s.rib_id AND r.path_id = s.path_id
      ) AS r ON true
     WHERE r.ctid IS NULL OR r.stored_session <= s.session
), added AS (
    INSERT INTO rib.{route} (attr_id, first_seen, last_changed, last_confirmed, {key}, rib_id,
                             path_id, session, is_withdrawn {detail})
    SELECT final_attr_id, first_announced, since, last_announced, {key}, rib_id,
           path_id, session, is_withdrawn {detail}
      FROM plan
     WHERE stored IS NULL AND final_attr_id IS NOT NULL
), changed AS (
    UPDATE rib.{route} AS r
       SET attr_id = s.known_attr_id,
           first_seen = CASE WHEN s.last_announced IS NULL THEN r.first_seen
                             ELSE least(r.first_seen, s.first_announced) END,
           last_changed = CASE WHEN s.opens_change OR s.is_moved
                               THEN greatest(r.first_seen, s.since) ELSE r.last_changed END,
           last_confirmed = greatest(r.last_confirmed, s.last_announced),
           session = s.session, is_withdrawn = s.is_withdrawn {set_detail}
      FROM plan AS s
     WHERE r.ctid = s.stored AND s.is_said_again IS NOT TRUE
       AND (s.opens_change OR s.is_moved OR NOT s.is_withdrawn OR s.stored_session < s.session)
), said AS (
    INSERT INTO rib.{route}_said (last, rib_id, session, keys, path_ids)
    SELECT max(last_announced), rib_id, session, array_agg({key}), array_agg(path_id) FROM plan
     WHERE is_said_again GROUP BY rib_id, session
), churned AS MATERIALIZED (
    SELECT date_bin('{minutes} minutes', since, timestamptz 'epoch') AS bucket, since, rib_id,
           {key}, known_attr_id,
           updates + (opens_change AND NOT opens_withdrawn)::int4 - is_new AS updates,
           withdrawals + (opens_change AND opens_withdrawn)::int4 AS withdrawals,
           path_changes
               + (opens_change AND was_live AND NOT opens_withdrawn)::int4 AS path_changes
      FROM plan
     WHERE opens_change OR updates + withdrawals > is_new
), {churn}
SELECT count(*) FROM plan WHERE NOT is_late
"""

_REPEATED = """
LEFT JOIN stage_{route}_repeated AS m ON m.{key} = s.{key} AND m.rib_id = s.rib_id
          AND m.path_id IS NOT DISTINCT FROM s.path_id
"""
# Of a staging table's size the planner knows nothing: it would sort a batch to join it with none.
_NOT_REPEATED = """
CROSS JOIN (SELECT NULL::int4, NULL::int8, NULL::int8, NULL::timestamptz, NULL::timestamptz,
                   NULL::timestamptz, NULL::boolean, NULL::int4, NULL::int4, NULL::int4,
                   NULL::jsonb)
    AS m(rib_id, opening_attr_id, last_attr_id, since, first_announced, last_announced, is_moved,
         updates, withdrawals, path_changes, detail)
"""

_CHURN = """
churn_{name} AS (
    INSERT INTO rib.churn_{name} AS c (bucket, last_change, updates, withdrawals, path_changes,
                                       {key}, writer_id)
    SELECT bucket, max(since), sum(updates), sum(withdrawals), sum(path_changes), {key}, $1
      FROM churned {join}
     WHERE {key} IS NOT NULL
     GROUP BY bucket, {key}
        ON CONFLICT (bucket, {key}, writer_id) DO UPDATE
       SET last_change = greatest(c.last_change, EXCLUDED.last_change),
           updates = c.updates + EXCLUDED.updates,
           withdrawals = c.withdrawals + EXCLUDED.withdrawals,
           path_changes = c.path_changes + EXCLUDED.path_changes
)"""
_JOIN_PEER = "JOIN rib.peer_rib USING (rib_id)"
_JOIN_ORIGIN = "JOIN rib.path_attributes AS a ON a.attr_id = known_attr_id"


# What a table whose NLRI have details needs besides.
_DETAIL = {
    "detail": ", detail",
    "detail_column": "detail jsonb,",
    "stage_detail": ", CASE WHEN m.rib_id IS NULL THEN s.detail ELSE m.detail END AS detail",
    "and_detail": "AND r.detail IS NOT DISTINCT FROM s.detail",
    "or_detail": "OR r.detail IS DISTINCT FROM s.detail",
    "set_detail": ", detail = CASE WHEN s.last_announced IS NULL THEN r.detail ELSE s.detail END",
}
_NO_DETAIL = dict.fromkeys(_DETAIL, "")
_OPENING = "CASE WHEN m.rib_id IS NULL THEN s.attr_id ELSE m.opening_attr_id END"


async def lock(conn: Conn, ribs: Collection[int]) -> list[asyncpg.Record]:
    """Keeps others from these RIBs until the transaction ends.

    Says of each, by `rib_id`, the newest `session`, and whether its first table `is_loading`.
    """
    return list(await conn.fetch(_LOCK, list(ribs)))


class RouteTable:
    """A table of current routes, and how a batch is brought into it."""

    def __init__(
        self,
        route: str,
        event: str,
        columns: tuple[str, ...],
        new_columns: tuple[str, ...],
        key: str,
        join_prefix: str,
    ) -> None:
        names = {
            "route": route,
            "event": event,
            "key": key,
            "key_type": "cidr" if key == "prefix" else "int8",
            **(_DETAIL if "detail" in columns else _NO_DETAIL),
        }
        churn = (
            ("prefix", "prefix", join_prefix),
            ("peer", "peer_id", _JOIN_PEER),
            ("origin", "origin_asn", _JOIN_ORIGIN),
        )
        self.staging = _STAGING.format(**names)
        self.unstaging = f"DROP TABLE stage_{route}, stage_{route}_repeated;"
        self.event = event
        self.route = route
        self.stage = f"stage_{route}"
        self.key = key
        self.columns = columns
        self._new_columns = new_columns
        self._key = columns[columns.index(key) :]
        self._repeat_columns = (*REPEAT_COLUMNS, *self._key)
        self.said_again = SaidAgain(route, key)
        self._write, self._write_repeated = (
            _WRITE.format(
                **names,
                opening=_OPENING,
                repeated=repeated.format(**names),
                minutes=CHURN_MINUTES,
                churn=",".join(_CHURN.format(name=a, key=b, join=c) for a, b, c in churn),
            )
            for repeated in (_NOT_REPEATED, _REPEATED)
        )

    async def write(self, conn: Conn, writer_id: int, table: Table) -> int:
        """Brings the events of a batch into the table.

        Says how many routes are not of their peer's newest session.
        """
        if not table.latest:
            return 0
        found = await lock(conn, table.ribs())
        newest = {row["rib_id"]: row["session"] for row in found}
        loading = {row["rib_id"] for row in found if row["is_loading"]}
        late = 0
        for number, ribs in enumerate(table.rounds()):
            older = {one: its.session for one, its in ribs if its.session < newest[one]}
            await self.said_again.overtake(conn, older)
            if known := await self._insert_new(conn, ribs, loading - older.keys()):
                late += await self._write_round(conn, writer_id, known, number)
        return late

    async def write_staged(self, conn: Conn, writer_id: int, *, has_repeated: bool = False) -> int:
        """Brings what is staged into the table; says how many routes are of the newest session."""
        statement = self._write_repeated if has_repeated else self._write
        return int(await conn.fetchval(statement, writer_id))

    async def unstage(self, conn: Conn) -> None:
        """Makes room for what is to be staged next in the same transaction."""
        await conn.execute(f"TRUNCATE {self.stage}, {self.stage}_repeated")

    async def _insert_new(
        self, conn: Conn, ribs: list[Round], loading: Collection[int]
    ) -> list[Round]:
        """Inserts the routes of RIBs whose first table is coming; gives what is left to be written.

        To be told which of them are known would cost half as much again. If one of them is, the
        key says so and nothing of this is done.
        """
        new = {rib_id for rib_id, latest in ribs if rib_id in loading and latest.announces_once}
        if not new:
            return ribs
        events = chain.from_iterable(one.rows() for rib_id, one in ribs if rib_id in new)
        rows = new_route_rows(len(self._new_columns), events)
        try:
            async with conn.transaction():
                await copy(conn, self.route, self._new_columns, rows, schema="rib")
        except asyncpg.UniqueViolationError:
            await conn.execute(_LOADED, list(new))
            return ribs
        return [(rib_id, latest) for rib_id, latest in ribs if rib_id not in new]

    async def _write_round(self, conn: Conn, writer_id: int, ribs: list[Round], number: int) -> int:
        if number:
            await self.unstage(conn)
        last = [row for _, latest in ribs for row in latest.rows()]
        await copy(conn, self.stage, self.columns, last)
        if repeated := list(self._repeated(ribs)):
            await copy(conn, f"{self.stage}_repeated", self._repeat_columns, repeated)
        return len(last) - await self.write_staged(conn, writer_id, has_repeated=bool(repeated))

    def _repeated(self, ribs: list[Round]) -> Iterator[bytes]:
        for rib_id, latest in ribs:
            for events in latest.repeated():
                yield repeat_row(rib_id, events, len(self._key))


PREFIX = RouteTable("route", "route_event", ROUTE_COLUMNS, NEW_ROUTE_COLUMNS, "prefix", "")
NLRI = RouteTable(
    "nlri_route",
    "nlri_event",
    NLRI_COLUMNS,
    NEW_NLRI_COLUMNS,
    "nlri_id",
    "JOIN rib.nlri USING (nlri_id)",
)
