"""Answers that are not as they should be: nothing is known then, and it is said why."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.failover.acting.actuator import ActionError
from services.failover.building import observers
from services.failover.cloud import connected
from services.failover.control.standing import Standing
from services.failover.policy.model import Health, Reading, Site, Step, StepKind
from services.failover.providers.cloudflare.actuator import CloudflareActuator
from services.failover.providers.cloudflare.selection import Priorities
from services.failover.providers.gcp.cloud_router import CloudRouters
from services.failover.repository.values import to_json
from shared.breaker import Registry
from shared.clients.routes import RoutesClient
from tests.failover.providers.gcp.harness import Clock
from tests.failover.providers.mangling import Mangle, Mangling
from tests.failover.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.failover.acting.actuator import Actuator

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
MANGLES = st.builds(
    Mangle, st.integers(0, 300), st.sampled_from(["other", "gone", "listed", "null"]), JSON
)
STEPS = {
    StepKind.ADVERTISE: Site.REMOTE,
    StepKind.WITHDRAW: Site.LOCAL,
    StepKind.PREFER: Site.REMOTE,
}


class Looked:
    """All that a service does with what the providers say, once."""

    def __init__(self, mangle: Mangle) -> None:
        self.world = World()
        self.world.gcp.state.operation_seconds = 0.0
        for way in self.world.transport._ways.values():
            # A fake that is given back what makes no sense fails as a server does.
            way.raise_app_exceptions = False
        self.mangled = Mangling(self.world.transport, mangle)
        self.settings = self.world.settings(circuit_breaker_threshold=1_000)
        self.readings: list[Reading] = []

    async def everything(self) -> None:
        async with (
            httpx.AsyncClient(transport=self.mangled) as http,
            httpx.AsyncClient(transport=self.mangled, base_url="http://routes.test") as routes,
        ):
            cloud = connected(self.settings, http=http, breakers=Registry(), generation=lambda: 1)
            for _, observer in observers(self.settings, cloud, RoutesClient(routes)):
                self.readings.append(await observer.read())
            standing = Standing(
                cloud.announcers,
                cloud.tunnels,
                expected_routes=None,
                max_routes=10,
                max_age=timedelta(),
                now=Clock().now,
            )
            if (posture := await standing.posture()) is not None:
                orjson.dumps(to_json(posture[0]), default=str)
            await cloud.preflight()
            clock = Clock()
            routers = CloudRouters(
                cloud.google.compute,
                cloud.sites,
                generation=lambda: 1,
                sleep=clock.sleep,
                clock=clock,
            )
            tunnels = CloudflareActuator(
                cloud.cloudflare, cloud.selector, Priorities(100, 200), sleep=clock.sleep
            )
            for kind, site in STEPS.items():
                acting = tunnels if kind is StepKind.PREFER else routers
                await self._step(acting, Step(kind, site))

    async def _step(self, actuator: Actuator, step: Step) -> None:
        for work in (
            actuator.verify(step),
            actuator.preview(step),
            actuator.rehearse(step),
            actuator.apply(step, request_id="6f0d4a2e-0000-4000-8000-000000000001"),
            actuator.verify(step),
        ):
            with contextlib.suppress(ActionError):
                await work


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MANGLES)
@example(Mangle(0, "other", []))
@example(Mangle(0, "null"))
def test_no_answer_however_odd_is_an_unexpected_error(mangle: Mangle) -> None:
    looked = Looked(mangle)
    asyncio.run(looked.everything())
    assert all(one.detail for one in looked.readings)


def first_reading(name: str, path: str, answer: Any) -> Reading:
    """What the observer of that name sees of the local site, where one path has that answer."""

    async def read() -> Reading:
        world = World()

        async def answering(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(path):
                return httpx.Response(200, json=answer)
            return await world.transport.handle_async_request(request)

        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answering)) as http,
            httpx.AsyncClient(
                transport=httpx.MockTransport(answering), base_url="http://routes.test"
            ) as routes,
        ):
            values = world.settings()
            cloud = connected(values, http=http, breakers=Registry(), generation=lambda: 1)
            all_of_them: Iterable[Any] = (
                observer for _, observer in observers(values, cloud, RoutesClient(routes))
            )
            found: Reading = await next(one for one in all_of_them if one.name == name).read()
            return found

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("name", "path", "answer", "why"),
    [
        ("gcp_backends", "/backendServices", [], "the answer is [], and not an object"),
        ("gcp_backends", "/backendServices", {"items": {}}, "items is {}, and not a list"),
        ("gcp_backends", "/backendServices", {"items": [None]}, "items[0] is None, and not an"),
        ("gcp_backends", "/backendServices", {"items": [{}]}, "items[0] has no name"),
        ("gcp_backends", "/backendServices", {"items": None}, "items is None, and not a list"),
        ("gcp_backends", "/backendServices", {"nextPageToken": 5}, "nextPageToken is 5, and not"),
        ("gcp_backends", "/backendServices", {"warning": "no"}, "warning is 'no', and not an"),
        ("gcp_backends", "/getHealth", {"healthStatus": [7]}, "healthStatus[0] is 7, and not an"),
        (
            "gcp_backends",
            "/getHealth",
            {"healthStatus": [{"healthState": ["HEALTHY"]}]},
            "healthStatus[0].healthState is ['HEALTHY'], and not text",
        ),
        ("gcp_bgp", "/getRouterStatus", {"result": None}, "result is None, and not an object"),
        ("gcp_bgp", "/getRouterStatus", {}, "the answer has no result"),
        (
            "gcp_bgp",
            "/getRouterStatus",
            {"result": {"bgpPeerStatus": {"name": "a"}}},
            "result.bgpPeerStatus is {'name': 'a'}, and not a list",
        ),
        (
            "gcp_bgp",
            "/getRouterStatus",
            {"result": {"bgpPeerStatus": [{"name": "a", "status": True}]}},
            "result.bgpPeerStatus[0].status is True, and not text",
        ),
        ("bmp_prefix", "/routes", {"data": 5}, "does not answer as this version"),
        ("bmp_peer", "/peers", [], "does not answer as this version"),
    ],
)
def test_what_makes_no_sense_is_unknown_and_says_where(
    name: str, path: str, answer: Any, why: str
) -> None:
    reading = first_reading(name, path, answer)
    assert reading.health is Health.UNKNOWN
    assert why in reading.detail
