"""A page of a RIB's routes, where others have a hundred thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.routes.store.current import KEYS

if TYPE_CHECKING:
    from services.routes.store.current import Table

_ROWS = """
INSERT INTO rib.{table} (first_seen, last_changed, last_confirmed, rib_id, path_id, session,
                         is_withdrawn, {key})
SELECT now(), now(), now(), CASE WHEN n > 99990 THEN 2 ELSE 1 END, 0, 1, false, {value}
  FROM generate_series(1, 100000) AS n
"""
_KEYS: dict[Table, tuple[str, str]] = {
    "route": ("prefix", "set_masklen(('10.0.0.0'::inet + n * 256)::cidr, 24)"),
    "nlri_route": ("nlri_id", "n"),
}


@pytest.mark.parametrize("table", _KEYS)
async def test_few_routes_are_found_without_a_look_at_all_others(
    table: Table, migrated_url: str
) -> None:
    key, value = _KEYS[table]
    conn = await asyncpg.connect(migrated_url)
    try:
        await conn.execute(_ROWS.format(table=table, key=key, value=value))
        await conn.execute(f"VACUUM ANALYZE rib.{table}")
        plans = {}
        for rib_id in (1, 2):
            of_rib = f"FROM rib.{table} AS r WHERE r.rib_id = ANY ('{{{rib_id}}}')"
            page = f"EXPLAIN SELECT * {of_rib} ORDER BY {KEYS[table]} LIMIT 100"
            plans[rib_id] = "\n".join(row[0] for row in await conn.fetch(page))
    finally:
        await conn.close()
    assert f"{table}_rib_id" in plans[2]
    assert f"{table}_pkey" in plans[1]
