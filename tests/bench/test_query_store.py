"""The big store, made small: what it says is there now is what ingest makes of its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
from pydantic import SecretStr

from bench import query_store
from bench.query_kinds import kinds, past_tables
from bench.query_world import START, Size
from services.ingest.repository import recovery
from services.routes.app import create_app
from services.routes.settings import RoutesSettings

if TYPE_CHECKING:
    from services.ingest.database import Conn

SMALL = Size(
    ipv4=3_000,
    ipv6=600,
    ipv4_groups=150,
    groups=200,
    churning=100,
    restless=10,
    changes=4_000,
    macs=50,
    moves=60,
    vpn_routes=40,
)
DERIVED = {
    "routes": "SELECT * FROM rib.route ORDER BY prefix, rib_id",
    "routes of other families": "SELECT * FROM rib.nlri_route ORDER BY nlri_id, rib_id",
    "churn of prefixes": "SELECT * FROM rib.churn_prefix ORDER BY bucket, prefix",
    "churn of peers": "SELECT * FROM rib.churn_peer ORDER BY bucket, peer_id",
    "churn of origins": "SELECT * FROM rib.churn_origin ORDER BY bucket, origin_asn",
    "what counts": "SELECT * FROM rib.peer_rib ORDER BY rib_id",
}
FORGET = """
TRUNCATE rib.route, rib.nlri_route, rib.churn_prefix, rib.churn_peer, rib.churn_origin, rib.writer;
UPDATE rib.peer SET session = 0;
UPDATE rib.peer_rib SET valid_session = 0, complete_session = NULL, complete_at = NULL;
DELETE FROM rib.progress WHERE stage = 'current';
"""


async def test_the_current_rib_and_the_churn_are_what_ingest_makes_of_the_history(
    database_url: str,
) -> None:
    said: list[str] = []
    await query_store.fill(database_url, SMALL, said.append)
    conn = await asyncpg.connect(database_url)
    try:
        before = await derived(conn)
        await conn.execute(FORGET)
        await conn.execute("UPDATE rib.progress SET committed_at = $1", START)
        async with conn.transaction():
            assert await recovery.finish(conn) == 1
        after = await derived(conn)
    finally:
        await conn.close()
    for what, rows in before.items():
        assert rows
        assert after[what] == rows, what
    assert len(before["routes"]) > 5 * 3_500


async def test_every_question_of_the_benchmark_has_an_answer_with_something_in_it(
    database_url: str,
) -> None:
    await query_store.fill(database_url, SMALL, [].append)
    conn = await asyncpg.connect(database_url)
    try:
        asked, tables = await kinds(conn), await past_tables(conn)
    finally:
        await conn.close()
    app = create_app(RoutesSettings(database_url=SecretStr(database_url)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
    ):
        for kind in asked:
            found = []
            for path in kind.paths[:20]:
                answer = await client.get(path)
                assert answer.status_code == 200, f"{kind.name}: {path}: {answer.text}"
                found.append(len(answer.json()["data"]))
            assert any(found), kind.name
        for path in tables:
            answer = await client.get(path)
            assert len(answer.text.splitlines()) > 3_500


async def derived(conn: Conn) -> dict[str, list[dict[str, Any]]]:
    """All that follows from the history."""
    return {what: [dict(row) for row in await conn.fetch(query)] for what, query in DERIVED.items()}
