"""The current RIB while a router sends its table again, and afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

TRANSIT = speaker.Peer("192.0.2.1", 64501)
UP = speaker.peer_up(TRANSIT)
TABLE = UP + speaker.announce(TRANSIT, "10.0.0.0/8", "11.0.0.0/8")
END = speaker.end_of_rib(TRANSIT)


async def routes(api: Api, **asked: Any) -> dict[str, dict[str, Any]]:
    return {one["prefix"]: one for one in (await api.get("/routes", state="all", **asked))["data"]}


async def test_what_was_said_again_is_active_and_the_rest_stale_until_the_table_is_complete(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(speaker.initiation("edge-1"), TABLE, END)
    before = (await routes(api))["10.0.0.0/8"]
    async with ingest.connected() as router:
        router.write(speaker.initiation("edge-1") + UP + speaker.announce(TRANSIT, "10.0.0.0/8"))
        await ingest.until_committed(3)
        for asked in ({}, {"prefix": "10.0.0.0/8"}, {"prefix": "10.1.1.1", "match": "longest"}):
            said = (await routes(api, **asked))["10.0.0.0/8"]
            assert said["state"] == "active"
            assert said["last_confirmed"] > before["last_confirmed"]
            assert said["last_updated"] == before["last_updated"]
        assert (await routes(api, prefix="11.0.0.0/8"))["11.0.0.0/8"]["state"] == "stale"
        assert await api.prefixes(state="active") == ["10.0.0.0/8"]
        warnings = (await api.get("/routes"))["meta"]["warnings"]
        assert warnings == ["1 of these routes are stale: router edge-1 is sending its table again"]
        loading = await ingest.value("SELECT to_json(max(time)) #>> '{}' FROM rib.route_event")
        router.write(END)
        await ingest.until("SELECT complete_session FROM rib.peer_rib", 2)
        found = await routes(api)
        complete = await ingest.value("SELECT complete_at FROM rib.peer_rib")
        at = f"{complete:%Y-%m-%dT%H:%M:%S.%fZ}"
        assert (found["10.0.0.0/8"]["state"], found["10.0.0.0/8"]["last_confirmed"]) == (
            "active",
            at,
        )
        assert (found["11.0.0.0/8"]["state"], found["11.0.0.0/8"]["withdrawn_at"]) == (
            "withdrawn",
            at,
        )
        then = await routes(api, timestamp=loading)
        assert {prefix: one["state"] for prefix, one in then.items()} == {
            "10.0.0.0/8": "active",
            "11.0.0.0/8": "stale",
        }


async def test_a_count_does_not_have_what_a_complete_table_lacks(api: Api, ingest: Ingest) -> None:
    await ingest.say(TABLE, END)
    async with ingest.connected() as router:
        router.write(UP + speaker.announce(TRANSIT, "10.0.0.0/8"))
        await ingest.until_committed(3)
        (peer,) = (await api.get("/peers"))["data"]
        assert peer["routes_by_family"] == {"ipv4_unicast": 2}
        router.write(END)
        await ingest.until("SELECT complete_session FROM rib.peer_rib", 2)
        (peer,) = (await api.get("/peers"))["data"]
        assert peer["routes_by_family"] == {"ipv4_unicast": 1}
