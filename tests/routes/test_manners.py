"""How answers are given: formats, streams, tags, bounds and limits."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import orjson
import pytest
from pydantic import SecretStr

from services.routes.answering.heavy import HeavyQueries
from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from shared.web.problem import ProblemError
from tests.ingest import speaker
from tests.routes.many import Many

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

COUNT = 150


@pytest.fixture
async def many(ingest: Ingest) -> AsyncIterator[Many]:
    many = Many(seed=9, count=COUNT)
    async with ingest.connected() as router:
        router.writelines(many.messages())
        await ingest.until_committed(COUNT)
        yield many


@pytest.mark.parametrize(
    ("accept", "form", "wanted"),
    [
        ("application/x-ndjson", None, "application/x-ndjson"),
        ("text/csv;q=0.9, application/json", None, "text/csv"),
        ("text/html, */*", None, "application/json"),
        ("text/csv", "ndjson", "application/x-ndjson"),
        ("", "csv", "text/csv"),
    ],
)
async def test_the_format_is_what_the_parameter_or_accept_names(
    api: Api, many: Many, accept: str, form: str | None, wanted: str
) -> None:
    answer = await api.client.get(
        "/api/v1/routes", params={"format": form} if form else {}, headers={"Accept": accept}
    )
    assert answer.headers["content-type"].partition(";")[0] == wanted
    assert "Accept" in answer.headers["vary"]


async def test_csv_has_a_line_for_each_route_and_the_same_values(api: Api, many: Many) -> None:
    text = (await api.client.get("/api/v1/routes?format=csv")).text
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    bodies = (await api.get("/routes", limit=1000))["data"]
    assert len(lines) == len(bodies) == COUNT
    for line, body in zip(lines, bodies, strict=True):
        assert (line["prefix"], line["peer"]) == (body["prefix"], body["peer"]["address"])
        assert line["as_path_str"] == body["as_path_str"]
        assert line["communities"] == " ".join(body["communities"])
        assert line["last_updated"] == body["last_updated"]
        assert line["med"] == ""


async def test_a_stream_says_how_fresh_it_is_and_has_no_pages(api: Api, many: Many) -> None:
    answer = await api.client.get("/api/v1/routes?format=ndjson&limit=1")
    assert len(answer.text.splitlines()) == COUNT
    assert answer.headers["data-as-of"].endswith("Z")
    assert answer.headers["cache-control"] == "no-store"
    problem = await api.refused("/routes", format="csv", cursor="x")
    assert problem["errors"][0]["parameter"] == "cursor"


async def test_a_stream_of_a_router_that_left_says_so(api: Api, ingest: Ingest) -> None:
    peer = speaker.Peer()
    await ingest.say(
        speaker.initiation("edge-é"),
        speaker.peer_up(peer),
        speaker.announce(peer, "10.0.0.0/8"),
    )
    answer = await api.client.get("/api/v1/routes?format=ndjson")
    assert answer.headers["data-warnings"].startswith(r"routes of router edge-\xe9 may be stale")


async def test_an_empty_answer_is_empty_in_every_format(api: Api, many: Many) -> None:
    empty = "/api/v1/routes?origin_asn=1"
    assert (await api.client.get(f"{empty}&format=ndjson")).text == ""
    lines = (await api.client.get(f"{empty}&format=csv")).text.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("router,")


async def test_an_answer_that_says_nothing_new_is_304(api: Api, ingest: Ingest) -> None:
    peer = speaker.Peer()
    async with ingest.connected() as router:
        router.write(speaker.peer_up(peer) + speaker.announce(peer, "10.0.0.0/8"))
        await ingest.until_committed(1)
        first = await api.client.get("/api/v1/routes")
        assert first.headers["cache-control"] == "private, max-age=5"
        tag = {"If-None-Match": first.headers["etag"]}
        again = await api.client.get("/api/v1/routes", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        router.write(speaker.announce(peer, "10.1.0.0/16"))
        await ingest.until_committed(2)
        changed = await api.client.get("/api/v1/routes", headers=tag)
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]


async def test_the_tag_is_not_of_another_question(api: Api, many: Many) -> None:
    tags = {
        (await api.client.get(f"/api/v1/routes?{query}")).headers["etag"]
        for query in ("", "limit=2", "family=ipv6_unicast", "state=all")
    }
    assert len(tags) == 4


def test_heavy_queries_are_bounded_for_each_caller_and_for_all() -> None:
    queries = HeavyQueries(per_caller=1, total=2)
    with queries.running("a"):
        with pytest.raises(ProblemError) as refused, queries.running("a"):
            pass
        assert refused.value.status == 429
        assert int(refused.value.headers["Retry-After"]) > 0
        with queries.running("b"), pytest.raises(ProblemError) as busy, queries.running("c"):
            pass
        assert busy.value.status == 503
    with queries.running("a"):
        pass


async def test_a_caller_with_too_many_streams_is_told_to_wait(api: Api, many: Many) -> None:
    heavy: HeavyQueries = api.app.state.heavy
    settings = RoutesSettings(database_url=SecretStr("postgresql://unused"))
    slots = [heavy.running("127.0.0.1") for _ in range(settings.routes_heavy_queries_per_caller)]
    for slot in slots:
        slot.__enter__()
    for question in ("format=ndjson", "count=exact"):
        answer = await api.client.get(f"/api/v1/routes?{question}")
        assert answer.status_code == 429, answer.text
        assert "Retry-After" in answer.headers
    assert (await api.client.get("/api/v1/routes")).status_code == 200
    for slot in slots:
        slot.__exit__(None, None, None)
    assert (await api.client.get("/api/v1/routes?count=exact")).status_code == 200


async def test_a_question_that_takes_too_long_is_told_what_to_narrow(
    migrated_url: str, ingest: Ingest
) -> None:
    peer = speaker.Peer()
    await ingest.say(speaker.peer_up(peer), speaker.announce(peer, "10.0.0.0/8"))
    app = create_app(
        RoutesSettings(database_url=SecretStr(migrated_url), routes_statement_seconds=0.3)
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://routes") as client,
        locked(migrated_url, "rib.route"),
    ):
        for question in ("", "?format=ndjson"):
            answer = await client.get(f"/api/v1/routes{question}")
            assert answer.status_code == 504
            assert answer.json()["type"] == "urn:bgpilot:problem:query-timeout"
            assert "narrow" in answer.json()["detail"]


@contextlib.asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    """Nobody can read this table within this context."""
    conn = await asyncpg.connect(url)
    try:
        async with conn.transaction():
            await conn.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await conn.close()


async def test_a_client_that_goes_away_ends_its_query(api: Api, ingest: Ingest) -> None:
    peer = speaker.Peer()
    # More than is read ahead of the client.
    many = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(6_000)]
    updates = [speaker.announce(peer, *many[at : at + 500]) for at in range(0, len(many), 500)]
    await ingest.say(speaker.peer_up(peer), *updates)
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bgpilot routes' "
        "AND state IN ('active', 'idle in transaction') AND datname = current_database()"
    )
    began, left = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            began.set()
            await asyncio.Event().wait()  # as a connection that takes no more

    scope = stream_scope(api)
    answering = asyncio.create_task(api.app(scope, receive, send))
    await asyncio.wait_for(began.wait(), 10)
    await ingest.until(running, 1)
    left.set()
    await asyncio.wait_for(answering, 10)
    await ingest.until(running, 0)
    answer = await api.client.get("/api/v1/routes?format=ndjson")
    assert len(answer.text.splitlines()) == len(many)


@pytest.mark.parametrize(
    ("path", "query"),
    [("/api/v1/routes", b"count=exact"), ("/api/v1/routes/summary", b"group_by=peer")],
)
async def test_a_count_whose_client_goes_away_ends_too(
    api: Api, ingest: Ingest, migrated_url: str, path: str, query: bytes
) -> None:
    peer = speaker.Peer()
    await ingest.say(speaker.peer_up(peer), speaker.announce(peer, "10.0.0.0/8"))
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bgpilot routes' "
        "AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Nobody is there to take it."""

    scope = stream_scope(api) | {"path": path, "raw_path": path.encode(), "query_string": query}
    async with locked(migrated_url, "rib.route"):
        answering = asyncio.create_task(api.app(scope, receive, send))
        await ingest.until(waiting, 1)
        left.set()
        await asyncio.wait_for(answering, 5)
        await ingest.until(waiting, 0)
    assert (await api.get("/routes", count="exact"))["meta"]["total"] == 1


def stream_scope(api: Api) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/v1/routes",
        "raw_path": b"/api/v1/routes",
        "query_string": b"format=ndjson",
        "headers": [(b"host", b"routes")],
        "client": ("127.0.0.1", 1),
        "server": ("routes", 80),
        "root_path": "",
        "app": api.app,
    }


async def test_a_wide_range_says_how_to_get_all_of_it(api: Api, many: Many) -> None:
    body = await api.get("/routes", prefix="0.0.0.0/0", match="orlonger", limit=5)
    assert any("format=ndjson" in one for one in body["meta"]["warnings"])
    body = await api.get("/routes", prefix="10.0.0.0/8", match="orlonger", limit=5)
    assert body["meta"]["warnings"] == []


async def test_names_are_added_where_they_are_asked_for(
    migrated_url: str, ingest: Ingest, tmp_path: Any
) -> None:
    peer = speaker.Peer()
    await ingest.say(speaker.peer_up(peer), speaker.announce(peer, "10.0.0.0/8"))
    names, communities, vrps = (tmp_path / one for one in ("asns.csv", "words.txt", "vrps.json"))
    names.write_text("asn,name\n64502,Example Transit\n")
    communities.write_text("64501:100,learnt from transit\n")
    roa = {"asn": 64502, "prefix": "10.0.0.0/8", "maxLength": 8, "ta": "test"}
    vrps.write_bytes(orjson.dumps({"roas": [roa]}))
    app = create_app(
        RoutesSettings(
            database_url=SecretStr(migrated_url),
            routes_as_names_file=names,
            routes_communities_file=communities,
            routes_vrps_file=vrps,
        )
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://routes/api/v1") as client,
    ):
        for form in ("json", "ndjson"):
            answer = await client.get(
                "/routes", params={"expand": "asn_names,communities", "format": form}
            )
            found = answer.json()
            route = found["data"][0] if form == "json" else found
            assert route["as_names"] == {"64502": "Example Transit"}
            assert route["community_texts"] == {"64501:100": "learnt from transit"}
            assert route["rpki"] == "valid"
        assert (await client.get("/routes?rpki=valid")).json()["meta"]["count"] == 1
        assert (await client.get("/routes?rpki=invalid")).json()["meta"]["count"] == 0
        assert (await client.get("/routes?rpki=invalid&format=ndjson")).text == ""
        counts = (await client.get("/routes/summary?group_by=rpki")).json()["data"]
        assert [(one["rpki"], one["routes"]) for one in counts] == [("valid", 1)]
