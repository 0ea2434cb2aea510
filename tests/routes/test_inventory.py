"""Routers and their peers, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from services.routes.app import create_app
from services.routes.settings import RoutesSettings
from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

TRANSIT = speaker.Peer("192.0.2.1", 64501)
CUSTOMER = speaker.Peer("192.0.2.2", 64502)


async def test_a_router_is_shown_with_its_peers_counted(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation("edge-1", "a test router"))
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER))
        router.write(speaker.peer_down(CUSTOMER))
        await ingest.until("SELECT down_code FROM rib.peer WHERE asn = 64502", 4)
        body = await api.get("/routers")
        (shown,) = body["data"]
        assert shown["name"] == "edge-1"
        assert shown["address"] == "127.0.0.1"
        assert shown["sys_descr"] == "a test router"
        assert shown["state"] == "connected"
        assert (shown["peers_up"], shown["peers_total"]) == (1, 2)
        assert shown["last_message_at"].endswith("Z")
        assert (await api.get(f"/routers/{shown['id']}"))["data"]["name"] == "edge-1"


async def test_a_router_that_went_away_is_still_known(api: Api, ingest: Ingest) -> None:
    await ingest.say(speaker.initiation("edge-1"))
    (shown,) = (await api.get("/routers"))["data"]
    assert shown["state"] == "disconnected"
    assert shown["connected_since"] is None


async def test_a_peer_is_shown_as_its_router_reports_it(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation("edge-1") + speaker.peer_up(TRANSIT))
        await ingest.until("SELECT state FROM rib.peer", "up")
        (shown,) = (await api.get("/peers"))["data"]
        assert shown["address"] == "192.0.2.1"
        assert shown["asn"] == 64501
        assert shown["bgp_id"] == "10.0.0.1"
        assert shown["router"] == "edge-1"
        assert shown["state"] == "up"
        assert shown["uptime_s"] >= 0
        assert shown["hold_time"] == 180
        assert shown["peer_type"] == "global"
        assert shown["inferred"] is False
        assert shown["capabilities"]["families"] == ["ipv4_unicast", "ipv6_unicast"]
        assert (await api.get(f"/peers/{shown['id']}"))["data"]["asn"] == 64501


async def test_a_peer_that_is_down_says_why(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_down(TRANSIT))
        await ingest.until("SELECT down_code FROM rib.peer", 4)
        (shown,) = (await api.get("/peers", state="down"))["data"]
        assert shown["last_down"]["reason_code"] == 4
        assert shown["last_down"]["reason"]
        assert shown["uptime_s"] is None
        assert (await api.get("/peers", state="up"))["data"] == []


async def test_peers_are_filtered_and_paged(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER))
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'up'", 2)
        assert [p["asn"] for p in (await api.get("/peers", asn="AS64502"))["data"]] == [64502]
        assert len((await api.get("/peers", router="127.0.0.1"))["data"]) == 2
        first = await api.get("/peers", limit=1)
        assert first["meta"]["truncated"] is True
        second = await api.get("/peers", limit=1, cursor=first["meta"]["next_cursor"])
        assert [p["asn"] for p in first["data"] + second["data"]] == [64501, 64502]
        assert second["meta"]["next_cursor"] is None


async def test_what_is_not_there_is_not_found(api: Api) -> None:
    for path in ("/routers/7", "/peers/7", "/routers/99999999999", "/peers/-1"):
        problem = await api.refused(path)
        assert problem["status"] == 404


async def test_a_pool_that_is_busy_is_a_503_that_says_so(migrated_url: str) -> None:
    app = create_app(RoutesSettings(database_url=SecretStr(migrated_url), routes_pool_size=1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
        app.state.engine.connect(),
    ):
        app.state.engine.pool._timeout = 0.05
        answer = await client.get("/api/v1/routers")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]


async def test_a_service_without_its_schema_is_not_ready_and_says_why(database_url: str) -> None:
    app = create_app(RoutesSettings(database_url=SecretStr(database_url)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://routes") as client,
    ):
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "there is no schema yet" in answer.json()["checks"]["database"]["reason"]
