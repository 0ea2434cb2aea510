"""A walk over routes, in pieces of any size, along prefixes or along sets of attributes."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from services.routes.asking.as_path import read_as_path_pattern
from services.routes.asking.cursors import AttributesKey, PrefixKey, RouteKey
from services.routes.asking.routes import RouteFilter
from services.routes.store.ribs import chosen, known_ribs
from services.routes.store.walk import FEW_SETS, RARE, STRETCH, Walk
from shared.db.engine import create_engine
from tests.routes.many import Many

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.values import StateFilter
    from tests.ingest.conftest import Ingest


QUESTIONS = {
    "everything": RouteFilter(),
    "an origin": RouteFilter(origin_asns=[64502]),
    "a community": RouteFilter(communities=[64501 << 16 | 100]),
    "a path": RouteFilter(as_paths=[read_as_path_pattern("64502")]),
    "a peer's": RouteFilter(peer_addresses=["192.0.2.1"], next_hops=["192.0.2.1"]),
    "nothing": RouteFilter(origin_asns=[1]),
}


@pytest.fixture
async def conn(ingest: Ingest, migrated_url: str) -> AsyncIterator[AsyncConnection]:
    many = Many(seed=3, count=200)
    await ingest.say(*many.messages())
    engine = create_engine(SecretStr(migrated_url), application="test", reads="questions")
    async with engine.connect() as conn:
        yield conn
    await engine.dispose()


async def walked(
    conn: AsyncConnection,
    asked: RouteFilter,
    few_sets: int,
    rows: int,
    again: int,
    *,
    stretch: int = STRETCH,
    rare: int = RARE,
) -> list[tuple[RouteKey, Any]]:
    """All routes; after `again` of them the walk is given up and begun where it was."""
    ribs = chosen((await known_ribs(conn)).ribs, asked)
    found: list[tuple[RouteKey, Any]] = []
    place: RouteKey | None = None
    while True:
        before = len(found)
        walk = Walk(conn, asked, ribs, few_sets=few_sets, stretch=stretch, rare=rare)
        async with aclosing(walk.pieces(place, rows)) as pieces:
            async for _, routes in pieces:
                found += routes
                if len(found) - before >= again:
                    place = found[-1][0]
                    break
            else:
                return found


@pytest.mark.parametrize("few_sets", [0, FEW_SETS])
@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_walk_that_is_begun_again_meets_every_route_once(
    conn: AsyncConnection, name: str, few_sets: int
) -> None:
    asked = QUESTIONS[name]
    whole = await walked(conn, asked, FEW_SETS, 1000, 10_000)
    wanted = sorted((row["prefix"], row["rib_id"], row["path_id"]) for _, row in whole)
    assert len(set(wanted)) == len(wanted)
    for rows, again in ((1, 1), (7, 3), (50, 60)):
        found = await walked(conn, asked, few_sets, rows, again)
        assert sorted((row["prefix"], row["rib_id"], row["path_id"]) for _, row in found) == wanted


OF_RIBS = [
    RouteFilter(peer_addresses=["192.0.2.1"]),
    RouteFilter(peer_addresses=["192.0.2.2", "2001:db8::7"]),
    RouteFilter(families=[0x0201]),
    RouteFilter(peer_addresses=["192.0.2.2"], families=[0x0201]),
]


@pytest.mark.parametrize("rare", [0, RARE])
@pytest.mark.parametrize("state", ["current", "withdrawn", "all"])
async def test_routes_of_ribs_are_the_same_along_the_prefixes_and_from_their_own_pages(
    conn: AsyncConnection, ingest: Ingest, state: StateFilter, rare: int
) -> None:
    await ingest.value(
        "UPDATE rib.route SET is_withdrawn = true WHERE hashtext(prefix::text) % 3 = 0 RETURNING 1"
    )
    everything = await walked(conn, RouteFilter(state=state), FEW_SETS, 1000, 10_000)
    for one in OF_RIBS:
        asked = replace(one, state=state)
        ribs = chosen((await known_ribs(conn)).ribs, asked)
        wanted = [place for place, row in everything if row["rib_id"] in ribs]
        assert 3 < len(wanted) < len(everything)
        for stretch in (1, 2, STRETCH):
            for rows, again in ((1, 1), (7, 3), (50, 10_000)):
                found = await walked(conn, asked, FEW_SETS, rows, again, stretch=stretch, rare=rare)
                assert [place for place, _ in found] == wanted


async def test_what_is_rare_among_many_routes_of_a_rib_is_looked_for_along_the_prefixes_for_longer(
    conn: AsyncConnection, ingest: Ingest
) -> None:
    await ingest.value("UPDATE rib.route SET is_withdrawn = true RETURNING 1")
    await ingest.value(
        "UPDATE rib.route SET is_withdrawn = false WHERE prefix = (SELECT max(prefix)"
        " FROM rib.route JOIN rib.peer_rib USING (rib_id) JOIN rib.peer USING (peer_id)"
        " WHERE address = '192.0.2.1') RETURNING 1"
    )
    asked = RouteFilter(peer_addresses=["192.0.2.1"])
    ribs = chosen((await known_ribs(conn)).ribs, asked)
    statements: list[str] = []
    raw = (await conn.get_raw_connection()).driver_connection
    assert raw is not None
    with raw.query_logger(lambda record: statements.append(record.query)):
        pieces = Walk(conn, asked, ribs, stretch=5).pieces(None, 1)
        async with aclosing(pieces):
            routes = [place async for _, found in pieces for place, _ in found]
        await asyncio.sleep(0)
    assert len(routes) == 1
    stretches = [found for one in statements for found in re.findall(r"LIMIT (\d+)\) AS r", one)]
    assert stretches == ["5", "5", "50", "50"]  # a page of each, and what there is
    assert "OFFSET 0" in statements[-1]


async def test_a_ribs_own_pages_are_found_by_their_index(
    conn: AsyncConnection,
) -> None:
    asked = RouteFilter(peer_addresses=["192.0.2.1"])
    raw = (await conn.get_raw_connection()).driver_connection
    assert raw is not None
    sent: list[Any] = []
    with raw.query_logger(sent.append):
        await walked(conn, asked, FEW_SETS, 7, 10_000, stretch=1, rare=0)
        await asyncio.sleep(0)
    of_rib = next(record for record in sent if "OFFSET 0" in record.query)
    await raw.execute("SET enable_seqscan = off")
    plan = await raw.fetch(f"EXPLAIN {of_rib.query}", *of_rib.args)
    assert any("Bitmap Index Scan on route_of_rib" in line[0] for line in plan)


async def test_many_sets_are_walked_along_and_the_routes_of_few_are_in_order(
    conn: AsyncConnection,
) -> None:
    asked = QUESTIONS["a path"]
    many = await walked(conn, asked, 0, 10, 10_000)
    few = await walked(conn, asked, FEW_SETS, 10, 10_000)
    assert {type(place) for place, _ in many} == {AttributesKey}
    assert {type(place) for place, _ in few} == {PrefixKey}
    sets = [row["attr_id"] for _, row in many]
    assert sets == sorted(sets)
    assert [row["prefix"] for _, row in few] == await _sorted_by_the_store(conn, few)


async def _sorted_by_the_store(
    conn: AsyncConnection, routes: list[tuple[RouteKey, Any]]
) -> list[str]:
    found = await conn.exec_driver_sql(
        "SELECT p::text FROM unnest($1::text[]) AS t(p) ORDER BY p::cidr",
        ([row["prefix"] for _, row in routes],),
    )
    return list(found.scalars())
