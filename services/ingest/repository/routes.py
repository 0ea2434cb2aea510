"""The statements that bring the current RIB from the state before a batch to the one after it.

One shape for both tables: `rib.route`, whose key is a prefix, and `rib.nlri_route`, whose key is
the number of an NLRI with details beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.repository.copying import copy
from services.ingest.rows.events import NLRI_COLUMNS, ROUTE_COLUMNS
from services.ingest.rows.repeats import REPEAT_COLUMNS, repeat_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.ingest.database import Conn
    from services.ingest.latest import Table

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
_LOCK = "SELECT FROM rib.peer_rib WHERE rib_id = ANY ($1::int4[]) ORDER BY rib_id FOR NO KEY UPDATE"

# plan: each route of the batch beside what is stored of it. `opens_change` is whether its first
# event in the batch changed what is stored, `is_moved` whether later events changed it again. A
# route that is new opens no change: a table that loads is no churn.
_WRITE = """
WITH plan AS MATERIALIZED (
    SELECT s.*, r.ctid AS stored, r.was_live, coalesce(s.final_attr_id, r.attr_id) AS known_attr_id,
           r.ctid IS NOT NULL AND CASE WHEN s.opens_withdrawn THEN r.was_live
               ELSE NOT r.was_live OR r.attr_id IS DISTINCT FROM s.opening_attr_id {or_detail}
               END AS opens_change
      FROM (
        SELECT s.rib_id, s.session, s.{key}, rib.path_id_bits(s.path_id) AS path_id {stage_detail},
               b.valid_session, s.attr_id IS NULL AS is_withdrawn,
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
          JOIN rib.peer AS p ON p.peer_id = b.peer_id AND p.session <= s.session
          LEFT JOIN stage_{route}_repeated AS m
            ON m.{key} = s.{key} AND m.rib_id = s.rib_id
           AND m.path_id IS NOT DISTINCT FROM s.path_id
      ) AS s
      LEFT JOIN LATERAL (
        SELECT r.ctid, r.attr_id {detail},
               NOT r.is_withdrawn AND r.session >= s.valid_session AS was_live
          FROM rib.{route} AS r
         WHERE r.{key} = s.{key} AND r.rib_id = s.rib_id AND r.path_id = s.path_id
      ) AS r ON true
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
           last_changed = CASE WHEN s.opens_change OR s.is_moved
                               THEN s.since ELSE r.last_changed END,
           last_confirmed = coalesce(s.last_announced, r.last_confirmed),
           session = s.session, is_withdrawn = s.is_withdrawn {set_detail}
      FROM plan AS s
     WHERE r.ctid = s.stored AND (s.opens_change OR s.is_moved OR NOT s.is_withdrawn)
), churned AS MATERIALIZED (
    SELECT date_bin('{minutes} minutes', since, timestamptz 'epoch') AS bucket, since, rib_id,
           {key}, known_attr_id,
           updates + (opens_change AND NOT opens_withdrawn)::int4 AS updates,
           withdrawals + (opens_change AND opens_withdrawn)::int4 AS withdrawals,
           path_changes
               + (opens_change AND was_live AND NOT opens_withdrawn)::int4 AS path_changes
      FROM plan
     WHERE opens_change OR is_moved
), {churn}
SELECT count(*) FROM plan
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
    "or_detail": "OR r.detail IS DISTINCT FROM s.detail",
    "set_detail": ", detail = CASE WHEN s.last_announced IS NULL THEN r.detail ELSE s.detail END",
}
_NO_DETAIL = dict.fromkeys(_DETAIL, "")
_OPENING = "CASE WHEN m.rib_id IS NULL THEN s.attr_id ELSE m.opening_attr_id END"


class RouteTable:
    """A table of current routes, and how a batch is brought into it."""

    def __init__(
        self, route: str, event: str, columns: tuple[str, ...], key: str, join_prefix: str
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
        self._stage = f"stage_{route}"
        self._columns = columns
        self._key = columns[columns.index(key) :]
        self._repeat_columns = (*REPEAT_COLUMNS, *self._key)
        self._write = _WRITE.format(
            **names,
            opening=_OPENING,
            minutes=CHURN_MINUTES,
            churn=",".join(_CHURN.format(name=a, key=b, join=c) for a, b, c in churn),
        )

    async def write(self, conn: Conn, writer_id: int, table: Table) -> int:
        """Brings the events of a batch into the table; says how many routes came too late."""
        if not table.latest:
            return 0
        await conn.fetch(_LOCK, list(table.latest))
        last = [row for latest in table.latest.values() for row in latest.rows()]
        await copy(conn, self._stage, self._columns, last)
        if repeated := list(self._repeated(table)):
            await copy(conn, f"{self._stage}_repeated", self._repeat_columns, repeated)
        return len(last) - int(await conn.fetchval(self._write, writer_id))

    def _repeated(self, table: Table) -> Iterator[bytes]:
        for rib_id, latest in table.latest.items():
            for events in latest.repeated():
                yield repeat_row(rib_id, events, len(self._key))


PREFIX = RouteTable("route", "route_event", ROUTE_COLUMNS, "prefix", "")
NLRI = RouteTable(
    "nlri_route", "nlri_event", NLRI_COLUMNS, "nlri_id", "JOIN rib.nlri USING (nlri_id)"
)
