"""What is said of an AS, out of the routes that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from services.routes.answering.asns import neighbours
from services.routes.enrichment.enrichment import Enrichment
from services.routes.settings import RoutesSettings
from tests.ingest import speaker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

TRANSIT = speaker.Peer("192.0.2.1", 64501)
OTHER = speaker.Peer("192.0.2.2", 64502)


async def test_an_as_shows_its_prefixes_and_neighbours(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_up(OTHER))
        router.write(speaker.announce(TRANSIT, "198.51.100.0/24", path=(64501, 64510)))
        router.write(speaker.announce(OTHER, "198.51.100.0/24", path=(64502, 64510, 64510)))
        router.write(speaker.announce6(TRANSIT, "2001:db8::/32", path=(64501, 64510)))
        router.write(speaker.announce(TRANSIT, "203.0.113.0/24", path=(64501, 64510, 64520)))
        router.write(speaker.announce(TRANSIT, "192.0.2.0/24", path=(64501, 64530)))
        await ingest.until_committed(5)
        body = (await api.get("/asns/AS64510"))["data"]
    assert body["asn"] == 64510
    assert [(one["prefix"], one["peers"]) for one in body["prefixes"]] == [
        ("198.51.100.0/24", 2),
        ("2001:db8::/32", 1),
    ]
    assert body["prefixes_total"] == 2
    # The IPv6 route and the first IPv4 route have different next hops: different sets.
    assert body["upstreams"] == [
        {"asn": 64501, "name": None, "paths": 3},
        {"asn": 64502, "name": None, "paths": 1},
    ]
    assert body["downstreams"] == [{"asn": 64520, "name": None, "paths": 1}]
    assert body["paths"] == 4
    assert body["first_seen"] == min(one["first_seen"] for one in body["prefixes"])
    assert body["last_seen"] == max(one["last_confirmed"] for one in body["prefixes"])


async def test_what_is_gone_is_not_shown(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_up(OTHER))
        router.write(speaker.announce(TRANSIT, "198.51.100.0/24", path=(64501, 64510)))
        router.write(speaker.announce(OTHER, "203.0.113.0/24", path=(64502, 64510)))
        router.write(speaker.withdraw(TRANSIT, "198.51.100.0/24"))
        await ingest.until_committed(3)
        body = (await api.get("/asns/64510"))["data"]
        assert [one["prefix"] for one in body["prefixes"]] == ["203.0.113.0/24"]
        assert [one["asn"] for one in body["upstreams"]] == [64502]
        router.write(speaker.peer_down(OTHER))
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'down'", 1)
        gone = (await api.get("/asns/64510"))["data"]
    assert (gone["prefixes"], gone["upstreams"], gone["first_seen"]) == ([], [], None)


async def test_what_was_cut_is_said(api: Api, ingest: Ingest) -> None:
    prefixes = [f"10.0.{n}.0/24" for n in range(5)]
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.announce(TRANSIT, *prefixes))
        await ingest.until_committed(5)
        body = await api.get("/asns/64502", limit=2)
    assert [one["prefix"] for one in body["data"]["prefixes"]] == prefixes[:2]
    assert body["data"]["prefixes_total"] == 5
    assert body["meta"]["truncated"] is True
    assert body["meta"]["warnings"] == [
        "2 of 5 prefixes are shown; /api/v1/routes?origin_asn=64502 pages through all of them"
    ]


async def test_an_as_that_nobody_has_seen_is_empty(api: Api) -> None:
    body = await api.get("/asns/4200000000")
    assert body["data"]["prefixes"] == body["data"]["upstreams"] == []
    assert body["meta"]["warnings"] == []
    assert (await api.refused("/asns/ASX"))["errors"][0]["parameter"] == "asn"
    assert (await api.refused("/asns/4294967296"))["status"] == 422


def test_prepending_makes_nobody_its_own_neighbour() -> None:
    before, behind = neighbours(2, [[1, 2, 2, 2, 3], [2], [], [1, 2], [4, 2, 5, 2]])
    assert before == {1: 2, 4: 1, 5: 1}
    assert behind == {3: 1, 5: 1}


async def test_names_are_those_of_the_operators_file(
    api: Api, ingest: Ingest, tmp_path: Path
) -> None:
    names = tmp_path / "names.csv"
    names.write_text("64501,Transit\n64510,Customer\n")
    url = SecretStr("postgresql://x")
    settings = RoutesSettings(database_url=url, routes_as_names_file=names)
    api.app.state.enrichment = Enrichment(settings)
    await api.app.state.enrichment.refresh()
    await ingest.say(
        speaker.peer_up(TRANSIT),
        speaker.announce(TRANSIT, "198.51.100.0/24", path=(64501, 64510, 64520)),
    )
    shown = (await api.get("/asns/64510"))["data"]
    assert shown["name"] == "Customer"
    assert shown["upstreams"] == [{"asn": 64501, "name": "Transit", "paths": 1}]
    assert shown["downstreams"] == [{"asn": 64520, "name": None, "paths": 1}]
    assert (await api.get("/peers"))["data"][0]["as_name"] == "Transit"
