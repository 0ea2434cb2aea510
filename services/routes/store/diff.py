"""Two tables compared along their common key, a piece at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.diff import Place
    from services.routes.store.current import Table
    from services.routes.store.ribs import Rib
    from shared.contracts.diff import Difference

FIRST_PIECE = 1_000
PIECE = 20_000
"""Keys that one statement compares: some tens of milliseconds, after the first and smallest."""

_KEYS = {"route": ("prefix", "cidr"), "nlri_route": ("nlri_id", "int8")}
_OF_AFI = {
    1: "r.prefix < CAST('::/0' AS cidr)",
    2: "r.prefix >= CAST('::/0' AS cidr)",
}

# Along the key's index, so that no table is sorted or held in memory. A session that counts no
# more is cut by an array, as the planner takes a function's yield for a half.
_PIECE = """
WITH piece AS MATERIALIZED (
    SELECT r.{key} AS key,
           array_agg(r.attr_id) FILTER (WHERE r.rib_id = ANY (:ribs_a)) AS a,
           array_agg(r.attr_id) FILTER (WHERE r.rib_id = ANY (:ribs_b)) AS b
      FROM rib.{table} AS r
     WHERE r.rib_id = ANY (:ribs) AND NOT r.is_withdrawn
       AND coalesce(r.session >= (CAST(:sessions AS int4[]))[r.rib_id], false) AND {inside}
     GROUP BY r.{key} ORDER BY r.{key} LIMIT :piece
)
(SELECT key::text, false AS is_end FROM piece WHERE {differs} ORDER BY piece.key)
UNION ALL
(SELECT key::text, true FROM piece ORDER BY piece.key OFFSET :piece - 1)
"""
_DIFFERS: dict[Difference, str] = {
    "only_a": "b IS NULL",
    "only_b": "a IS NULL",
    "changed": "a <> b",
}


@dataclass(frozen=True, slots=True)
class Sides:
    """The RIBs of either side: two where one has path identifiers and another has not."""

    table: Table
    family: int
    a: Mapping[int, Rib]
    b: Mapping[int, Rib]


@dataclass(frozen=True, slots=True)
class Piece:
    """The keys of what may differ, and the last one that was compared."""

    places: list[Place]
    following: Place | None
    """None at the end of the tables."""


async def compare(
    conn: AsyncConnection,
    sides: Sides,
    kinds: Sequence[Difference],
    after: Place | None,
    keys: int = PIECE,
) -> Piece:
    """The next piece after this key, of so many keys.

    Several paths that came in another order are among what may differ.
    """
    key, kind = _KEYS[sides.table]
    ribs = {**sides.a, **sides.b}
    sessions: list[int | None] = [None] * max(ribs)
    for rib_id, rib in ribs.items():
        sessions[rib_id - 1] = rib["valid_session"]
    values: dict[str, Any] = {
        "ribs_a": list(sides.a),
        "ribs_b": list(sides.b),
        "ribs": list(ribs),
        "sessions": sessions,
        "piece": keys,
    }
    inside = _OF_AFI[sides.family >> 8] if sides.table == "route" else "true"
    if after is not None:
        inside += f" AND r.{key} > CAST(CAST(:after AS text) AS {kind})"
        values["after"] = str(after)
    statement = _PIECE.format(
        key=key,
        table=sides.table,
        inside=inside,
        differs=" OR ".join(_DIFFERS[one] for one in kinds),
    )
    rows = (await conn.execute(text(statement), values)).all()
    read: type[Place] = str if sides.table == "route" else int
    end = next((read(row.key) for row in rows if row.is_end), None)
    return Piece([read(row.key) for row in rows if not row.is_end], end)
