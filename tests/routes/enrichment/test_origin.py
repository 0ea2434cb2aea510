"""The origin of a route, in Python and in the database alike."""

from __future__ import annotations

import asyncpg
import pytest

from services.routes.enrichment import origin
from services.routes.enrichment.origin import OWN, UNKNOWN, route_origin


@pytest.mark.parametrize(
    ("path", "text", "origin_asn", "expected"),
    [
        ([64501, 64502], None, 64502, 64502),
        ([], None, None, OWN),
        ([64501, 64510, 64511], "64501 {64510 64511}", None, None),
        ([64510, 64501], "{64510} 64501", 64501, 64501),
        ([65001, 64501], "(65001) 64501", 64501, 64501),
        ([65001], "(65001)", None, UNKNOWN),
        ([64501, 65001], "64501 [65001]", None, UNKNOWN),
    ],
)
async def test_the_end_of_the_path_tells_the_origin(
    postgres_dsn: str,
    path: list[int],
    text: str | None,
    origin_asn: int | None,
    expected: int | None,
) -> None:
    assert route_origin(origin_asn, text) == expected
    conn = await asyncpg.connect(postgres_dsn)
    try:
        found = await conn.fetchval(
            f"SELECT {origin.SQL} FROM (SELECT 1 AS attr_id, $1::int8 AS origin_asn,"  # noqa: S608 - of constants
            " $2::text AS as_path_text, $3::int8[] AS as_path) AS a",
            origin_asn,
            text,
            path,
        )
    finally:
        await conn.close()
    assert found == expected
