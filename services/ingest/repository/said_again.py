"""Routes that a router said again as they were: their rows stay as they are.

The statement that writes a batch puts their keys on a list, one for each batch and RIB
(`rib.route_said`, `rib.nlri_route_said`). When the table is complete, what no list has is gone, and
the lists are dropped. Before anything of an older session is written, rows take what is on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest.rows.events import PREFIX_FAMILIES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from services.ingest.database import Conn

# What a complete table lacks is gone. Of what it has, rows of older sessions may stay as they are.
_RELOADED = """
SELECT rib_id FROM rib.peer_rib
 WHERE rib_id = ANY ($1::int4[]) AND (family = ANY ($2::int4[])) = {is_of_prefixes}
   AND valid_session < complete_session AND complete_session > 1
"""  # the first session of a peer has none before it
_ROOM = "SET LOCAL work_mem = '128MB'"  # for the keys of a whole table
_END_UNSAID = """
WITH said AS (
    SELECT unnest(keys) AS {key}, unnest(path_ids) AS path_id
      FROM rib.{route}_said WHERE rib_id = $1 AND session >= $2
)
UPDATE rib.{route} AS r SET is_withdrawn = true, session = $2 - 1
  FROM rib.peer_rib AS b
 WHERE r.rib_id = $1 AND b.rib_id = $1 AND r.session >= b.valid_session AND r.session < $2
   AND NOT r.is_withdrawn
   AND NOT EXISTS (SELECT FROM said AS s WHERE s.{key} = r.{key} AND s.path_id = r.path_id)
"""
# What newer sessions said again is written on the rows, each with the newest that did.
_KEEP_SAID = """
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (rib_id, {key}, path_id) *
      FROM (SELECT rib_id, session, last, unnest(keys) AS {key}, unnest(path_ids) AS path_id
              FROM rib.{route}_said WHERE rib_id = ANY ($1::int4[]) AND session >= $2) AS said
     ORDER BY rib_id, {key}, path_id, session DESC, last DESC
), kept AS (
    DELETE FROM rib.{route}_said WHERE rib_id = ANY ($1::int4[]) AND session >= $2
)
UPDATE rib.{route} AS r
   SET session = s.session, last_confirmed = greatest(r.last_confirmed, s.last)
  FROM said AS s JOIN rib.peer_rib AS b USING (rib_id)
 WHERE r.{key} = s.{key} AND r.rib_id = s.rib_id AND r.path_id = s.path_id
   AND r.session < s.session AND NOT r.is_withdrawn AND r.session >= b.valid_session
"""
_FORGET_SAID = "DELETE FROM rib.{route}_said WHERE rib_id = ANY ($1::int4[]) AND session <= $2"
_OVERTAKEN = """
SELECT DISTINCT rib_id, staged.session
  FROM unnest($1::int4[], $2::int4[]) AS staged(rib_id, session)
  JOIN rib.{route}_said AS said USING (rib_id) WHERE said.session > staged.session
"""


class SaidAgain:
    """The lists of one table of current routes, whose key has this name."""

    def __init__(self, route: str, key: str) -> None:
        is_of_prefixes = "true" if key == "prefix" else "false"
        self._reloaded, self._end_unsaid, self._keep_said, self._forget_said, self._overtaken = (
            statement.format(route=route, key=key, is_of_prefixes=is_of_prefixes)
            for statement in (_RELOADED, _END_UNSAID, _KEEP_SAID, _FORGET_SAID, _OVERTAKEN)
        )

    async def end_unsaid(self, conn: Conn, sessions: Mapping[int, int]) -> None:
        """Ends what the complete tables of these sessions, by RIB, lack.

        It is given the session before, which is the last that it counted in.
        """
        reloaded = await conn.fetch(self._reloaded, list(sessions), list(PREFIX_FAMILIES))
        if reloaded:
            await conn.execute(_ROOM)
        for (rib_id,) in reloaded:
            await conn.execute(self._end_unsaid, rib_id, sessions[rib_id])
            await conn.execute(self._forget_said, [rib_id], sessions[rib_id])

    async def bring_down(self, conn: Conn, ribs: Collection[int], session: int) -> None:
        """Sees to it that a session's end takes nothing along that a newer one has said again."""
        await conn.execute(self._keep_said, ribs, session + 1)
        await conn.execute(self._forget_said, ribs, session)

    async def overtake(self, conn: Conn, sessions: Mapping[int, int]) -> None:
        """Makes rows say themselves what sessions newer than these, by RIB, said again."""
        if not sessions:
            return
        overtaken = await conn.fetch(self._overtaken, list(sessions), list(sessions.values()))
        for rib_id, session in overtaken:
            await conn.execute(self._keep_said, [rib_id], session + 1)
