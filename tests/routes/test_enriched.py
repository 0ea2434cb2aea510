"""RPKI states, names of ASes and texts of communities in answers, over a store with everything."""

from __future__ import annotations

import csv
import json
from collections import Counter
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from tests import world
from tests.ingest import speaker
from tests.routes.conftest import Api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.ingest.conftest import Ingest

VRPS = [
    ("203.0.113.0/24", 24, 64502),
    ("10.0.0.0/8", 16, 64502),
    ("198.51.100.0/24", 25, 0),
    ("2001:db8::/32", 48, 64502),
]


@pytest.fixture
async def api(migrated_url: str, tmp_path: Path, ingest: Ingest) -> AsyncIterator[Api]:
    """The service with all three files, and the world in its store."""
    (tmp_path / "names.csv").write_text("64501,Transit\n64502,Origin\n")
    (tmp_path / "communities.txt").write_text("64501:nnn,transit says $0\nrt:64501:100,a VPN\n")
    roas = [{"asn": asn, "prefix": prefix, "maxLength": most} for prefix, most, asn in VRPS]
    (tmp_path / "vrps.json").write_text(json.dumps({"roas": roas}))
    settings = RoutesSettings(
        database_url=SecretStr(migrated_url),
        routes_vrps_file=tmp_path / "vrps.json",
        routes_as_names_file=tmp_path / "names.csv",
        routes_communities_file=tmp_path / "communities.txt",
    )
    app = create_app(settings)
    async with (
        world.told_to(ingest),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
    ):
        yield Api(client, app)


def as_rfc_6811_says(route: dict[str, Any]) -> str | None:
    """By reading the VRPs one by one; the last AS of the path, None where it ends in a set."""
    if route["family"] not in ("ipv4_unicast", "ipv6_unicast"):
        return None
    prefix = ip_network(route["prefix"])
    last = route["as_path"][-1]
    covering = [
        (most, asn)
        for covered, most, asn in VRPS
        if ip_network(covered).version == prefix.version and prefix.subnet_of(ip_network(covered))  # type: ignore[arg-type]
    ]
    if not covering:
        return "not_found"
    allowed = [asn for most, asn in covering if prefix.prefixlen <= most and asn != 0]
    return "valid" if last in allowed else "invalid"


async def routes(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/routes", limit=1000, **parameters))["data"]
    return found


def key(route: dict[str, Any]) -> tuple[Any, ...]:
    return (route["peer"]["id"], route["rib"], route["family"], route["prefix"], route["path_id"])


async def test_every_route_has_the_state_that_the_rfc_gives_it(api: Api) -> None:
    found = await routes(api, state="all")
    assert [route["rpki"] for route in found] == [as_rfc_6811_says(route) for route in found]
    assert {route["rpki"] for route in found} == {"valid", "invalid", "not_found", None}


@pytest.mark.parametrize("wanted", ["valid", "invalid", "not_found"])
async def test_routes_of_one_state_are_those_that_have_it(api: Api, wanted: str) -> None:
    everything = await routes(api)
    found = await routes(api, rpki=wanted)
    assert [key(one) for one in found] == [key(one) for one in everything if one["rpki"] == wanted]
    assert found


async def test_pages_of_a_filter_by_state_have_each_route_once(api: Api) -> None:
    everything = [key(one) for one in await routes(api, rpki="invalid")]
    found: list[tuple[Any, ...]] = []
    cursor: dict[str, Any] = {}
    for _ in range(len(everything) + 1):
        page = await api.get("/routes", rpki="invalid", limit=1, **cursor)
        found += [key(one) for one in page["data"]]
        if page["meta"]["next_cursor"] is None:
            break
        cursor = {"cursor": page["meta"]["next_cursor"]}
    assert found == everything
    assert len(everything) > 2


async def test_streams_have_the_same_states_and_take_the_same_filter(api: Api) -> None:
    wanted = Counter((one["prefix"], one["rpki"]) for one in await routes(api, rpki="invalid"))
    for form in ("ndjson", "csv"):
        answer = await api.client.get("/api/v1/routes", params={"rpki": "invalid", "format": form})
        assert answer.status_code == 200
        rows: list[dict[str, Any]]
        if form == "csv":
            rows = list(csv.DictReader(answer.text.splitlines()))
        else:
            rows = [json.loads(line) for line in answer.text.splitlines()]
        assert Counter((one["prefix"], one["rpki"]) for one in rows if "prefix" in one) == wanted


async def test_the_summary_counts_the_same_states(api: Api) -> None:
    everything = Counter(route["rpki"] for route in await routes(api))
    summary = await api.get("/routes/summary", group_by="rpki")
    assert {one["rpki"]: one["routes"] for one in summary["data"]} == everything
    one_state = await api.get("/routes/summary", group_by="rpki", rpki="valid")
    assert [(one["rpki"], one["routes"]) for one in one_state["data"]] == [
        ("valid", everything["valid"])
    ]


async def test_a_route_that_the_router_made_itself_has_the_routers_as_for_its_origin(
    api: Api, ingest: Ingest
) -> None:
    """RFC 6811 2: the speaker's own AS where the path is empty, as within one AS."""
    internal = speaker.Peer("192.0.2.120", 64502)
    committed = int(await ingest.value(world._COMMITTED))
    async with ingest.connected() as router:
        router.write(speaker.initiation("edge-4") + speaker.peer_up(internal, own_asn=64502))
        router.write(
            speaker.announce(internal, "10.7.0.0/16", path=())
            + speaker.announce(internal, "203.0.113.0/25", path=())
        )
        await ingest.until(world._COMMITTED, committed + 2)
        found = await routes(api, peer="192.0.2.120")
    assert [(one["prefix"], one["as_path"], one["rpki"]) for one in found] == [
        ("10.7.0.0/16", [], "valid"),
        ("203.0.113.0/25", [], "invalid"),
    ]


async def test_names_and_texts_are_added_where_they_are_asked_for(api: Api) -> None:
    plain = await routes(api, prefix="203.0.113.128/25")
    assert "as_names" not in plain[0]
    (route,) = await routes(api, prefix="203.0.113.128/25", expand=["asn_names", "communities"])
    assert route["as_names"] == {"64501": "Transit", "64502": "Origin"}
    assert route["community_texts"] == {"64501:100": "transit says 100", "rt:64501:100": "a VPN"}


async def test_an_as_and_its_neighbours_have_their_names(api: Api) -> None:
    body = (await api.get("/asns/64502"))["data"]
    assert body["name"] == "Origin"
    names = {one["asn"]: one["name"] for one in body["upstreams"]}
    assert (names[64501], names[64999]) == ("Transit", None)


async def test_without_vrps_a_filter_by_state_is_refused_and_the_state_is_null(
    migrated_url: str,
) -> None:
    app = create_app(RoutesSettings(database_url=SecretStr(migrated_url)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
    ):
        problem = await Api(client, app).refused("/routes", rpki="valid")
    assert problem["status"] == 422
    assert "ROUTES_VRPS_FILE" in problem["detail"]
