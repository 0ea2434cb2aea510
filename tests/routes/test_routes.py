"""Questions about routes, asked over HTTP of a store that a router has filled."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.ingest import speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

TRANSIT = speaker.Peer("192.0.2.1", 64501)
CUSTOMER = speaker.Peer("192.0.2.2", 4_200_000_001)
V6 = speaker.Peer("2001:db8::7", 64777)


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.fixture
async def filled(ingest: Ingest) -> AsyncIterator[Ingest]:
    """A router that is still connected, with three peers."""
    async with ingest.connected() as router:
        router.write(speaker.initiation("edge-1"))
        for peer in (TRANSIT, CUSTOMER, V6):
            router.write(speaker.peer_up(peer))
        router.write(
            speaker.announce(
                TRANSIT, "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", med=0
            )
            + speaker.announce(CUSTOMER, "10.1.0.0/16", path=(4_200_000_001, 4_200_000_002))
            + speaker.announce(CUSTOMER, "10.9.0.0/16")
            + speaker.withdraw(CUSTOMER, "10.9.0.0/16")
            + speaker.announce6(V6, "2001:db8::/32", "2001:db8:1::/48")
        )
        await ingest.until_committed(9)
        yield ingest


async def test_a_prefix_is_matched_exactly_over_all_peers(api: Api, filled: Ingest) -> None:
    body = await api.get("/routes", prefix="10.1.0.0/16")
    assert [(r["prefix"], r["peer"]["asn"]) for r in body["data"]] == [
        ("10.1.0.0/16", 64501),
        ("10.1.0.0/16", 4_200_000_001),
    ]
    assert body["meta"]["query"]["match"] == "exact"
    assert body["meta"]["count"] == 2


async def test_a_bare_address_finds_the_longest_match_of_each_peer(
    api: Api, filled: Ingest
) -> None:
    body = await api.get("/routes", prefix="10.1.2.3")
    assert body["meta"]["query"]["match"] == "longest"
    assert [(r["prefix"], r["peer"]["asn"]) for r in body["data"]] == [
        ("10.1.0.0/16", 4_200_000_001),
        ("10.1.2.0/24", 64501),
    ]
    assert await api.prefixes(prefix="172.16.0.1") == ["0.0.0.0/0"]
    assert await api.prefixes(prefix="2001:db8:1::99") == ["2001:db8:1::/48"]


async def test_longer_finds_what_is_inside_and_not_the_prefix_itself(
    api: Api, filled: Ingest
) -> None:
    assert await api.prefixes(prefix="10.0.0.0/8", match="longer") == [
        "10.1.0.0/16",
        "10.1.0.0/16",
        "10.1.2.0/24",
    ]
    assert await api.prefixes(prefix="2001:db8::/32", match="longer") == ["2001:db8:1::/48"]
    assert len(await api.prefixes(prefix="0.0.0.0/0", match="longer")) == 4
    assert await api.prefixes(prefix="10.1.2.0/24", match="longer") == []


async def test_a_route_is_told_with_everything_that_is_known(api: Api, filled: Ingest) -> None:
    (route,) = (await api.get("/routes", prefix="10.1.2.0/24"))["data"]
    times = {name: route.pop(name) for name in ("first_seen", "last_updated", "last_confirmed")}
    for text in times.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
        datetime.fromisoformat(text)
    assert route.pop("age_s") >= 0
    route.pop("router_id")
    assert route["peer"].pop("id") > 0
    assert route == {
        "prefix": "10.1.2.0/24",
        "family": "ipv4_unicast",
        "path_id": None,
        "router": "edge-1",
        "peer": {"address": "192.0.2.1", "asn": 64501},
        "rib": "adj_in_pre",
        "state": "active",
        "next_hop": "192.0.2.1",
        "origin": "igp",
        "origin_asn": 64502,
        "as_path": [64501, 64502],
        "as_path_str": "64501 64502",
        "med": 0,
        "local_pref": None,
        "communities": ["64501:100"],
        "large_communities": [],
        "ext_communities": [],
        "aggregator": None,
        "atomic_aggregate": False,
        "originator_id": None,
        "cluster_list": [],
        "others": {},
        "rpki": None,
        "withdrawn_at": None,
    }


async def test_filters_add_up_and_their_values_are_alternatives(api: Api, filled: Ingest) -> None:
    assert await api.prefixes(peer_asn="AS4200000001") == ["10.1.0.0/16"]
    assert await api.prefixes(origin_asn="4200000002") == ["10.1.0.0/16"]
    assert len(await api.prefixes(peer_asn=["4200000001", "64777"])) == 3
    assert await api.prefixes(peer_asn="64777", family="ipv4_unicast") == []
    assert len(await api.prefixes(family="ipv6_unicast")) == 2
    assert len(await api.prefixes(peer=["192.0.2.2", "2001:db8::7"])) == 3
    assert len(await api.prefixes(router="127.0.0.1")) == 7
    assert await api.prefixes(router="192.0.2.99") == []
    assert await api.prefixes(rib="loc_rib") == []


async def test_withdrawn_routes_are_shown_only_when_asked_for(api: Api, filled: Ingest) -> None:
    assert await api.prefixes(prefix="10.9.0.0/16") == []
    (route,) = (await api.get("/routes", prefix="10.9.0.0/16", state="withdrawn"))["data"]
    assert route["state"] == "withdrawn"
    assert route["withdrawn_at"] == route["last_updated"]
    assert len(await api.prefixes(state="all")) == 8


async def test_a_withdrawn_route_does_not_hide_a_less_specific_one(
    api: Api, filled: Ingest
) -> None:
    assert await api.prefixes(prefix="10.9.1.1") == ["10.0.0.0/8"]


async def test_routes_of_a_router_that_went_away_are_stale_and_a_warning_says_so(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(
        speaker.initiation("edge-1"),
        speaker.peer_up(TRANSIT),
        speaker.announce(TRANSIT, "10.0.0.0/8"),
    )
    body = await api.get("/routes", prefix="10.0.0.0/8")
    assert body["data"][0]["state"] == "stale"
    (warning,) = body["meta"]["warnings"]
    assert warning.startswith("1 of these routes are stale: the connection to router edge-1 ended")
    assert await api.prefixes(prefix="10.0.0.0/8", state="active") == []


async def test_routes_of_a_peer_that_went_down_are_withdrawn(api: Api, ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(TRANSIT),
        speaker.announce(TRANSIT, "10.0.0.0/8"),
        speaker.peer_down(TRANSIT),
    )
    assert await api.prefixes(prefix="10.0.0.0/8") == []
    (route,) = (await api.get("/routes", prefix="10.0.0.0/8", state="withdrawn"))["data"]
    assert route["withdrawn_at"] is not None


async def test_pages_hold_every_route_once_and_link_to_the_next(api: Api, filled: Ingest) -> None:
    whole = (await api.get("/routes", state="all"))["data"]
    found = []
    url = "/api/v1/routes?state=all&limit=3"
    for _ in range(3):
        answer = await api.client.get(url)
        found += answer.json()["data"]
        if "link" not in answer.headers:
            break
        url = "/api/v1/routes" + answer.headers["link"].split(">")[0][1:]
    keys = [(r["prefix"], r["peer"]["id"], r["rib"]) for r in found]
    assert keys == [(r["prefix"], r["peer"]["id"], r["rib"]) for r in whole]
    assert answer.json()["meta"]["next_cursor"] is None


async def test_a_count_is_of_all_pages(api: Api, filled: Ingest) -> None:
    body = await api.get("/routes", limit=2, count="exact")
    assert (body["meta"]["count"], body["meta"]["total"]) == (2, 7)
    body = await api.get("/routes", prefix="10.1.2.3", limit=1, count="exact")
    assert (body["meta"]["count"], body["meta"]["total"]) == (1, 2)


async def test_an_answer_says_how_fresh_it_is(api: Api, filled: Ingest) -> None:
    meta = (await api.get("/routes"))["meta"]
    assert meta["data_as_of"].endswith("Z")
    assert meta["took_ms"] > 0


@pytest.mark.parametrize(
    ("parameters", "at_fault", "suggestion"),
    [
        ({"prefix": "10.0.0.1/8"}, "prefix", "10.0.0.0/8"),
        ({"prefix": "2001:db8::1/32"}, "prefix", "2001:db8::/32"),
        ({"prefix": "10.0.0.0/33"}, "prefix", "192.0.2.0/24"),
        ({"prefix": "example.org"}, "prefix", "192.0.2.0/24"),
        ({"match": "exact"}, "match", "prefix=192.0.2.0/24"),
        ({"prefix": "10.0.0.0/8", "match": "best"}, "match", None),
        ({"state": "up"}, "state", None),
        ({"peer_asn": "AS4294967296"}, "peer_asn", "AS65000"),
        ({"peer_asn": "-1"}, "peer_asn", "AS65000"),
        ({"rib": "main"}, "rib", None),
        ({"family": "ipx"}, "family", None),
        ({"router": "nowhere"}, "router", None),
        ({"router": "99999999999999999999"}, "router", None),
        ({"router": "00000000001"}, "router", None),
        ({"router": "fe80::1%eth0"}, "router", "fe80::1"),
        ({"prefix": "fe80::1%eth0"}, "prefix", "fe80::1"),
        ({"origin_asn": "00000000000999999999999"}, "origin_asn", "AS65000"),
        ({"origin_asn": "0" * 5000}, "origin_asn", "AS65000"),
        ({"orgin_asn": "65000"}, "orgin_asn", "origin_asn"),
        ({"unknown": "1"}, "unknown", None),
        ({"cursor": cursor("10.0.0.0/8", 1, 0, 0)}, "cursor", None),
        ({"cursor": cursor("10.0.0.0/8", 1, 10**22)}, "cursor", None),
        ({"cursor": cursor("10.0.0.0/8", 1e308, 0)}, "cursor", None),
        ({"cursor": cursor("10.0.0.0/8", True, 0)}, "cursor", None),
        ({"limit": "0"}, "limit", None),
        ({"limit": "1001"}, "limit", None),
        ({"cursor": "abc"}, "cursor", None),
        ({"cursor": "WzEsMiwzXQ"}, "cursor", None),
        ({"cursor": "\x00"}, "cursor", None),
    ],
)
async def test_a_wrong_parameter_is_named_with_a_right_value(
    api: Api, parameters: dict[str, str], at_fault: str, suggestion: str | None
) -> None:
    problem = await api.refused("/routes", **parameters)
    assert problem["status"] == 422
    assert problem["errors"][0]["parameter"] == at_fault
    assert problem["errors"][0]["suggestion"] == suggestion
