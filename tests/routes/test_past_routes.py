"""Routes as they were, asked as those of now are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from shared.contracts.envelope import rfc3339
from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PEER = speaker.Peer("192.0.2.1", 64501)
MOMENT = "SELECT max(time) FROM rib.route_event"


async def test_a_moment_has_its_own_routes_attributes_pages_and_formats(
    api: Api, ingest: Ingest
) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER))
        router.write(speaker.announce(PEER, "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"))
        await ingest.until_committed(3)
        first: datetime = await ingest.value(MOMENT)
        router.write(speaker.announce(PEER, "10.0.0.0/8", path=(64501, 64999)))
        router.write(speaker.withdraw(PEER, "10.1.0.0/16"))
        await ingest.until_committed(5)
        then = {"timestamp": rfc3339(first)}
        assert await api.prefixes(**then) == ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"]
        assert await api.prefixes() == ["10.0.0.0/8", "10.2.0.0/16"]
        assert await api.prefixes(origin_asn=64999) == ["10.0.0.0/8"]
        assert await api.prefixes(origin_asn=64999, **then) == []
        assert await api.prefixes(
            as_path="64502$", match="longer", prefix="10.0.0.0/8", **then
        ) == [
            "10.1.0.0/16",
            "10.2.0.0/16",
        ]
        page = await api.get("/routes", limit=2, count="exact", **then)
        assert page["meta"]["query"]["timestamp"] == rfc3339(first)
        assert page["meta"]["total"] == 3
        rest = await api.get("/routes", cursor=page["meta"]["next_cursor"], **then)
        assert [one["prefix"] for one in rest["data"]] == ["10.2.0.0/16"]
        answer = await api.client.get("/api/v1/routes", params=then | {"format": "ndjson"})
        routes = [orjson.loads(line) for line in answer.text.splitlines()]
        assert sorted((one["prefix"], one["age_s"] >= 0) for one in routes) == [
            ("10.0.0.0/8", True),
            ("10.1.0.0/16", True),
            ("10.2.0.0/16", True),
        ]
        assert {one["last_updated"] for one in routes} == {rfc3339(first)}
        around = await api.get("/routes/10.0.0.0/8", include="moreSpecifics", **then)
        assert around["data"]["more_specifics_count"] == 2
        counts = await api.get("/routes/summary", **then)
        assert [one["routes"] for one in counts["data"]] == [3]


async def test_before_anything_was_heard_there_is_nothing_and_a_warning(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    moment = await ingest.value(MOMENT) - timedelta(days=1)
    body = await api.get("/routes", timestamp=rfc3339(moment))
    assert body["data"] == []
    assert body["meta"]["warnings"][0].startswith("nothing is known of")
