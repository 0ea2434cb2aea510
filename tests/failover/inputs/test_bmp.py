"""What the query service knows of peers and routes, as readings of a site."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from services.failover.inputs.bmp import PeersObserver, PrefixObserver
from services.failover.policy.model import Health, Reading, Role, Site
from shared.clients.routes import RoutesClient
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
