"""Routes of every family, what is around a prefix, and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.routes import RouteBody, RoutesOfPrefix
from tests.world import MOVED_MAC, told_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api


@pytest.fixture
async def world(ingest: Ingest) -> AsyncIterator[Ingest]:
    async with told_to(ingest):
        yield ingest


async def everything(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    answer = await api.client.get("/api/v1/routes", params=parameters | {"format": "ndjson"})
    return [orjson.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("state", ["current", "withdrawn", "all"])
async def test_every_route_is_what_the_document_says(api: Api, world: Ingest, state: str) -> None:
    body = await api.get("/routes", state=state, limit=1000)
    Envelope[list[RouteBody]].model_validate(body)
    strict = {name for name, field in RouteBody.model_fields.items() if field.is_required()}
    optional = set(RouteBody.model_fields) - strict
    for route in body["data"]:
        assert strict <= route.keys() <= strict | optional
    assert {orjson.dumps(strip(one)) for one in body["data"]} == {
        orjson.dumps(strip(one)) for one in await everything(api, state=state)
    }


def strip(route: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(route.items()) if name != "age_s"}


async def test_a_mac_is_found_with_its_route(api: Api, world: Ingest) -> None:
    (route,) = (await api.get("/routes", mac="0200.0000.0001"))["data"]
    assert route["family"] == "evpn"
    assert route["prefix"] is None
    assert route["rd"] == "65000:100"
    assert route["labels"] == [100]
    assert route["evpn"] == {
        "route_type": 2,
        "route_type_name": route["evpn"]["route_type_name"],
        "rd": "65000:100",
        "esi": "00:11:22:33:44:55:66:77:88:99",
        "ethernet_tag": 0,
        "mac": MOVED_MAC,
        "ip": None,
        "prefix": None,
        "label": 100,
    }
    assert route["nlri"]["mac"] == MOVED_MAC


async def test_evpn_routes_are_found_by_type_and_distinguisher(api: Api, world: Ingest) -> None:
    assert {one["evpn"]["route_type"] for one in await everything(api, route_type=["1", "5"])} == {
        1,
        5,
    }
    families = {one["family"] for one in await everything(api, rd="65000:100")}
    assert families == {"evpn", "vpnv4"}
    assert await everything(api, rd="65000:101") == []


async def test_prefixes_of_vpns_and_of_evpn_are_found_as_others_are(
    api: Api, world: Ingest
) -> None:
    (route,) = (await api.get("/routes", prefix="10.20.1.1", family="vpnv4"))["data"]
    assert (route["prefix"], route["rd"], route["labels"]) == ("10.20.0.0/16", "65000:100", [100])
    assert route["rpki"] is None
    found = await everything(api, prefix="10.0.0.0/8", match="orlonger", peer="192.0.2.111")
    assert sorted(one["prefix"] for one in found) == ["10.20.0.0/16", "10.30.0.0/16"]


async def test_pages_go_on_from_prefixes_to_the_other_families(api: Api, world: Ingest) -> None:
    whole = (await api.get("/routes", limit=1000))["data"]
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        body = await api.get("/routes", limit=4, **cursor)
        found += body["data"]
        if (following := body["meta"]["next_cursor"]) is None:
            break
        cursor = {"cursor": following}
    assert [strip(one) for one in found] == [strip(one) for one in whole]
    kinds = ["nlri" in one for one in found]
    assert kinds == sorted(kinds)


async def test_attributes_without_a_field_are_told_by_name(api: Api, world: Ingest) -> None:
    body = await api.get("/routes", prefix="203.0.113.128/25")
    assert body["data"][0]["others"]["only_to_customer"] == 64501


@pytest.mark.parametrize("written", ["203.0.113.0/24", "203.0.113.0%2F24", "203.0.113.1"])
async def test_a_prefix_has_a_place_of_its_own(api: Api, world: Ingest, written: str) -> None:
    answer = await api.client.get(
        f"/api/v1/routes/{written}?include=moreSpecifics,lessSpecifics&peer=192.0.2.101"
    )
    body = answer.json()
    Envelope[RoutesOfPrefix].model_validate(body)
    data = body["data"]
    assert data["prefix"] == "203.0.113.0/24"
    assert {one["prefix"] for one in data["routes"]} == {"203.0.113.0/24"}
    assert [one["path_id"] for one in data["routes"] if one["rib"] == "adj_in_pre"] == [1, 2]
    assert data["more_specifics_count"] == 1
    assert [one["prefix"] for one in data["more_specifics"]] == ["203.0.113.128/25"]
    assert [one["prefix"] for one in data["less_specifics"]] == ["0.0.0.0/0"]


async def test_what_is_around_is_left_out_unless_it_is_asked_for(api: Api, world: Ingest) -> None:
    data = (await api.get("/routes/10.0.0.0/8"))["data"]
    assert data["more_specifics_count"] == 4
    assert data.keys() == {"prefix", "routes", "more_specifics_count"}
    problem = await api.refused("/routes/10.0.0.0/8", include="morespecifics")
    assert problem["errors"][0]["suggestion"] == "moreSpecifics"


async def test_a_prefix_that_nobody_has_is_an_answer_without_routes(
    api: Api, world: Ingest
) -> None:
    data = (await api.get("/routes/192.168.0.0/16"))["data"]
    assert data == {"prefix": "192.168.0.0/16", "routes": [], "more_specifics_count": 0}


@pytest.mark.parametrize(
    "groups", ["peer", "router", "family", "rib", "origin_asn", "family,rib", "router,origin_asn"]
)
async def test_a_summary_counts_what_a_stream_has(api: Api, world: Ingest, groups: str) -> None:
    body = await api.get("/routes/summary", group_by=groups, limit=1000)
    names = [name.replace("router", "router_id") for name in groups.split(",")]
    counted: dict[str, int] = {}
    for route in await everything(api):
        key = str([route[name] for name in names])
        counted[key] = counted.get(key, 0) + 1
    found = {str([one[name] for name in names]): one["routes"] for one in body["data"]}
    assert found == counted
    assert body["meta"]["total"] == len(counted)
    assert [one["routes"] for one in body["data"]] == sorted(counted.values(), reverse=True)


async def test_a_summary_has_the_same_filters(api: Api, world: Ingest) -> None:
    body = await api.get("/routes/summary", group_by="family", peer="192.0.2.111")
    assert {one["family"]: one["routes"] for one in body["data"]} == {"evpn": 5, "vpnv4": 1}
    problem = await api.refused("/routes/summary", group_by="families")
    assert problem["errors"][0]["suggestion"] == "family"


async def test_rpki_states_cannot_be_asked_for_without_vrps(api: Api, world: Ingest) -> None:
    problem = await api.refused("/routes", rpki="valid")
    assert problem["errors"][0]["parameter"] == "rpki"
