"""Two peers' tables compared, over HTTP."""

from __future__ import annotations

import random
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from services.routes.answering import diff
from services.routes.answering.diff import what_changed
from shared.contracts.diff import RouteDifference
from tests.ingest import speaker, speaker_mp

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

A = speaker.Peer("192.0.2.1", 64501)
A_POLICED = speaker.Peer("192.0.2.1", 64501, flags=speaker.POST_POLICY)
B = speaker.Peer("192.0.2.2", 64502)
PATH = (64510, 64520)


async def difference(api: Api, **parameters: Any) -> list[tuple[str, str, list[str]]]:
    """Prefix, difference and what changed, of all that is on one page."""
    body = await api.get("/peers/diff", **({"a": 1, "b": 2} | parameters))
    for one in body["data"]:
        RouteDifference.model_validate(one)
    return [(one["prefix"], one["difference"], one["changed"]) for one in body["data"]]


async def two_tables(ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(A),
        speaker.peer_up(B),
        speaker.announce(A, "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", path=PATH),
        speaker.announce(B, "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16", path=PATH),
        speaker.announce(B, "10.3.0.0/16", path=(64511, 64520), med=5),
        speaker.announce(A, "10.5.0.0/16", "10.6.0.0/16", path=PATH),
        speaker.announce(B, "10.5.0.0/16", path=PATH),
        speaker.withdraw(A, "10.6.0.0/16"),
        speaker.announce6(A, "2001:db8:1::/48", path=PATH),
    )


async def test_what_only_one_has_and_what_is_not_the_same(api: Api, ingest: Ingest) -> None:
    await two_tables(ingest)
    assert await difference(api) == [
        ("10.1.0.0/16", "only_a", []),
        ("10.3.0.0/16", "changed", ["as_path", "med"]),
        ("10.4.0.0/16", "only_b", []),
    ]
    body = await api.get("/peers/diff", a=1, b=2, difference="changed")
    (changed,) = body["data"]
    assert [one["as_path"] for one in changed["a"]] == [[64510, 64520]]
    assert [(one["as_path"], one["med"]) for one in changed["b"]] == [([64511, 64520], 5)]
    assert changed["b"][0]["peer"]["asn"] == 64502
    assert body["meta"]["query"] == {
        "a": 1,
        "b": 2,
        "family": "ipv4_unicast",
        "rib": "adj_in_pre",
        "difference": ["changed"],
        "limit": 100,
    }


async def test_the_other_way_round_it_is_the_other_way_round(api: Api, ingest: Ingest) -> None:
    await two_tables(ingest)
    assert [each[1] for each in await difference(api, a=2, b=1)] == ["only_b", "changed", "only_a"]


async def test_a_peer_that_is_down_has_nothing(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(A) + speaker.peer_up(B))
        router.write(speaker.announce(A, "10.1.0.0/16") + speaker.announce(B, "10.1.0.0/16"))
        await ingest.until_committed(2)
        assert await difference(api) == []
        router.write(speaker.peer_down(B))
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'down'", 1)
        assert await difference(api) == [("10.1.0.0/16", "only_a", [])]


async def test_attributes_in_another_order_are_the_same(api: Api, ingest: Ingest) -> None:
    origin, path = speaker.attribute(1, b"\0"), speaker.attribute(2, speaker.as_path(*PATH))
    hop = speaker.attribute(3, bytes([192, 0, 2, 1]))

    def update(peer: speaker.Peer, attributes: bytes) -> bytes:
        body = bytes(2) + len(attributes).to_bytes(2, "big") + attributes
        nlri = speaker.nlri("10.1.0.0/16")
        return speaker.message(0, peer.header() + speaker.bgp(2, body + nlri))

    await ingest.say(
        speaker.peer_up(A) + speaker.peer_up(B),
        update(A, origin + path + hop) + update(B, path + origin + hop),
    )
    assert await difference(api) == []


async def test_a_policy_is_what_the_views_of_one_peer_do_not_share(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(
        speaker.peer_up(A),
        speaker.announce(A, "10.1.0.0/16", "10.2.0.0/16"),
        speaker.announce(A_POLICED, "10.2.0.0/16", med=9),
    )
    found = await difference(api, b=1, rib="adj_in_pre", rib_b="adj_in_post")
    assert found == [("10.1.0.0/16", "only_a", []), ("10.2.0.0/16", "changed", ["med"])]


async def test_paths_of_add_path_are_compared_as_a_set(api: Api, ingest: Ingest) -> None:
    def paths(peer: speaker.Peer, first: int, second: int, *, med: int = 1) -> bytes:
        return speaker.announce(peer, "10.1.0.0/16", med=med, path_id=first) + speaker.announce(
            peer, "10.1.0.0/16", med=2, path_id=second
        )

    async with ingest.connected() as router:
        router.write(speaker.peer_up(A, add_path=True) + speaker.peer_up(B, add_path=True))
        router.write(paths(A, 1, 2) + paths(B, 9, 8))
        await ingest.until_committed(4)
        assert await difference(api) == []
        router.write(paths(B, 9, 8, med=7))
        await ingest.until_committed(6)
        assert await difference(api) == [("10.1.0.0/16", "changed", ["med"])]
        (shown,) = (await api.get("/peers/diff", a=1, b=2))["data"]
    assert [one["path_id"] for one in shown["a"]] == [1, 2]
    assert [one["path_id"] for one in shown["b"]] == [8, 9]


async def test_other_families_are_compared_by_their_nlri(api: Api, ingest: Ingest) -> None:
    macs = [speaker_mp.mac_route(f"00:00:5e:00:53:0{n}") for n in range(3)]
    moved = speaker_mp.mac_route("00:00:5e:00:53:01", label=200)
    await ingest.say(
        speaker.peer_up(A) + speaker.peer_up(B),
        speaker_mp.announce(A, speaker_mp.EVPN, *macs[:2]),
        speaker_mp.announce(B, speaker_mp.EVPN, moved, macs[2]),
    )
    body = await api.get("/peers/diff", a=1, b=2, family="evpn")
    found = {one["nlri"]["mac"]: one for one in body["data"]}
    assert {mac[-1]: one["difference"] for mac, one in found.items()} == {
        "0": "only_a",
        "1": "changed",
        "2": "only_b",
    }
    assert "as_path" in found["00:00:5e:00:53:01"]["changed"]


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
async def test_pages_and_streams_have_the_same(
    api: Api, ingest: Ingest, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(diff, "PIECE", piece)
    await two_tables(ingest)
    whole = (await api.get("/peers/diff", a=1, b=2))["data"]
    assert len(whole) == 3
    paged: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await api.get("/peers/diff", a=1, b=2, limit=1, **cursor)
        paged += answer["data"]
        if answer["meta"]["next_cursor"] is None:
            break
        cursor = {"cursor": answer["meta"]["next_cursor"]}
    lines = await api.client.get("/api/v1/peers/diff?a=1&b=2&format=ndjson")
    streamed = [orjson.loads(line) for line in lines.text.splitlines()]
    for one in (paged, streamed):
        assert [undated(each) for each in one] == [undated(each) for each in whole]


def undated(one: dict[str, Any]) -> dict[str, Any]:
    for side in ("a", "b"):
        for each in one[side]:
            each.pop("age_s", None)
    return one


@pytest.mark.parametrize("seed", range(3))
async def test_a_comparison_says_what_the_tables_say(
    api: Api, ingest: Ingest, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's
    monkeypatch.setattr(diff, "PIECE", 7)
    monkeypatch.setattr(diff, "_AT_ONCE", 3)
    said = [speaker.peer_up(A), speaker.peer_up(B)]
    for _ in range(150):
        peer, prefix = chance.choice([A, B]), f"10.{chance.randrange(50)}.0.0/16"
        said.append(
            speaker.withdraw(peer, prefix)
            if chance.random() < 0.3
            else speaker.announce(peer, prefix, path=PATH, med=chance.randrange(3))
        )
    await ingest.say(*said)

    async def table(peer: int) -> dict[str, int]:
        routes = (await api.get("/routes", peer=peer, limit=1000))["data"]
        return {route["prefix"]: route["med"] for route in routes}

    a, b = await table(1), await table(2)
    expected = [
        (
            prefix,
            "changed" if prefix in a and prefix in b else "only_a" if prefix in a else "only_b",
        )
        for prefix in sorted(a | b, key=ip_network)
        if a.get(prefix) != b.get(prefix)
    ]
    assert len(expected) > 20
    assert [each[:2] for each in await difference(api)] == expected


async def test_what_cannot_be_compared_is_refused(api: Api, ingest: Ingest) -> None:
    await two_tables(ingest)
    for parameters, parameter in (
        ({"a": 1, "b": 9}, "b"),
        ({"a": "x", "b": 2}, "a"),
        ({"a": 1, "b": 1}, "b"),
        ({"a": 1, "b": 2, "rib": "loc_rib"}, "rib"),
        ({"a": 1, "b": 2, "family": "ipv6_unicast"}, "rib"),
        ({"a": 1, "b": 2, "format": "csv"}, "format"),
        ({"a": 1, "b": 2, "cursor": "WzEuNV0"}, "cursor"),
        ({"a": 1, "b": 2, "cursor": "WyJ4Il0"}, "cursor"),
    ):
        problem = await api.refused("/peers/diff", **parameters)
        assert problem["status"] == 422, parameters
        assert problem["errors"][0]["parameter"] == parameter, parameters
    assert (await api.refused("/peers/diff", a=1))["status"] == 422


async def test_routes_of_one_peer_are_asked_for_by_its_path(api: Api, ingest: Ingest) -> None:
    await two_tables(ingest)
    every = (await api.get("/routes", peer=2))["data"]
    of_peer = (await api.get("/peers/2/routes"))["data"]
    assert [one["prefix"] for one in of_peer] == [one["prefix"] for one in every]
    assert len((await api.get("/peers/1/routes", prefix="10.1.0.0/16"))["data"]) == 1
    assert (await api.get("/peers/1/routes", family="ipv6_unicast", count="exact"))["meta"][
        "total"
    ] == 1
    lines = await api.client.get("/api/v1/peers/1/routes?format=ndjson")
    assert len(lines.text.splitlines()) == 5
    assert (await api.refused("/peers/9/routes"))["status"] == 404
    assert (await api.refused("/peers/1/routes", peer=2))["errors"][0]["parameter"] == "peer"


def test_paths_differ_only_where_no_order_makes_them_equal() -> None:
    one, other = {"med": 1, "others": {"a": 1, "b": 2}}, {"med": 2, "others": {"b": 2, "a": 1}}
    assert what_changed([one, other], [other, one]) == []
    assert what_changed([one], [other]) == ["med"]
    assert what_changed([one], [one, one]) == ["med", "others"]
    assert what_changed([one], []) == []
