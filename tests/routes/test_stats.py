"""How much there is, and where the way from a router to an answer stops."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from services.routes.answering.counting import RouteCounter
from services.routes.answering.stats import way
from services.routes.settings import RoutesSettings
from shared.clients.ingest import ingest_services
from shared.contracts.envelope import Envelope, Meta
from shared.contracts.stats import IngestPart, IngestStats
from shared.errors import ConfigurationError
from shared.settings import load
from tests.ingest import speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

TRANSIT = speaker.Peer("192.0.2.1", 64501)
CUSTOMER = speaker.Peer("192.0.2.2", 64502)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIGURES: dict[str, Any] = {
    "connections": 1,
    "connections_accepted": 1,
    "received_bytes": 1000,
    "messages": 10,
    "pending_routes": 0,
    "committed_routes": 5,
    "committed_batches": 1,
    "waiting_for": None,
}
FACTS: dict[str, Any] = {
    "writers": 1,
    "routers_connected": 1,
    "peers": 1,
    "heard_at": NOW,
    "history_at": NOW,
    "current_at": NOW + timedelta(milliseconds=250),
    "batches_between": 0,
    "lag_s": 0.0,
}


@pytest.fixture
async def api_beside_ingest(api: Api, ingest: Ingest) -> AsyncIterator[Api]:
    """The API, which asks the collector of the test over HTTP."""

    async def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/ingest/stats"
        body = Envelope(data=await ingest.collector.stats(), meta=Meta(count=1))
        return httpx.Response(200, content=body.model_dump_json())

    transport = httpx.MockTransport(answer)
    async with ingest_services(["http://ingest:8081"], transport) as services:
        api.app.state.ingest_services = services
        yield api


async def test_the_whole_is_told_hop_by_hop(api_beside_ingest: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation() + speaker.peer_up(TRANSIT) + speaker.peer_up(CUSTOMER))
        router.write(speaker.announce(TRANSIT, "198.51.100.0/24", "203.0.113.0/24"))
        router.write(speaker.announce6(TRANSIT, "2001:db8::/32"))
        router.write(speaker.announce(TRANSIT, "203.0.113.0/24", med=7))
        router.write(speaker.peer_down(CUSTOMER))
        await ingest.until_committed(4)
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'down'", 1)
        body = (await api_beside_ingest.get("/stats"))["data"]
    totals = body["totals"]
    assert (totals["routers"], totals["routers_connected"]) == (1, 1)
    assert (totals["peers"], totals["peers_up"], totals["peers_down"]) == (2, 1, 1)
    assert totals["routes_by_family"] == {"ipv4_unicast": 2, "ipv6_unicast": 1}
    assert (totals["routes"], totals["routes_exact"]) == (3, True)
    assert (body["rates"]["updates_1h"], body["rates"]["path_changes_1h"]) == (1, 1)
    assert body["stops_at"] is None, body["hops"]
    hops = {hop["name"]: hop for hop in body["hops"]}
    assert list(hops) == ["socket", "decoded", "history", "current", "visible"]
    assert 0 <= hops["current"]["lag_s"] < 15
    assert hops["visible"]["lag_s"] == 0
    (part,) = body["ingest"]
    assert part["address"] == "ingest:8081"
    assert (part["stats"]["committed_routes"], part["stats"]["messages"]) == (4, 7)


async def test_without_a_router_the_data_stops_at_the_socket(
    api_beside_ingest: Api, ingest: Ingest
) -> None:
    body = (await api_beside_ingest.get("/stats"))["data"]
    assert body["stops_at"] == "socket"
    assert body["hops"][0]["says"] == "no router is connected"
    await ingest.say(speaker.initiation())
    assert (await api_beside_ingest.get("/stats"))["data"]["stops_at"] == "socket"


async def test_an_ingest_service_that_gives_no_answer_is_named(api: Api) -> None:
    async def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    async with ingest_services(["http://a:1", "http://b:2"], httpx.MockTransport(refuse)) as one:
        api.app.state.ingest_services = one
        body = (await api.get("/stats"))["data"]
    assert [part["address"] for part in body["ingest"]] == ["a:1", "b:2"]
    assert body["ingest"][0] == {"address": "a:1", "stats": None, "error": "connection refused"}
    assert body["hops"][0]["state"] == "stopped"
    assert body["hops"][1]["state"] == "unknown"
    assert "a:1: connection refused; b:2: connection refused" in body["hops"][1]["says"]


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(200, text="{}")])
async def test_an_answer_that_is_none_is_no_figures(answer: httpx.Response) -> None:
    async with ingest_services(["http://a:1"], httpx.MockTransport(lambda _: answer)) as services:
        (part,) = await services.parts()
    assert part.stats is None
    assert part.error
    assert "\n" not in part.error


@pytest.mark.parametrize(
    ("facts", "figures", "stops_at", "says"),
    [
        ({}, {}, None, None),
        ({"writers": 0}, {}, "socket", "no ingest process"),
        ({"routers_connected": 0}, {"connections": 0}, "socket", "no router is connected"),
        ({"peers": 0}, {"messages": 0}, "decoded", "no BMP message"),
        ({"peers": 0}, {}, "decoded", "none says that a peer is up"),
        ({}, {"waiting_for": "no server", "pending_routes": 9}, "history", "9 routes wait"),
        ({"history_at": None}, {}, "history", "nothing was ever committed"),
        ({"current_at": None}, {}, "current", "nothing was ever committed"),
        ({"lag_s": 31.0}, {}, "visible", "behind its primary"),
        ({"lag_s": None}, {}, "visible", "has not replayed"),
    ],
)
def test_where_it_stops_is_said(
    facts: dict[str, Any], figures: dict[str, Any], stops_at: str | None, says: str | None
) -> None:
    stats = IngestStats.model_validate(FIGURES | figures)
    hops = way(FACTS | facts, [IngestPart(address="a:1", stats=stats, error=None)])
    stopped = [hop for hop in hops if hop.state != "ok"]
    if stops_at is None:
        assert stopped == []
        assert hops[3].lag_s == 0.25
    else:
        assert stopped[0].name == stops_at
        assert says is not None
        assert says in stopped[0].says


async def test_a_rate_is_what_was_committed_between_two_looks(api: Api, ingest: Ingest) -> None:
    counter = RouteCounter(api.app.state.engine)
    async with ingest.connected() as router:
        router.write(speaker.peer_up(TRANSIT))
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'up'", 1)
        await counter.refresh()
        async with api.app.state.engine.connect() as conn:
            assert (await counter.known(conn)).committed_per_s is None
        router.write(speaker.announce(TRANSIT, "198.51.100.0/24", "203.0.113.0/24"))
        await ingest.until_committed(2)
    await counter.refresh()
    async with api.app.state.engine.connect() as conn:
        rate = (await counter.known(conn)).committed_per_s
        assert rate is not None
        assert rate > 0
    await counter.refresh()
    async with api.app.state.engine.connect() as conn:
        later = (await counter.known(conn)).committed_per_s
        assert later is not None
        assert 0 < later < rate


def test_addresses_of_ingest_services_are_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/x")
    monkeypatch.setenv("ROUTES_INGEST_URLS", "http://a:1, http://[::1]:2")
    assert load(RoutesSettings).ingest_urls == ["http://a:1", "http://[::1]:2"]
    monkeypatch.setenv("ROUTES_INGEST_URLS", "a:1")
    with pytest.raises(ConfigurationError, match="ROUTES_INGEST_URLS"):
        load(RoutesSettings)
