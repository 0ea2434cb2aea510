"""What BMP says of a move: yes, no, or nothing that counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from services.failover.acting.actuator import ActionError, Done, NotDone
from services.failover.acting.verification import BmpConfirmation, from_peers
from services.failover.policy.model import Site, Step, StepKind
from shared.clients.routes import RoutesClient
from tests.ingest import speaker
from tests.ingest.conftest import ingest
from tests.ingest.speaker import Peer
from tests.routes.conftest import Api, api

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from tests.ingest.conftest import Ingest

__all__ = ["api", "ingest"]

PREFIX = "203.0.113.0/24"
LOCAL, REMOTE = Peer("192.0.2.101", 64501), Peer("192.0.2.102", 64502)
SEEN = Step(StepKind.CONFIRM_SEEN, Site.REMOTE)
MOVED = Step(StepKind.CONFIRM_MOVED, Site.REMOTE)


def confirmation(client: httpx.AsyncClient) -> BmpConfirmation:
    return BmpConfirmation(
        RoutesClient(client),
        prefixes=dict.fromkeys(Site, PREFIX),
        selectors={
            Site.LOCAL: from_peers([LOCAL.address]),
            Site.REMOTE: from_peers([REMOTE.address]),
        },
    )


class Upstream:
    """The router that both sites are peers of, and its BMP."""

    def __init__(self, ingest: Ingest, writer: asyncio.StreamWriter, api: Api) -> None:
        self._ingest = ingest
        self._writer = writer
        self._routes = 0
        self.bmp = confirmation(api.client)
        self.changed_at = datetime.now(UTC)

    async def says(self, *messages: bytes, routes: int = 1) -> None:
        """Returns when it is committed; `changed_at` is shortly before."""
        self.changed_at = await self._ingest.value("SELECT clock_timestamp()")
        self._writer.writelines(messages)
        self._routes += routes
        await self._ingest.until_committed(self._routes)

    async def confirm(self, step: Step, since: datetime | None = None) -> Done | NotDone:
        return await self.bmp.confirm(step, since=since or self.changed_at)


async def test_a_move_is_confirmed_when_bmp_shows_it_and_not_before(
    ingest: Ingest, api: Api
) -> None:
    async with ingest.connected() as writer:
        router = Upstream(ingest, writer, api)
        hello = (speaker.initiation(), speaker.peer_up(LOCAL), speaker.peer_up(REMOTE))
        await router.says(*hello, speaker.announce(LOCAL, PREFIX))
        seen = await router.confirm(SEEN)
        assert isinstance(seen, NotDone)
        assert "no active route to 203.0.113.0/24 from the remote site" in seen.detail
        await router.says(speaker.announce(REMOTE, PREFIX))
        seen = await router.confirm(SEEN)
        assert isinstance(seen, Done)
        (route,) = seen.evidence["routes"]  # type: ignore[misc, attr-defined]
        assert route["peer"] == REMOTE.address
        moved = await router.confirm(MOVED)
        assert isinstance(moved, NotDone)
        assert "still shows 203.0.113.0/24 from the local site" in moved.detail
        await router.says(speaker.withdraw(LOCAL, PREFIX))
        moved = await router.confirm(MOVED)
        assert isinstance(moved, Done)
        assert moved.evidence["old"] == "gone"


async def test_the_old_site_may_stay_where_it_is_less_preferred(ingest: Ingest, api: Api) -> None:
    async with ingest.connected() as writer:
        router = Upstream(ingest, writer, api)
        await router.says(
            speaker.initiation(),
            speaker.peer_up(LOCAL),
            speaker.peer_up(REMOTE),
            speaker.announce(REMOTE, PREFIX),
            speaker.announce(LOCAL, PREFIX, path=(64501, 64501, 64502)),
            routes=2,
        )
        moved = await router.confirm(MOVED)
        assert isinstance(moved, Done)
        assert moved.evidence["old"] == "less preferred"
        back = await router.confirm(Step(StepKind.CONFIRM_MOVED, Site.LOCAL))
        assert isinstance(back, NotDone)


async def test_an_old_site_whose_bgp_session_ended_is_gone(ingest: Ingest, api: Api) -> None:
    async with ingest.connected() as writer:
        router = Upstream(ingest, writer, api)
        await router.says(
            speaker.initiation(),
            speaker.peer_up(LOCAL),
            speaker.peer_up(REMOTE),
            speaker.announce(LOCAL, PREFIX),
            routes=1,
        )
        await router.says(speaker.peer_down(LOCAL), speaker.announce(REMOTE, PREFIX))
        moved = await router.confirm(MOVED)
        assert isinstance(moved, Done)
        assert moved.evidence["old"] == "gone"


async def test_what_is_older_than_the_change_is_no_evidence(ingest: Ingest, api: Api) -> None:
    async with ingest.connected() as writer:
        router = Upstream(ingest, writer, api)
        hello = (speaker.initiation(), speaker.peer_up(REMOTE))
        await router.says(*hello, speaker.announce(REMOTE, PREFIX))
        later = router.changed_at + timedelta(minutes=1)
        with pytest.raises(ActionError, match="before the change"):
            await router.confirm(SEEN, later)


async def test_what_a_router_said_before_it_left_is_no_evidence(ingest: Ingest, api: Api) -> None:
    async with ingest.connected() as writer:
        router = Upstream(ingest, writer, api)
        hello = (speaker.initiation(), speaker.peer_up(LOCAL), speaker.peer_up(REMOTE))
        both = (speaker.announce(LOCAL, PREFIX), speaker.announce(REMOTE, PREFIX))
        await router.says(*hello, *both, routes=2)
    await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'lost'", 2)
    with pytest.raises(ActionError, match="stale"):
        await router.confirm(SEEN)


async def test_an_old_site_that_bmp_never_showed_is_not_taken_for_gone_unless_it_was_silent_before(
    ingest: Ingest, api: Api
) -> None:
    async with ingest.connected() as writer:
        router = Upstream(ingest, writer, api)
        hello = (speaker.initiation(), speaker.peer_up(REMOTE))
        await router.says(*hello, speaker.announce(REMOTE, PREFIX))
        before = {"before": False, "after": False}
        was_silent = Step(MOVED.kind, MOVED.site, {"withdrawn": before})
        assert isinstance(await router.confirm(was_silent), Done)
        with pytest.raises(ActionError, match="never showed"):
            await router.confirm(MOVED)


async def test_a_site_that_nobody_described_cannot_be_seen(api: Api) -> None:
    nobody = BmpConfirmation(
        RoutesClient(api.client),
        prefixes=dict.fromkeys(Site, PREFIX),
        selectors=dict.fromkeys(Site, ()),
    )
    with pytest.raises(ActionError, match="FAILOVER_REMOTE_PEERS"):
        await nobody.confirm(SEEN, since=NOW)


# ---- answers that are hard to bring about

NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
ROUTE: dict[str, Any] = {
    "prefix": PREFIX,
    "path_id": None,
    "family": "ipv4_unicast",
    "router": "edge",
    "router_id": 1,
    "peer": {"id": 2, "address": REMOTE.address, "asn": 64502},
    "rib": "adj_in_pre",
    "state": "active",
    "next_hop": "192.0.2.1",
    "origin": "igp",
    "origin_asn": 64502,
    "as_path": [64502],
    "as_path_str": "64502",
    "med": None,
    "local_pref": None,
    "communities": [],
    "large_communities": [],
    "ext_communities": [],
    "aggregator": None,
    "atomic_aggregate": False,
    "originator_id": None,
    "cluster_list": [],
    "others": {},
    "rpki": None,
    "first_seen": NOW.isoformat(),
    "last_updated": NOW.isoformat(),
    "last_confirmed": NOW.isoformat(),
    "withdrawn_at": None,
    "age_s": 1.0,
}
HOP = {"name": "decoded", "state": "unknown", "says": "no answer", "at": None, "lag_s": None}


def stats(*, stops_at: str | None = None, pending: int = 0) -> dict[str, Any]:
    figures = {
        "connections": 1,
        "connections_accepted": 1,
        "received_bytes": 1,
        "messages": 1,
        "pending_routes": pending,
        "committed_routes": 1,
        "committed_batches": 1,
        "waiting_for": None,
    }
    totals = dict.fromkeys(
        ("routers", "routers_connected", "peers", "peers_up", "peers_down", "peers_lost"), 1
    )
    unknown = {
        "routes": None,
        "attribute_sets_estimate": None,
        "history_events_estimate": None,
        "routes_by_family": None,
        "routes_as_of": None,
        "routes_exact": False,
    }
    rates = {
        "committed_per_s": None,
        "updates_1h": 0,
        "withdrawals_1h": 0,
        "path_changes_1h": 0,
    }
    return {
        "totals": totals | unknown,
        "rates": rates,
        "hops": [HOP],
        "stops_at": stops_at,
        "ingest": [{"address": "ingest", "stats": figures, "error": None}],
    }


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://routes")


def quiet(told: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    """A store into which nothing came since long ago, and its statistics."""

    def handler(request: httpx.Request) -> httpx.Response:
        data: Any = told if request.url.path == "/api/v1/stats" else [ROUTE]
        meta = {"count": 1, "data_as_of": (NOW - timedelta(hours=1)).isoformat()}
        return httpx.Response(200, json={"data": data, "meta": meta})

    return handler


async def test_in_a_quiet_network_it_is_enough_that_nothing_waits_to_be_stored() -> None:
    async with answering(quiet(stats())) as client:
        assert isinstance(await confirmation(client).confirm(SEEN, since=NOW), Done)


@pytest.mark.parametrize(
    ("told", "why"),
    [(stats(stops_at="decoded"), "no answer"), (stats(pending=3), "3 routes wait")],
    ids=["the way stops", "routes wait"],
)
async def test_where_something_may_be_on_its_way_nothing_is_certain(
    told: dict[str, Any], why: str
) -> None:
    async with answering(quiet(told)) as client:
        with pytest.raises(ActionError, match=why):
            await confirmation(client).confirm(SEEN, since=NOW)


def _times_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("it took too long", request=request)


def _refuses(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody listens", request=request)


@pytest.mark.parametrize(
    "handler",
    [
        _times_out,
        _refuses,
        lambda _: httpx.Response(503, text="busy"),
        lambda _: httpx.Response(200, json={"data": "nonsense"}),
        lambda _: httpx.Response(200, text="nonsense"),
    ],
    ids=["timeout", "refused", "unavailable", "another shape", "no JSON"],
)
async def test_an_answer_that_cannot_be_had_is_no_no(
    handler: Callable[[httpx.Request], httpx.Response],
) -> None:
    async with answering(handler) as client:
        with pytest.raises(ActionError, match="BMP cannot be asked"):
            await confirmation(client).confirm(SEEN, since=NOW)
