"""The few routes to one prefix: one trip, and the same answer as that of the long way."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.routes.asking.routes import RouteFilter
from services.routes.asking.values import read_prefix
from services.routes.store import lookup
from services.routes.store.driver import fetch
from services.routes.store.lookup import look_up
from services.routes.store.past import chosen_at, ribs_at
from services.routes.store.ribs import known_ribs
from services.routes.store.walk import Walk
from tests.ingest import speaker
from tests.world import told_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from services.routes.asking.values import Match
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PEER, OTHER = speaker.Peer("192.0.2.1", 64501), speaker.Peer("192.0.2.2", 64502)
MATCHES: list[Match] = ["exact", "longest", "orshorter", "shorter"]
_PREFIXES = """
SELECT DISTINCT prefix::text FROM rib.route
 UNION SELECT DISTINCT prefix::text FROM rib.nlri WHERE prefix IS NOT NULL
"""
_NAMES = ("prefix", "rib_id", "path_id", "attr_id", "session", "last_changed", "last_confirmed")


@pytest.fixture
async def conn(api: Api) -> AsyncIterator[AsyncConnection]:
    async with api.app.state.lookups.connect() as conn:
        yield conn


async def walked(conn: AsyncConnection, asked: RouteFilter) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    async with aclosing(Walk(conn, asked, (await known_ribs(conn)).ribs).pieces(None, 50)) as walk:
        async for _, routes in walk:
            found += [tuple(row[name] for name in _NAMES) for _, row in routes]
    return found


@pytest.mark.parametrize("match", MATCHES)
async def test_what_is_looked_up_is_what_a_walk_meets(
    conn: AsyncConnection, ingest: Ingest, match: Match
) -> None:
    met = 0
    async with told_to(ingest):
        for prefix in await ingest.column(_PREFIXES):
            for state in ("current", "withdrawn", "all"):
                asked = RouteFilter(read_prefix(prefix)[0], match, state)
                looked_up = await look_up(conn, asked, 50)
                assert looked_up is not None
                rows = [tuple(row[name] for name in _NAMES) for row in looked_up[1]]
                assert rows == await walked(conn, asked)
                met += len(rows)
    assert met > 10


async def test_pages_of_a_lookup_meet_every_route_once(api: Api, ingest: Ingest) -> None:
    async with told_to(ingest):
        for prefix in await ingest.column(_PREFIXES):
            whole = (await api.get("/routes", prefix=prefix, match="exact"))["data"]
            met: list[dict[str, Any]] = []
            cursor: dict[str, str] = {}
            while True:
                page = await api.get("/routes", prefix=prefix, match="exact", limit=1, **cursor)
                met += page["data"]
                if (following := page["meta"]["next_cursor"]) is None:
                    break
                cursor = {"cursor": following}
            assert [one | {"age_s": 0} for one in met] == [one | {"age_s": 0} for one in whole]


async def test_what_became_of_a_peer_is_seen_by_the_next_lookup(api: Api, ingest: Ingest) -> None:
    async def found(**parameters: str) -> list[tuple[str, str]]:
        routes = (await api.get("/routes", prefix="10.0.0.0/8", **parameters))["data"]
        return [(one["peer"]["address"], one["state"]) for one in routes]

    assert await found() == []
    hello = speaker.initiation("edge-1") + speaker.peer_up(PEER)
    async with ingest.connected() as router:
        router.write(hello + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(1)
        assert await found() == [("192.0.2.1", "active")]
        router.write(speaker.peer_up(OTHER) + speaker.announce(OTHER, "10.0.0.0/8"))
        await ingest.until_committed(2)
        assert await found() == [("192.0.2.1", "active"), ("192.0.2.2", "active")]
        router.write(speaker.peer_down(PEER) + speaker.announce(OTHER, "10.0.0.0/9"))
        await ingest.until_committed(3)
        assert await found() == [("192.0.2.2", "active")]
        assert await found(state="withdrawn") == [("192.0.2.1", "withdrawn")]
        assert await found(match="longest") == [("192.0.2.2", "active")]


@asynccontextmanager
async def trips(conn: AsyncConnection) -> AsyncIterator[list[str]]:
    """What is asked of the store over this connection meanwhile."""
    raw = (await conn.get_raw_connection()).driver_connection
    assert raw is not None
    sent: list[str] = []

    def note(record: Any) -> None:
        if "rib." in record.query:  # and not of types, by the driver
            sent.append(record.query)

    with raw.query_logger(note):
        yield sent
        await asyncio.sleep(0)  # they are logged in a turn of their own


async def test_a_lookup_takes_one_trip_and_two_more_after_a_rib_has_changed(
    api: Api, conn: AsyncConnection, ingest: Ingest
) -> None:
    asked = RouteFilter(read_prefix("10.0.0.0/8")[0])
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    assert await look_up(conn, asked, 2) is not None
    async with trips(conn) as sent:
        assert await look_up(conn, asked, 2) is not None
    assert len(sent) == 1
    await ingest.value("UPDATE rib.peer SET asn = 64999 RETURNING asn")
    async with trips(conn) as sent:
        looked_up = await look_up(conn, asked, 2)
    assert len(sent) == 3
    assert looked_up is not None
    assert [rib["asn"] for rib in looked_up[0].ribs.values()] == [64999]
    async with api.app.state.lookups.connect() as another, trips(another) as sent:
        assert await look_up(another, asked, 2) == looked_up
    assert len(sent) == 1


async def test_the_ribs_of_a_moment_take_one_trip_and_two_more_after_one_has_changed(
    conn: AsyncConnection, ingest: Ingest
) -> None:
    asked, moment = RouteFilter(), datetime.now(UTC)
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    before, _, _ = await chosen_at(conn, asked, moment)
    async with trips(conn) as sent:
        again, _, _ = await chosen_at(conn, asked, moment)
    assert (len(sent), again) == (1, before)
    await ingest.say(speaker.peer_up(OTHER), speaker.announce(OTHER, "10.0.0.0/8"))
    async with trips(conn) as sent:
        after, _, _ = await chosen_at(conn, asked, datetime.now(UTC))
    assert len(sent) == 3
    assert len(after) == len(before) + 1
    assert after == await ribs_at(conn, (await known_ribs(conn)).ribs, datetime.now(UTC))


async def test_a_lookup_gives_up_where_ribs_change_faster_than_they_are_read(
    conn: AsyncConnection, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def changed(*arguments: Any) -> Any:
        await ingest.value("UPDATE rib.peer SET asn = asn RETURNING asn")
        return await fetch(*arguments)

    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    await known_ribs(conn)
    monkeypatch.setattr(lookup, "fetch", changed)
    assert await look_up(conn, RouteFilter(read_prefix("10.0.0.0/8")[0]), 2) is None


async def test_a_lookup_is_as_of_the_moment_of_its_rows(
    conn: AsyncConnection, ingest: Ingest
) -> None:
    asked = RouteFilter(read_prefix("10.0.0.0/8")[0])
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    before = await known_ribs(conn)
    later = "UPDATE rib.progress SET committed_at = committed_at + interval '1 s' RETURNING 1"
    await ingest.value(later)
    looked_up = await look_up(conn, asked, 2)
    assert looked_up is not None
    assert before.as_of is not None
    assert looked_up[0].as_of is not None
    assert (looked_up[0].as_of - before.as_of).total_seconds() == 1
    assert looked_up[0].ribs is before.ribs


async def test_the_plan_of_a_lookup_made_over_empty_tables_is_good_for_full_ones(
    conn: AsyncConnection, ingest: Ingest
) -> None:
    prepared = "SELECT name FROM pg_prepared_statements WHERE statement LIKE :like"
    async with told_to(ingest):
        for match in MATCHES:
            await look_up(conn, RouteFilter(read_prefix("10.0.0.0/8")[0], match), 2)
    statements = await fetch(conn, prepared, {"like": "%AS now LEFT JOIN%"})
    assert len(statements) == len(MATCHES)
    for row in statements:
        lines = await fetch(conn, f"EXPLAIN EXECUTE \"{row['name']}\"('{{1}}', '10.0.0.0/8')", {})
        plan = "\n".join(line[0] for line in lines)
        for index in ("route_pkey", "nlri_prefix", "nlri_route_pkey"):
            assert index in plan
        assert "Seq Scan on" not in plan.partition("Append")[2]


async def test_the_plan_of_a_past_lookup_made_over_empty_tables_is_good_for_full_ones(
    conn: AsyncConnection, ingest: Ingest
) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    ribs = (await known_ribs(conn)).ribs
    for match in MATCHES:
        asked = RouteFilter(read_prefix("10.0.0.0/8")[0], match)
        async with aclosing(Walk(conn, asked, ribs, datetime.now(UTC)).pieces(None, 50)) as walk:
            assert [piece async for piece in walk]
    prepared = """
    SELECT name, ARRAY(SELECT CASE t WHEN 'timestamptz'::regtype THEN 'now()' ELSE 'NULL' END
                         FROM unnest(parameter_types) AS p(t)) AS values
      FROM pg_prepared_statements WHERE statement LIKE :like
    """
    statements = await fetch(conn, prepared, {"like": "%was.*%"})
    assert len(statements) == len(MATCHES)
    for row in statements:
        values = ", ".join(row["values"])
        lines = await fetch(conn, f'EXPLAIN EXECUTE "{row["name"]}"({values})', {})
        plan = "\n".join(line[0] for line in lines)
        assert "route_pkey" in plan
        assert re.search(r" on route r\S* .*\n\s+(Index|Recheck) Cond: \(+prefix\)", plan), plan
        events = re.findall(r" on route_event\S* e_\d+ .*\n\s+(.*)", plan)
        assert events
        for condition in events:
            assert re.search(r"Cond: \(+prefix\)::inet = \(r\S*\.prefix\)::inet\)", condition)
