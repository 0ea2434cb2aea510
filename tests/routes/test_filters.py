"""Every filter, against a plain model of the same routes."""

from __future__ import annotations

import ipaddress
import random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from services.routes.asking.as_path import read_as_path_pattern
from tests.routes.many import (
    ASNS,
    COMMUNITIES,
    EXT,
    LARGE,
    NEXT_HOPS,
    PEERS,
    Many,
    Told,
    key_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

PATTERNS = (
    "64502",
    "64501,64502",
    "^64501",
    "64503$",
    "^64501,64502$",
    "^$",
    "!64502",
    "!^64501",
    "[64501,64502]",
    "64503,[64501,64502,64503]",
    "[64777]$",
    "^[64501,64502]",
    "!64502,64503$",
)


@pytest.fixture
async def many(ingest: Ingest) -> AsyncIterator[Many]:
    many = Many(seed=5)
    async with ingest.connected() as router:
        router.writelines(many.messages())
        await ingest.until_committed(many.count)
        yield many


def matches(route: Told, prefix: str, match: str) -> bool:
    """What RFC 4632 says of one network within another."""
    asked = ipaddress.ip_network(prefix)
    network: Any = route.network
    if network.version != asked.version:
        return False
    return {
        "exact": network == asked,
        "orlonger": network.subnet_of(asked),
        "longer": network.subnet_of(asked) and network != asked,
        "orshorter": network.supernet_of(asked),
        "shorter": network.supernet_of(asked) and network != asked,
    }[match]


def single_filters(chance: random.Random) -> list[tuple[dict[str, Any], Callable[[Told], bool]]]:
    """Filters with values of this world, each with what it means."""
    asns = chance.sample(ASNS, 2)
    communities, large, ext = (chance.sample(one, 2) for one in (COMMUNITIES, LARGE, EXT))
    hop = chance.choice(NEXT_HOPS)
    peer = chance.choice(PEERS)
    patterns = chance.sample(PATTERNS, 2)
    read = [read_as_path_pattern(one) for one in patterns]
    prefix = chance.choice(("10.0.0.0/8", "10.64.0.0/10", "10.16.0.0/16", "2001:db8::/34"))
    match = chance.choice(("exact", "orlonger", "longer", "orshorter", "shorter"))
    version, family = chance.choice(((4, "ipv4_unicast"), (6, "ipv6_unicast")))
    return [
        ({"origin_asn": asns}, lambda one: one.origin in asns),
        ({"community": communities}, lambda one: bool(one.communities & set(communities))),
        ({"large_community": large[0]}, lambda one: large[0] in one.large),
        ({"ext_community": ext}, lambda one: bool(one.ext & set(ext))),
        ({"next_hop": hop}, lambda one: one.next_hop == hop),
        ({"peer": peer.address}, lambda one: one.peer == peer),
        ({"peer_asn": f"AS{peer.asn}"}, lambda one: one.peer == peer),
        ({"as_path": patterns[0]}, lambda one: read[0].matches(one.json_path)),
        ({"as_path": patterns}, lambda one: any(p.matches(one.json_path) for p in read)),
        ({"prefix": prefix, "match": match}, lambda one: matches(one, prefix, match)),
        ({"family": family}, lambda one: one.network.version == version),
    ]


async def test_filters_find_what_a_model_finds_on_pages_and_in_streams(
    api: Api, many: Many
) -> None:
    chance = random.Random(7)  # noqa: S311 - nothing is secret
    for _ in range(120):
        chosen = chance.sample(single_filters(chance), chance.randint(1, 3))
        parameters: dict[str, Any] = {}
        for each, _ in chosen:
            parameters |= each
        # Of two filters of one name the later counts.
        meant = [keeps for each, keeps in chosen if each.items() <= parameters.items()]
        wanted = many.keys(lambda one, meant=meant: all(keeps(one) for keeps in meant))
        pages = await all_pages(api, limit=chance.choice((3, 50, 1000)), **parameters)
        assert sorted(map(key_of, pages)) == wanted, parameters
        assert sorted(map(key_of, await streamed(api, **parameters))) == wanted, parameters
        counted = await api.get("/routes", limit=1, count="exact", **parameters)
        assert counted["meta"]["total"] == len(wanted), parameters


async def test_an_address_finds_the_longest_match_of_each_peer_of_a_model(
    api: Api, many: Many
) -> None:
    chance = random.Random(11)  # noqa: S311 - nothing is secret
    for _ in range(40):
        address = ipaddress.ip_address((10 << 24) + chance.getrandbits(24))
        longest: dict[str, Told] = {}
        for route in many.routes:
            known = longest.get(route.peer.address)
            is_longer = known is None or route.network.prefixlen > known.network.prefixlen
            if address in route.network and is_longer:
                longest[route.peer.address] = route
        found = await all_pages(api, prefix=str(address), limit=2)
        assert sorted(map(key_of, found)) == sorted(one.key for one in longest.values())


async def test_what_is_told_of_each_route_is_what_the_router_said(api: Api, many: Many) -> None:
    told = {route.key: route for route in many.routes}
    for body in await streamed(api):
        route = told.pop(key_of(body))
        assert body["as_path"] == route.json_path
        assert body["origin_asn"] == route.origin
        assert body["next_hop"] == route.next_hop
        assert set(body["communities"]) == route.communities
        assert set(body["large_communities"]) == route.large
        assert set(body["ext_communities"]) == route.ext
        assert body["peer"]["asn"] == route.peer.asn
    assert not told


async def test_a_well_known_community_has_a_name(api: Api, many: Many) -> None:
    named = await all_pages(api, community="no-export", limit=1000)
    assert sorted(map(key_of, named)) == many.keys(lambda one: "65535:65281" in one.communities)


async def all_pages(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    """Every route, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        body = await api.get("/routes", **parameters)
        found += body["data"]
        if body["meta"]["next_cursor"] is None:
            return found
        parameters["cursor"] = body["meta"]["next_cursor"]


async def streamed(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    """Every route of an NDJSON stream."""
    answer = await api.client.get("/api/v1/routes", params=parameters | {"format": "ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson", answer.text
    return [orjson.loads(line) for line in answer.text.splitlines()]
