"""The requests that go to GCP, byte for byte, and what each of its answers leads to."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx

from services.failover.acting.actuator import OutcomeUnknownError
from services.failover.policy.model import Site, Step, StepKind
from services.failover.providers.faults import CallError, Fault, verdict, wait
from services.failover.providers.gcp.cloud_router import CloudRouters, SiteRouter
from services.failover.providers.gcp.compute import RouterName
from services.failover.providers.gcp.connect import connect
from services.failover.providers.gcp.provider import RATE_LIMIT_SECONDS
from services.failover.providers.guard import Limits
from shared.breaker import Verdict
from tests.failover.providers.gcp.harness import BASE, PREFIX, REQUEST_ID, Clock, fetch_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.failover.providers.gcp.connect import Connection

EAST = RouterName("p", "us-east1", "rt-east")
ROUTER = f"{BASE}/projects/p/regions/us-east1/routers/rt-east"
SERVICES = f"{BASE}/projects/p/regions/us-east1/backendServices"
GROUP = "https://www.googleapis.com/compute/v1/projects/p/zones/us-east1-b/instanceGroups/web-ig"
DONE = {"kind": "compute#operation", "name": "op", "status": "DONE"}


@asynccontextmanager
async def gcp() -> AsyncIterator[Connection]:
    clock = Clock()
    limits = Limits(attempts=2, initial_backoff=0.0, max_backoff=0.0)
    async with httpx.AsyncClient() as http:
        yield connect(
            fetch_token, http=http, clock=clock, now=clock.now, registry=None, limits=limits
        )


def actuator(connection: Connection) -> CloudRouters:
    clock = Clock()
    sites = {
        Site.LOCAL: SiteRouter(EAST, PREFIX),
        Site.REMOTE: SiteRouter(RouterName("p", "us-west1", "rt-west"), PREFIX),
    }
    return CloudRouters(
        connection.compute, sites, generation=lambda: 42, sleep=clock.sleep, clock=clock
    )


def router(*ranges: tuple[str, str]) -> dict[str, Any]:
    listed = [{"range": one, "description": description} for one, description in ranges]
    bgp = {"advertiseMode": "CUSTOM", "advertisedGroups": ["ALL_SUBNETS"]}
    return {"bgp": {"asn": 64514, **bgp, "advertisedIpRanges": listed}}


async def patched(step: Step, before: dict[str, Any], after: dict[str, Any]) -> httpx.Request:
    """The one PATCH that a step makes of a router that is like this before, and after."""
    with respx.mock:
        respx.get(ROUTER).mock(
            side_effect=[httpx.Response(200, json=before), httpx.Response(200, json=after)]
        )
        write = respx.patch(url__startswith=ROUTER).respond(json=DONE)
        async with gcp() as connection:
            await actuator(connection).apply(step, request_id=REQUEST_ID)
        [call] = write.calls
        return call.request


async def test_the_patch_that_announces() -> None:
    others = ("198.51.100.0/24", "kept")
    request = await patched(
        Step(StepKind.ADVERTISE, Site.LOCAL),
        router(others),
        router(others, (str(PREFIX), "fo:gen=42")),
    )
    assert str(request.url) == f"{ROUTER}?requestId={REQUEST_ID}"
    assert request.content == (
        b'{"bgp":{"advertiseMode":"CUSTOM","advertisedGroups":["ALL_SUBNETS"],'
        b'"advertisedIpRanges":[{"range":"198.51.100.0/24","description":"kept"},'
        b'{"range":"203.0.113.0/24","description":"fo:gen=42"}]}}'
    )
    assert request.headers["authorization"] == "Bearer fake-token"
    assert request.headers["content-type"] == "application/json"


async def test_the_patch_that_withdraws_the_last_range() -> None:
    request = await patched(
        Step(StepKind.WITHDRAW, Site.LOCAL), router((str(PREFIX), "fo:gen=41")), router()
    )
    assert request.content == (
        b'{"bgp":{"advertiseMode":"CUSTOM","advertisedGroups":["ALL_SUBNETS"],'
        b'"advertisedIpRanges":[]}}'
    )


@respx.mock
async def test_the_health_of_a_group_is_asked_with_a_post_of_its_url_as_it_is() -> None:
    route = respx.post(f"{SERVICES}/web/getHealth").respond(json={"healthStatus": []})
    async with gcp() as connection:
        await connection.compute.backend_health("p", "us-east1", "web", GROUP)
    assert route.calls.last.request.content == f'{{"group":"{GROUP}"}}'.encode()


@respx.mock
async def test_global_services_have_a_path_of_their_own() -> None:
    base = f"{BASE}/projects/p/global/backendServices"
    respx.get(base).respond(json={})
    respx.post(f"{base}/web/getHealth").respond(json={})
    async with gcp() as connection:
        assert (await connection.compute.backend_services("p", "global")).items == ()
        await connection.compute.backend_health("p", "global", "web", GROUP)


@respx.mock
async def test_a_list_is_read_page_by_page_to_its_end() -> None:
    respx.get(SERVICES, params={"pageToken": "t/2"}).respond(json={"items": [{"name": "b"}]})
    first = {"items": [{"name": "a"}], "nextPageToken": "t/2"}
    respx.get(SERVICES).respond(json=first)
    async with gcp() as connection:
        listing = await connection.compute.backend_services("p", "us-east1")
    assert [item["name"] for item in listing.items] == ["a", "b"]
    assert listing.missing is None


@respx.mock
async def test_a_warning_on_any_page_makes_a_list_partial() -> None:
    respx.get(SERVICES, params={"pageToken": "2"}).respond(json={"items": [{"name": "b"}]})
    first = {"warning": {"code": "UNREACHABLE"}, "nextPageToken": "2"}
    respx.get(SERVICES).respond(json=first)
    async with gcp() as connection:
        assert (await connection.compute.backend_services("p", "us-east1")).missing == "UNREACHABLE"


@respx.mock
async def test_a_list_that_never_ends_is_partial() -> None:
    route = respx.get(SERVICES).respond(json={"nextPageToken": "again"})
    async with gcp() as connection:
        listing = await connection.compute.backend_services("p", "us-east1")
    assert listing.missing == "more than 100 pages"
    assert route.call_count == 100


@pytest.mark.parametrize("answer", [[], "text", None, {"kind": "compute#routerStatusResponse"}])
@respx.mock
async def test_an_answer_of_another_shape_is_an_error(answer: object) -> None:
    respx.get(f"{ROUTER}/getRouterStatus").respond(json=answer)
    async with gcp() as connection:
        with pytest.raises(CallError) as failed:
            await connection.compute.router_status(EAST)
    assert failed.value.fault is Fault.NONSENSE


@respx.mock
async def test_an_answer_of_another_shape_to_a_write_leaves_doubt() -> None:
    respx.patch(url__startswith=ROUTER).respond(json=[])
    async with gcp() as connection:
        with pytest.raises(OutcomeUnknownError):
            await connection.compute.patch(EAST, {}, REQUEST_ID)


# ---- the retry table


def error(code: int, message: str, reason: str = "", info: str = "") -> httpx.Response:
    """An error as GCP writes it."""
    body: dict[str, Any] = {"code": code, "message": message}
    if reason:
        body["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    if info:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        body["details"] = [{"@type": kind, "reason": info, "domain": "googleapis.com"}]
    return httpx.Response(code, json={"error": body})


QUOTA = (
    "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of "
    "service 'compute.googleapis.com'"
)
CONCURRENT = error(403, "Too many operations", info="CONCURRENT_OPERATIONS_QUOTA_EXCEEDED")

TABLE = [
    (error(408, "slow"), Fault.TRANSIENT, True, Verdict.FAILURE),
    (error(429, "slow down"), Fault.BUSY, True, Verdict.IGNORED),
    (error(500, "broken", "backendError"), Fault.TRANSIENT, True, Verdict.FAILURE),
    (httpx.Response(502, text="<html>Bad Gateway"), Fault.TRANSIENT, True, Verdict.FAILURE),
    (error(503, "later"), Fault.TRANSIENT, True, Verdict.FAILURE),
    (httpx.Response(504), Fault.TRANSIENT, True, Verdict.FAILURE),
    (error(403, QUOTA, "rateLimitExceeded"), Fault.BUSY, RATE_LIMIT_SECONDS, Verdict.IGNORED),
    (error(403, "Slow", "x", "RATE_LIMIT_EXCEEDED"), Fault.BUSY, 30.0, Verdict.IGNORED),
    (error(403, QUOTA), Fault.BUSY, RATE_LIMIT_SECONDS, Verdict.IGNORED),
    (CONCURRENT, Fault.BUSY, True, Verdict.IGNORED),
    (error(400, "Not ready", "resourceNotReady"), Fault.CONFLICT, False, Verdict.SUCCESS),
    (error(400, "x: resourceNotReady"), Fault.CONFLICT, False, Verdict.SUCCESS),
    (error(409, "Busy", "operationInProgress"), Fault.CONFLICT, False, Verdict.SUCCESS),
    (error(412, "Changed", "conditionNotMet"), Fault.CONFLICT, False, Verdict.SUCCESS),
    (error(400, "Bad", "invalid"), Fault.REFUSED, False, Verdict.SUCCESS),
    (error(401, "Who?", "authError"), Fault.UNAUTHENTICATED, False, Verdict.FAILURE),
    (error(403, "You may not", "forbidden"), Fault.REFUSED, False, Verdict.SUCCESS),
    (
        error(403, "Quota exceeded for disks", "quotaExceeded"),
        Fault.REFUSED,
        False,
        Verdict.SUCCESS,
    ),
    (error(404, "Not found", "notFound"), Fault.REFUSED, False, Verdict.SUCCESS),
    (error(409, "There is one", "alreadyExists"), Fault.REFUSED, False, Verdict.SUCCESS),
    (httpx.Response(302, headers={"location": "/"}), Fault.NONSENSE, True, Verdict.FAILURE),
]


def label(value: object) -> str:
    """What a row of the table is called."""
    if isinstance(value, httpx.Response):
        return f"{value.status_code} {value.text[:60]}"
    return getattr(value, "value", str(value))


@pytest.mark.parametrize(("answer", "fault", "again", "said"), TABLE, ids=label)
@respx.mock
async def test_what_an_answer_leads_to(
    answer: httpx.Response, fault: Fault, again: bool | float, said: Verdict
) -> None:
    route = respx.get(ROUTER).mock(return_value=answer)
    async with gcp() as connection:
        with pytest.raises(CallError) as failed:
            await connection.compute.router(EAST)
    found = failed.value
    assert (found.fault, wait(found), verdict(found)) == (fault, again, said)
    assert route.call_count == (2 if again else 1)
    assert str(answer.status_code) in str(found)


@pytest.mark.parametrize(("answer", "fault", "again", "said"), TABLE, ids=label)
@respx.mock
async def test_what_it_leads_to_after_a_write(
    answer: httpx.Response, fault: Fault, again: bool | float, said: Verdict
) -> None:
    route = respx.patch(url__startswith=ROUTER).mock(return_value=answer)
    async with gcp() as connection:
        with pytest.raises(CallError) as failed:
            await connection.compute.patch(EAST, {}, REQUEST_ID)
    doubtful = fault in (Fault.TRANSIENT, Fault.NONSENSE)
    assert isinstance(failed.value, OutcomeUnknownError) is doubtful
    assert route.call_count == (2 if fault is Fault.BUSY else 1)


@respx.mock
async def test_an_error_is_one_sentence_with_all_that_one_needs() -> None:
    respx.get(ROUTER).mock(
        return_value=error(403, "Required 'compute.routers.get' permission.", "forbidden")
    )
    async with gcp() as connection:
        with pytest.raises(CallError) as failed:
            await connection.compute.router(EAST)
    assert str(failed.value) == (
        "GCP routers.get of rt-east failed with status 403: "
        "Required 'compute.routers.get' permission. (forbidden)"
    )
