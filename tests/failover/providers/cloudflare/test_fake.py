"""The fake does what Cloudflare does, or the other tests would prove nothing."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.failover.providers.cloudflare.harness import LOCAL, NEXT_HOP, PREFIX, REMOTE, Clock
from tests.fakes.cloudflare import ACCOUNT, TOKEN, FakeCloudflare
from tests.fakes.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROUTES = f"/client/v4/accounts/{ACCOUNT}/magic/routes"
AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def http(fake: FakeCloudflare) -> AsyncIterator[httpx.AsyncClient]:
    """A plain client of the fake."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=fake), base_url="http://fake", headers=AUTHORIZED
    ) as http:
        yield http


async def rows(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    listed = (await http.get(ROUTES)).json()["result"]["routes"]
    return [row for row in listed if row["prefix"] == PREFIX]


async def test_equal_priorities_share_the_traffic_by_weight(fake: FakeCloudflare) -> None:
    first, second, *_ = fake.routes
    fake.edit(first, priority=200, weight=21)
    assert fake.traffic(PREFIX) == {NEXT_HOP[LOCAL]: 0.75, NEXT_HOP[REMOTE]: 0.25}
    fake.edit(second, priority=100)
    assert fake.traffic(PREFIX) == {NEXT_HOP[REMOTE]: 1.0}


async def test_a_penalty_moves_the_traffic_and_all_down_keeps_it(fake: FakeCloudflare) -> None:
    fake.tunnels = {NEXT_HOP[LOCAL]: "degraded"}
    assert fake.traffic(PREFIX) == {NEXT_HOP[REMOTE]: 1.0}
    fake.tunnels = {NEXT_HOP[LOCAL]: "down", NEXT_HOP[REMOTE]: "down"}
    assert fake.traffic(PREFIX) == {NEXT_HOP[LOCAL]: 1.0}


async def test_two_updates_one_after_the_other_pass_through_a_tie(
    fake: FakeCloudflare, http: httpx.AsyncClient
) -> None:
    first, second = await rows(http)
    await http.put(ROUTES, json={"routes": [{**first, "priority": 200}]})
    await http.put(ROUTES, json={"routes": [{**second, "priority": 100}]})
    assert [len(traffic[PREFIX]) for traffic in fake.history] == [2, 1]


async def test_what_a_row_does_not_say_is_lost(http: httpx.AsyncClient, clock: Clock) -> None:
    first, _ = await rows(http)
    clock.seconds = 1
    kept = {name: first[name] for name in ("id", "prefix", "nexthop", "priority")}
    assert (await http.put(ROUTES, json={"routes": [kept]})).json()["result"]["modified"] is True
    after, _ = await rows(http)
    assert (after["scope"], after["description"]) == (None, None)
    assert after["created_on"] == first["created_on"]
    assert after["modified_on"] > first["modified_on"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"priority": None}, "/routes/0/priority"),
        ({"priority": -1}, "/routes/0/priority"),
        ({"weight": 257}, "/routes/0/weight"),
        ({"id": "0" * 32}, "/routes/0/id"),
    ],
)
async def test_a_wrong_row_is_refused_with_a_pointer_also_in_a_validation(
    fake: FakeCloudflare, http: httpx.AsyncClient, wrong: dict[str, Any], pointer: str
) -> None:
    first, _ = await rows(http)
    for query in ("", "?validate_only=true"):
        answer = await http.put(f"{ROUTES}{query}", json={"routes": [{**first, **wrong}]})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["source"]["pointer"] == pointer
        assert answer.json()["result"] is None
    assert fake.history == []


async def test_a_validation_persists_nothing(fake: FakeCloudflare, http: httpx.AsyncClient) -> None:
    first, _ = await rows(http)
    body = {"routes": [{**first, "priority": 7}]}
    answer = await http.put(ROUTES, params={"validate_only": "true"}, json=body)
    assert answer.json()["success"] is True
    assert (await rows(http))[0] == first
    assert fake.history == []


async def test_one_call_too_many_blocks_all_for_five_minutes(
    http: httpx.AsyncClient, clock: Clock
) -> None:
    url = "/client/v4/user/tokens/verify"
    for _ in range(1_200):
        last = await http.get(url)
    assert last.headers["ratelimit"] == '"default";r=0;t=300'
    assert last.headers["ratelimit-policy"] == '"default";q=1200;w=300'
    assert (await http.get(url)).status_code == 429
    clock.seconds = 299
    blocked = await http.get(ROUTES)
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "1")
    clock.seconds = 300
    assert (await http.get(ROUTES)).status_code == 200


@pytest.mark.parametrize(("trouble", "has_effect"), [("lost", False), ("silent", True)])
async def test_an_answer_can_be_lost_before_or_after_the_effect(
    fake: FakeCloudflare, http: httpx.AsyncClient, trouble: str, has_effect: bool
) -> None:
    first, _ = await rows(http)
    fake.troubles[:] = [Trouble("^PUT", **{trouble: True})]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await http.put(ROUTES, json={"routes": [{**first, "priority": 7}]})
    assert (fake.routes[first["id"]]["priority"] == 7) is has_effect


async def test_deleting_without_an_id_deletes_all_which_is_why_we_never_do(
    fake: FakeCloudflare, http: httpx.AsyncClient
) -> None:
    await http.delete(ROUTES)
    assert fake.routes == {}


async def test_it_runs_as_a_server() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fakes.cloudflare",
        "--port",
        "0",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        line = (await child.stdout.readline()).decode()
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", line)
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, trust_env=False) as http:
            listed = await rows(http)
            traffic = "/control/traffic"
            assert (await http.get(traffic)).json() == {PREFIX: {NEXT_HOP[LOCAL]: 1.0}}
            await http.put("/control/tunnels", json={NEXT_HOP[LOCAL]: "down"})
            assert (await http.get(traffic)).json() == {PREFIX: {NEXT_HOP[REMOTE]: 1.0}}
            await http.put("/control/troubles", json=[{"match": "^GET", "status": 503}])
            assert (await http.get(traffic)).status_code == 503
            await http.put("/control/faults", json=[{"kind": "refused", "message": "not now"}])
            refused = await http.put(ROUTES, json={"routes": listed})
            assert (refused.status_code, refused.json()["success"]) == (200, False)
    finally:
        child.terminate()
        await child.wait()
