"""Two sites at a fake GCP and a fake Cloudflare, and a routes service that sees what they announce.

Nothing listens: requests are taken to the fakes by the host in their URL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.contracts.envelope import Envelope, Meta
from shared.contracts.routes import RouteBody, RoutePeer
from tests.failover.configured import configured
from tests.fakes import cloudflare, gcp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from services.failover.settings import FailoverSettings
    from tests.fakes.gcp_state import Change

PREFIX = "203.0.113.0/24"
PEERS = {"us-east1": "192.0.2.1", "us-west1": "192.0.2.2"}


class ByHost(httpx.AsyncBaseTransport):
    """Takes each request to the app of its host."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._ways = {host: httpx.ASGITransport(app) for host, app in apps.items()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._ways[request.url.host].handle_async_request(request)


class World:
    """What the failover service sees and moves."""

    def __init__(self) -> None:
        self.gcp = gcp.FakeGcp(hook=self._hear)
        gcp.two_sites(self.gcp, PREFIX)
        self.cloudflare = cloudflare.FakeCloudflare()
        cloudflare.two_sites(self.cloudflare, PREFIX)
        self.seen: dict[str, RouteBody] = {}
        """By peer, what routers have said last of the prefix from it."""
        self.deaf = False
        """Whether the routers say nothing any more."""
        self.transport = ByHost(
            {
                "gcp.test": self.gcp,
                "cloudflare.test": self.cloudflare,
                "routes.test": Starlette(
                    routes=[
                        Route("/api/v1/routes", self._routes),
                        Route("/api/v1/peers", lambda _: Response(status_code=503)),
                    ]
                ),
            }
        )
        for region in PEERS:
            self._saw(region, announced=region == "us-east1")

    def settings(self, **changed: Any) -> FailoverSettings:
        """Those of a service in this world, which believes what it sees at once."""
        return configured(
            **{
                "gcp_project": gcp.PROJECT,
                "cloudflare_account_id": cloudflare.ACCOUNT,
                "cloudflare_api_token": cloudflare.TOKEN,
                "failover_gcp_url": "http://gcp.test",
                "failover_cloudflare_url": "http://cloudflare.test",
                "failover_routes_url": "http://routes.test",
                "failover_rise": 1,
                "failover_fall": 1,
                "failover_quorum": 1,
                "failover_hold_down_seconds": 0,
                "failover_warm_up_cycles": 0,
                "failover_min_interval_seconds": 0,
                "check_interval_seconds": 2,
                "max_retries": 0,
                "failover_call_seconds": 1,
                "failover_observer_seconds": 1.5,
                "failover_step_seconds": 2,
                "failover_confirm_seconds": 2,
            }
            | changed
        )

    def break_site(self, region: str) -> None:
        """Its backends fail."""
        self.gcp.state.set_health(gcp.group(gcp.PROJECT, region), ["UNHEALTHY", "UNHEALTHY"])

    def mend_site(self, region: str) -> None:
        """They are well again."""
        self.gcp.state.set_health(gcp.group(gcp.PROJECT, region), ["HEALTHY", "HEALTHY"])

    def traffic(self) -> tuple[list[str], dict[str, float]]:
        """From where routers see the prefix, and where Cloudflare sends the traffic."""
        seen = sorted(peer for peer, route in self.seen.items() if route.state == "active")
        return seen, self.cloudflare.traffic(PREFIX)

    async def _hear(self, change: Change) -> None:
        if not self.deaf:
            self._saw(change.region, announced=change.announced)

    def _saw(self, region: str, *, announced: bool) -> None:
        self.seen[PEERS[region]] = _route(PEERS[region], "active" if announced else "withdrawn")

    async def _routes(self, request: Request) -> Response:
        wanted = request.query_params.getlist("peer") or list(self.seen)
        state = request.query_params["state"]
        data = [
            route
            for peer, route in self.seen.items()
            if peer in wanted and state in ("all", route.state)
        ]
        meta = Meta(count=len(data), data_as_of=datetime.now(UTC))
        answer = Envelope[list[RouteBody]](data=data, meta=meta)
        return JSONResponse(answer.model_dump(mode="json"))


def _route(peer: str, state: Any) -> RouteBody:
    now = datetime.now(UTC)
    return RouteBody(
        prefix=PREFIX,
        path_id=None,
        family="ipv4_unicast",
        router="upstream",
        router_id=1,
        peer=RoutePeer(id=1, address=peer, asn=64514),
        rib="adj_in_post",
        state=state,
        next_hop=peer,
        origin="igp",
        origin_asn=64514,
        as_path=[64514],
        as_path_str="64514",
        med=100,
        local_pref=None,
        communities=[],
        large_communities=[],
        ext_communities=[],
        aggregator=None,
        atomic_aggregate=False,
        originator_id=None,
        cluster_list=[],
        others={},
        rpki=None,
        first_seen=now,
        last_updated=now,
        last_confirmed=now,
        withdrawn_at=None if state == "active" else now,
        age_s=0.0,
    )
