"""What the query service knows of peers and routes, as readings of a site."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from services.failover.inputs.bmp import PeersObserver, PrefixObserver
from services.failover.policy.model import Health, Reading, Role, Site
from shared.clients.routes import RoutesClient
from shared.contracts.inventory import PeerBody
from tests.world import told_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def peers(client: httpx.AsyncClient, *addresses: str) -> Reading:
    observer = PeersObserver(
        RoutesClient(client), site=Site.LOCAL, peers=addresses, now=lambda: NOW
    )
    return await observer.read()


async def prefix(client: httpx.AsyncClient, wanted: str, *addresses: str) -> Reading:
    observer = PrefixObserver(
        RoutesClient(client), site=Site.LOCAL, peers=addresses, prefix=wanted, now=lambda: NOW
    )
    return await observer.read()


async def test_a_peer_is_as_its_router_says(api: Api, ingest: Ingest) -> None:
    async with told_to(ingest):
        found = await peers(api.client, "192.0.2.101")
        assert (found.health, found.role, found.site) == (Health.HEALTHY, Role.BGP, Site.LOCAL)
        assert "192.0.2.101 is up at" in found.detail
        absent = await peers(api.client, "198.51.100.200")
        assert absent.health is Health.UNKNOWN
        assert absent.detail == "no router tells of 198.51.100.200"
        lost = await peers(api.client, "198.51.100.1")
        assert (lost.health, lost.detail) == (Health.UNKNOWN, "198.51.100.1 is lost at edge3")
        assert (await peers(api.client, "198.51.100.1", "192.0.2.101")).health is Health.HEALTHY


async def test_a_prefix_is_seen_from_a_peer_that_announces_it(api: Api, ingest: Ingest) -> None:
    async with told_to(ingest):
        seen = await prefix(api.client, "203.0.113.128/25", "192.0.2.101")
        assert seen.health is Health.HEALTHY
        assert seen.detail == "203.0.113.128/25 is seen from 192.0.2.101"
        assert (await prefix(api.client, "203.0.113.128/25", "198.51.100.1")).health is (
            Health.UNKNOWN
        )


@pytest.mark.parametrize("ask", [lambda c: peers(c, "x"), lambda c: prefix(c, "10.0.0.0/8", "x")])
async def test_without_the_routes_service_nothing_is_known(ask: Callable[..., Any]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    transport = httpx.MockTransport(refuse)
    async with httpx.AsyncClient(transport=transport, base_url="http://routes") as client:
        found = await ask(client)
    assert found.health is Health.UNKNOWN
    assert "http://routes" in found.detail


async def test_a_peer_is_found_behind_however_many_others() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params.get("cursor", "0"))
        numbers = range(first, min(first + int(request.url.params["limit"]), 2_500))
        following = str(numbers.stop) if numbers.stop < 2_500 else None
        data = [peer(number).model_dump(mode="json") for number in numbers]
        meta = {"count": len(data), "next_cursor": following}
        return httpx.Response(200, json={"data": data, "meta": meta})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://routes") as client:
        found = await peers(client, "10.0.9.195")
    assert (found.health, found.detail) == (Health.HEALTHY, "10.0.9.195 is up at edge1")


async def test_a_prefix_is_asked_for_from_the_sites_peers_alone() -> None:
    asked: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get_list("peer"))
        return httpx.Response(200, json={"data": [], "meta": {"count": 0}})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://routes") as client:
        await prefix(client, "203.0.113.0/24", "192.0.2.2", "192.0.2.1")
    assert asked == [["192.0.2.1", "192.0.2.2"]]


def peer(number: int) -> PeerBody:
    return PeerBody(
        id=number,
        router_id=1,
        router="edge1",
        peer_type="global",
        distinguisher="0:0",
        address=f"10.0.{number // 256}.{number % 256}",
        asn=64514,
        bgp_id=None,
        state="up",
        since=NOW,
        uptime_s=1.0,
        inferred=False,
        table_name=None,
        local_asn=None,
        local_address=None,
        local_port=None,
        remote_port=None,
        hold_time=None,
        capabilities=None,
        last_down=None,
        ribs=[],
        updates_1h=0,
        last_update_at=None,
        routes_by_family=None,
        routes_exact=True,
        routes_as_of=NOW,
    )
