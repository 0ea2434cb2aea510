"""The history, event by event, over HTTP."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from shared.contracts.envelope import rfc3339
from shared.contracts.history import UpdateBody
from tests.ingest import speaker
from tests.ingest.model import routes as updates
from tests.ingest.model.routes import ROUTES

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PEER = speaker.Peer("192.0.2.1", 64501)
OTHER = speaker.Peer("192.0.2.2", 64777)
EVPN = 0x1946


def told(body: dict[str, Any]) -> list[tuple[str, str | None, list[str] | None]]:
    """Type, prefix and what changed, of each entry."""
    return [(one["type"], one["prefix"], one["changed"]) for one in body["data"]]


async def say_and_change(ingest: Ingest) -> None:
    await ingest.say(
        speaker.initiation("edge-1"),
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8", "10.1.0.0/16"),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501, 64999), med=7),
        speaker.withdraw(PEER, "10.0.0.0/8"),
        speaker.announce(PEER, "10.0.0.0/8"),
    )


async def test_each_event_is_told_with_what_it_changed(api: Api, ingest: Ingest) -> None:
    await say_and_change(ingest)
    body = await api.get("/updates", prefix="10.0.0.0/8", order="asc")
    assert told(body) == [
        ("A", "10.0.0.0/8", None),
        ("A", "10.0.0.0/8", []),
        ("A", "10.0.0.0/8", ["as_path", "med"]),
        ("W", "10.0.0.0/8", None),
        ("A", "10.0.0.0/8", None),
    ]
    moved = body["data"][2]
    assert moved["attributes"]["as_path"] == [64501, 64999]
    assert moved["attributes"]["med"] == 7
    assert (moved["router"], moved["peer"]["asn"], moved["rib"]) == ("edge-1", 64501, "adj_in_pre")
    assert body["data"][3]["attributes"] is None
    newest_first = await api.get("/updates", prefix="10.0.0.0/8")
    assert newest_first["data"] == body["data"][::-1]
    for one in body["data"]:
        UpdateBody.model_validate(one, extra="forbid")


async def test_pages_hold_every_event_once_in_both_orders(api: Api, ingest: Ingest) -> None:
    prefixes = [f"10.{number}.0.0/16" for number in range(7)]
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, *prefixes),
        speaker.withdraw(PEER, *prefixes[2:]),
        speaker.announce(PEER, "10.8.0.0/16"),
    )
    for order in ("asc", "desc"):
        whole = (await api.get("/updates", order=order))["data"]
        assert len(whole) == 13
        found: list[dict[str, Any]] = []
        body = await api.get("/updates", order=order, limit=2)
        while True:
            found += body["data"]
            if (cursor := body["meta"]["next_cursor"]) is None:
                break
            body = await api.get("/updates", order=order, limit=2, cursor=cursor)
        assert found == whole


async def test_types_filters_and_times_narrow_it(api: Api, ingest: Ingest) -> None:
    await say_and_change(ingest)
    await ingest.say(speaker.peer_up(OTHER), speaker.announce(OTHER, "10.1.0.0/16"))
    assert told(await api.get("/updates", type="W")) == [("W", "10.0.0.0/8", None)]
    assert len((await api.get("/updates", type=["A", "W"]))["data"]) == 7
    assert told(await api.get("/updates", peer="192.0.2.2")) == [("A", "10.1.0.0/16", None)]
    assert told(await api.get("/updates", origin_asn=64999)) == [
        ("A", "10.0.0.0/8", ["as_path", "med"])
    ]
    assert len((await api.get("/updates", prefix="10.0.0.0/8", match="longer"))["data"]) == 2
    assert (await api.get("/updates", rib="loc_rib"))["data"] == []
    at = await ingest.value("SELECT time FROM rib.route_event WHERE attr_id IS NULL")
    after = await api.get("/updates", prefix="10.0.0.0/8", starttime=rfc3339(at))
    assert [one["type"] for one in after["data"]] == ["A", "W"]
    before = await api.get(
        "/updates", prefix="10.0.0.0/8", starttime="-1h", endtime=rfc3339(at), order="asc"
    )
    assert [one["type"] for one in before["data"]] == ["A", "A", "A"]


async def test_an_address_is_about_the_longest_prefix_that_was_announced(
    api: Api, ingest: Ingest
) -> None:
    await say_and_change(ingest)
    body = await api.get("/updates", prefix="10.1.2.3")
    assert told(body) == [("A", "10.1.0.0/16", None)]
    assert body["meta"]["query"]["prefix"] == "10.1.0.0/16"


async def test_the_window_is_told_as_it_took_effect(api: Api, ingest: Ingest) -> None:
    body = await api.get("/updates", endtime="2026-01-03T00:00:00+01:00")
    assert body["meta"]["query"]["starttime"] == "2025-12-31T23:00:00.000000Z"
    assert body["meta"]["query"]["endtime"] == "2026-01-02T23:00:00.000000Z"


async def test_what_happened_to_the_peer_stands_among_the_events(api: Api, ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker.end_of_rib(PEER),
        speaker.peer_down(PEER),
    )
    body = await api.get("/updates", prefix="10.0.0.0/8", include="state", order="asc")
    assert [(one["type"], (one["state"] or {}).get("event")) for one in body["data"]] == [
        ("S", "up"),
        ("A", None),
        ("S", "end_of_rib"),
        ("S", "down"),
    ]
    down = body["data"][-1]
    assert down["state"]["reason_code"] == 4
    assert (down["prefix"], down["family"], down["peer"]["address"]) == (None, None, "192.0.2.1")
    assert body["data"][2]["family"] == "ipv4_unicast"
    assert told(await api.get("/updates", prefix="10.0.0.0/8")) == [("A", "10.0.0.0/8", None)]


async def test_what_an_nlri_says_beside_its_key_can_change(api: Api, ingest: Ingest) -> None:
    mac = ROUTES[EVPN][0]
    peer = speaker.Peer("192.0.2.1", 64501)
    await ingest.say(
        speaker.peer_up(peer),
        updates.announce(peer, [mac], med=1, label=16, path_id=None),
        updates.announce(peer, [mac], med=1, label=17, path_id=None),
        updates.announce(peer, [mac], med=2, label=17, path_id=None),
    )
    body = await api.get("/updates", family="evpn", order="asc")
    assert [one["changed"] for one in body["data"]] == [None, ["nlri"], ["med"]]
    assert body["data"][0]["rd"] == body["data"][0]["nlri"]["rd"]
    assert len((await api.get("/updates", route_type=2))["data"]) == 3


async def test_the_event_before_may_be_long_ago(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", med=1))
        await ingest.until_committed(1)
        await ingest.value(
            "UPDATE rib.route_event SET time = time - interval '2 days' "
            "WHERE time - interval '2 days' >= date_trunc('week', time)"
        )
        await ingest.value("UPDATE rib.route SET first_seen = first_seen - interval '2 days'")
        router.write(speaker.announce(PEER, "10.0.0.0/8", med=2))
        await ingest.until_committed(2)
    body = await api.get("/updates", prefix="10.0.0.0/8", starttime="-1h")
    assert body["data"][0]["changed"] == ["med"]


async def test_streams_hold_every_event(api: Api, ingest: Ingest) -> None:
    await say_and_change(ingest)
    whole = (await api.get("/updates", order="asc"))["data"]
    lines = await api.client.get("/api/v1/updates", params={"order": "asc", "format": "ndjson"})
    assert [orjson.loads(line) for line in lines.text.splitlines()] == whole
    table = await api.client.get("/api/v1/updates?order=asc", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [(row["type"], row["prefix"]) for row in rows] == [
        (one["type"], one["prefix"]) for one in whole
    ]
    assert rows[3]["changed"] == "as_path med"


@pytest.mark.parametrize(
    ("parameters", "at_fault"),
    [
        ({"starttime": "-3d"}, "starttime"),
        ({"starttime": "-8d", "peer": "192.0.2.1"}, "starttime"),
        ({"starttime": "-8d", "prefix": "10.0.0.0/8", "match": "longer"}, "starttime"),
        ({"starttime": "yesterday"}, "starttime"),
        ({"starttime": "-1h", "endtime": "-2h"}, "starttime"),
        ({"endtime": "1960-01-01"}, "endtime"),
        ({"type": "S"}, "type"),
        ({"order": "up"}, "order"),
        ({"include": "all"}, "include"),
        ({"cursor": "abc"}, "cursor"),
        ({"cursor": "WyIyMDI2LTAxLTAxIiwtMSwxXQ"}, "cursor"),
        ({"state": "active"}, "state"),
        ({"format": "csv", "cursor": "abc"}, "cursor"),
    ],
)
async def test_a_wrong_parameter_is_named(
    api: Api, parameters: dict[str, str], at_fault: str
) -> None:
    problem = await api.refused("/updates", **parameters)
    assert problem["status"] == 422
    assert problem["errors"][0]["parameter"].startswith(at_fault)


async def test_one_prefix_may_be_asked_about_for_as_long_as_there_is_history(api: Api) -> None:
    body = await api.get("/updates", prefix="10.0.0.0/8", starttime="1970-01-01")
    assert body["data"] == []
    wide = await api.refused("/updates", starttime="-30d")
    assert "at most 2 days" in wide["detail"]
    assert "a peer (7 days)" in wide["detail"]
