"""Moments of the past that have no answer, or none that is whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.routes.answering.moments import cautions
from services.routes.answering.route_answers import Question, RouteAnswers
from services.routes.asking.routes import RouteFilter
from services.routes.store.past import chosen_at, is_mostly_touched, ribs_at
from services.routes.store.ribs import known_ribs
from shared.contracts.envelope import rfc3339
from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PEER = speaker.Peer("192.0.2.1", 64501)


async def test_a_moment_that_is_yet_to_come_is_refused(api: Api) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    problem = await api.refused("/routes", timestamp=rfc3339(tomorrow))
    assert problem["status"] == 422
    assert problem["errors"][0]["parameter"] == "timestamp"
    assert problem["errors"][0]["suggestion"] < rfc3339(tomorrow)


async def test_a_moment_of_the_last_seconds_may_not_be_whole(api: Api, ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    body = await api.get("/routes", timestamp="-0s")
    assert any("may be written yet" in one for one in body["meta"]["warnings"])


async def test_what_is_no_longer_kept_is_said(api: Api, ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    await ingest.value("UPDATE rib.router SET first_seen = first_seen - interval '10 years'")
    body = await api.get("/routes", timestamp="-200w")
    assert any("no longer kept" in one for one in body["meta"]["warnings"])
    before = datetime.now(UTC) - timedelta(days=4_000)
    async with api.app.state.engine.connect() as conn:
        _, reach, _ = await chosen_at(conn, RouteFilter(), before)
    (caution,) = cautions(reach, before)
    assert caution.startswith("nothing is known of")


async def test_an_answer_is_not_final_where_events_came_after_it_was_begun(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    await ingest.value("UPDATE rib.router SET first_seen = first_seen - interval '1 h' RETURNING 1")
    behind = "UPDATE rib.progress SET committed_at = committed_at - interval '1 h', last_seq = 0"
    await ingest.value(f"{behind} WHERE stage = 'current' RETURNING 1")
    question = Question(RouteFilter(), datetime.now(UTC) - timedelta(minutes=1))
    async with api.app.state.engine.connect() as conn:
        answers = await RouteAnswers.to(question, conn, api.app.state)
        # As if ingest had caught up meanwhile: to read how far it is only now would be too late.
        await ingest.value("DELETE FROM rib.progress WHERE stage = 'history' RETURNING 1")
        page = await answers.page(10)
    assert any("may be written yet" in one for one in page.warnings)
    body = await api.get("/routes", timestamp="-1m")
    assert body["meta"]["warnings"] == []


async def test_before_any_router_was_heard_of_nothing_is_known(api: Api) -> None:
    body = await api.get("/routes", timestamp="-0s")
    assert body["data"] == []
    (warning,) = body["meta"]["warnings"]
    assert "no router was heard of yet" in warning


async def test_counts_say_whether_routes_may_be_missing_or_stale(api: Api, ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    body = await api.get("/routes/summary", timestamp="-0s")
    assert any("may be written yet" in one for one in body["meta"]["warnings"])
    body = await api.get("/routes/summary")
    assert any("may be stale" in one for one in body["meta"]["warnings"])
    body = await api.get("/routes/summary", state="active")
    assert body["meta"]["warnings"] == []


async def test_stale_then_and_active_now(api: Api, ingest: Ingest) -> None:
    hello = speaker.initiation("edge-1") + speaker.peer_up(PEER)
    await ingest.say(hello, speaker.announce(PEER, "10.0.0.0/8"))
    lost = await ingest.value("SELECT max(time) FROM rib.peer_event WHERE event = 'lost'")
    async with ingest.connected() as router:
        router.write(hello + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(2)
        (now,) = (await api.get("/routes"))["data"]
        body = await api.get("/routes", timestamp=rfc3339(lost))
    (then,) = body["data"]
    assert (now["state"], then["state"]) == ("active", "stale")
    assert then["last_confirmed"] < now["last_confirmed"]
    assert any("the connection to router edge-1 ended" in one for one in body["meta"]["warnings"])
    earlier = lost - timedelta(microseconds=1)
    (then,) = (await api.get("/routes", timestamp=rfc3339(earlier)))["data"]
    assert then["state"] == "active"


async def test_the_stream_of_a_whole_peer_reads_its_events_once_where_all_were_touched(
    api: Api, ingest: Ingest
) -> None:
    prefixes = [f"10.{one}.{two}.0/24" for one in range(20) for two in range(250)]
    hello = speaker.peer_up(PEER)
    tables = [
        speaker.announce(PEER, *prefixes[first : first + 500], path=path)
        for path in ((64501, 64502), (64501, 64999))
        for first in range(0, len(prefixes), 500)
    ]
    await ingest.say(hello, *tables[:10])
    loaded = await ingest.value("SELECT max(time) FROM rib.route_event")
    await ingest.say(hello, *tables[10:])
    await ingest.value("ANALYZE rib.route_event")
    async with api.app.state.engine.connect() as conn:
        ribs = (await known_ribs(conn)).ribs
        for moment, is_expected in ((loaded, True), (datetime.now(UTC), False)):
            then = await ribs_at(conn, ribs, moment)
            assert await is_mostly_touched(conn, then, moment) is is_expected
    for state, count in (("all", 5000), ("withdrawn", 0)):
        answer = await api.client.get(
            "/api/v1/routes",
            params={"timestamp": rfc3339(loaded), "format": "csv", "state": state},
        )
        lines = answer.text.splitlines()[1:]
        assert len(lines) == count
        assert all("64501 64502" in line for line in lines)
