"""The requests as they go out, byte for byte, and what each answer means."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from services.failover.acting.actuator import ActionError, OutcomeUnknownError
from services.failover.acting.exchanges import recording
from services.failover.providers.cloudflare import client as client_module
from services.failover.providers.cloudflare.budget import HeldBackError, Purpose
from services.failover.providers.cloudflare.client import ORIGIN, CloudflareClient, connect
from services.failover.providers.cloudflare.selection import select
from services.failover.providers.faults import CallError, Fault
from shared.errors import ConfigurationError
from tests.failover.providers.cloudflare.harness import (
    NEXT_HOP,
    PRIORITIES,
    QUICK,
    REMOTE,
    Clock,
    selector,
)
from tests.fakes.cloudflare import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from services.failover.acting.exchanges import Exchange

BASE_URL = f"{ORIGIN}/client/v4"
ROUTES = f"{BASE_URL}/accounts/{ACCOUNT}/magic/routes"
LIST = b"""{"success":true,"errors":[],"messages":[],
 "result":{"routes":[{"id":"c4a7362d577a6c3019a474fd6f485821","prefix":"203.0.113.0/24",\
"nexthop":"10.0.0.1","priority":100,"weight":100,"description":"edge-primary GCP east",\
"created_on":"2017-06-14T00:00:00Z","modified_on":"2017-06-14T05:20:00Z"},
{"id":"d5b8362d577a6c3019a474fd6f485821","prefix":"203.0.113.0/24",\
"nexthop":"10.0.1.1","priority":200,"weight":100,"description":"edge-secondary GCP west",\
"created_on":"2017-06-14T00:00:00Z","modified_on":"2017-06-14T05:20:00Z"}]}}"""
BULK_UPDATE = (
    b'{"routes":[{"id":"c4a7362d577a6c3019a474fd6f485821","prefix":"203.0.113.0/24",'
    b'"nexthop":"10.0.0.1","priority":200,"weight":100,"description":"edge-primary GCP east"},'
    b'{"id":"d5b8362d577a6c3019a474fd6f485821","prefix":"203.0.113.0/24",'
    b'"nexthop":"10.0.1.1","priority":100,"weight":100,"description":"edge-secondary GCP west"}]}'
)
YES = b'{"success":true,"errors":[],"messages":[],"result":{"modified":true,"modified_routes":[]}}'
ROW: dict[str, object] = {"id": "c4a7", "prefix": "192.0.2.0/24", "nexthop": "10.0.0.1"}


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    """Cloudflare, where each answer is given by the test."""
    with respx.mock(assert_all_called=False) as api:
        yield api


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[CloudflareClient]:
    """A client of it."""
    async with httpx.AsyncClient() as http:
        yield connect(
            ACCOUNT,
            lambda: SecretStr("secret-token"),
            http=http,
            clock=clock,
            now=clock.now,
            limits=QUICK,
            registry=None,
        )


def no(code: int = 1012, message: str = "not onboarded", pointer: str = "") -> dict[str, Any]:
    """The envelope of a refusal."""
    error = {
        "code": code,
        "message": message,
        "documentation_url": "",
        "source": {"pointer": pointer},
    }
    return {"success": False, "errors": [error], "messages": [], "result": None}


async def test_the_list_is_one_get_with_the_token_and_without_a_body(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    listing = api.get(ROUTES).respond(content=LIST)
    routes = await client.routes()
    assert [(r.nexthop, r.priority) for r in routes] == [("10.0.0.1", 100), ("10.0.1.1", 200)]
    request = listing.calls.last.request
    assert request.headers["authorization"] == "Bearer secret-token"
    assert (str(request.url), request.content) == (ROUTES, b"")


async def test_a_bulk_update_is_one_put_of_full_rows_in_which_only_the_priority_is_another(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    api.get(ROUTES).respond(content=LIST)
    update = api.put(ROUTES).respond(content=YES)
    groups = select(await client.routes(), selector())
    await client.replace(groups.changes(REMOTE, PRIORITIES))
    request = update.calls.last.request
    assert (str(request.url), request.content) == (ROUTES, BULK_UPDATE)
    assert request.headers["content-type"] == "application/json"


async def test_a_validation_is_the_same_request_with_validate_only(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    api.get(ROUTES).respond(content=LIST)
    update = api.put(ROUTES, params={"validate_only": "true"}).respond(content=YES)
    groups = select(await client.routes(), selector())
    await client.validate(groups.changes(REMOTE, PRIORITIES))
    request = update.calls.last.request
    assert (str(request.url), request.content) == (f"{ROUTES}?validate_only=true", BULK_UPDATE)


def test_an_account_id_that_would_make_another_url_is_refused(clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="CLOUDFLARE_ACCOUNT_ID"):
        connect(
            "",
            lambda: SecretStr("token"),
            http=httpx.AsyncClient(),
            clock=clock,
            now=clock.now,
            registry=None,
        )


@pytest.mark.parametrize("rows", [[], [{"id": ""}], [ROW, {"prefix": "192.0.2.0/24"}]])
async def test_a_bulk_update_without_rows_or_ids_is_never_sent(
    client: CloudflareClient, rows: list[dict[str, object]]
) -> None:
    with pytest.raises(ValueError, match="needs rows"):
        await client.replace(rows)


def test_there_is_no_way_to_delete_anything() -> None:
    assert '"DELETE"' not in inspect.getsource(client_module)
    assert {name for name in vars(CloudflareClient) if not name.startswith("_")} == {
        "routes",
        "replacing",
        "replace",
        "validate",
        "validating",
        "token",
    }


async def test_success_false_with_status_200_is_an_error(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    update = api.put(ROUTES).respond(json=no(1012, "not onboarded", "/routes/0/priority"))
    with pytest.raises(CallError, match=r"1012: not onboarded \(/routes/0/priority\)") as raised:
        await client.replace([ROW])
    assert raised.value.fault is Fault.REFUSED
    assert update.call_count == 1
    assert not isinstance(raised.value, OutcomeUnknownError), "a no is a no"


@pytest.mark.parametrize(
    "result",
    [None, {}, {"routes": None}, [], {"routes": [{"id": "a"}]}, {"routes": [{**ROW, "id": ""}]}],
)
async def test_a_list_without_routes_in_it_is_an_error_and_not_an_empty_list(
    api: respx.MockRouter, client: CloudflareClient, result: object
) -> None:
    api.get(ROUTES).respond(json={"success": True, "errors": [], "result": result})
    with pytest.raises(ActionError, match="Cloudflare"):
        await client.routes()


async def test_a_list_with_one_id_twice_is_an_error(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    row = {**ROW, "priority": 100}
    api.get(ROUTES).respond(json={"success": True, "result": {"routes": [row, row]}})
    with pytest.raises(ActionError, match="two routes of one id"):
        await client.routes()


@pytest.mark.parametrize("answer", [{}, [], {"success": "yes"}, {"success": None}])
async def test_an_answer_that_does_not_say_whether_it_succeeded_leaves_a_write_in_doubt(
    api: respx.MockRouter, client: CloudflareClient, answer: object
) -> None:
    api.put(ROUTES).respond(json=answer)
    with pytest.raises(OutcomeUnknownError):
        await client.replace([ROW])


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524])
async def test_a_write_that_fails_on_their_side_is_in_doubt_and_not_sent_twice(
    api: respx.MockRouter, client: CloudflareClient, status: int
) -> None:
    update = api.put(ROUTES).respond(status, text="<html>")
    with pytest.raises(OutcomeUnknownError, match=f"status {status}.*not known"):
        await client.replace([ROW])
    assert update.call_count == 1


async def test_a_write_without_an_answer_is_in_doubt_and_not_sent_twice(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    update = api.put(ROUTES).mock(side_effect=httpx.ReadTimeout("slow"))
    with pytest.raises(OutcomeUnknownError):
        await client.replace([ROW])
    assert update.call_count == 1


async def test_a_read_that_fails_on_their_side_is_tried_again(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    listing = api.get(ROUTES).mock(
        side_effect=[httpx.Response(502), httpx.ReadTimeout(""), httpx.Response(200, content=LIST)]
    )
    assert len(await client.routes()) == 2
    assert listing.call_count == 3


@pytest.mark.parametrize(
    ("status", "fault"), [(400, Fault.REFUSED), (401, Fault.UNAUTHENTICATED), (403, Fault.REFUSED)]
)
async def test_what_is_refused_is_not_tried_again(
    api: respx.MockRouter, client: CloudflareClient, status: int, fault: Fault
) -> None:
    listing = api.get(ROUTES).respond(status, json=no(10_000, "Authentication error"))
    with pytest.raises(CallError, match="10000: Authentication error") as raised:
        await client.routes()
    assert (raised.value.fault, listing.call_count) == (fault, 1)


async def test_a_429_stops_all_calls_for_as_long_as_it_says(
    api: respx.MockRouter, client: CloudflareClient, clock: Clock
) -> None:
    listing = api.get(ROUTES).respond(429, json=no(971, "throttle"), headers={"retry-after": "299"})
    update = api.put(ROUTES).respond(content=YES)
    with pytest.raises(CallError, match="971: throttle") as raised:
        await client.routes()
    assert (raised.value.fault, raised.value.wait) == (Fault.BUSY, 299)
    with pytest.raises(HeldBackError, match="in 299 s"):
        await client.replace([ROW])
    assert (listing.call_count, update.call_count) == (1, 0)
    clock.seconds = 299
    await client.replace([ROW])


async def test_a_429_without_a_time_is_taken_for_the_block_of_five_minutes(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    listing = api.get(ROUTES).respond(429, json=no())
    with pytest.raises(CallError) as raised:
        await client.routes()
    assert (raised.value.wait, listing.call_count) == (300, 1)


async def test_few_requests_left_stop_what_watches_and_not_what_acts(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    headers = {"Ratelimit": '"default";r=3;t=30', "Ratelimit-Policy": '"burst";q=100;w=60'}
    api.get(ROUTES).respond(content=LIST, headers=headers)
    await client.routes()
    with pytest.raises(HeldBackError, match="takes 3 more"):
        await client.routes(Purpose.WATCH)
    assert len(await client.routes(Purpose.ACT)) == 2


async def test_each_attempt_counts_against_the_budget(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    api.get(ROUTES).respond(503)
    with pytest.raises(CallError):
        await client.routes()
    assert client._budget.remaining == 600 - QUICK.attempts


@pytest.mark.parametrize("owner", ["account", "user"])
async def test_a_token_is_looked_for_at_the_account_and_then_at_the_user(
    api: respx.MockRouter, client: CloudflareClient, owner: str
) -> None:
    urls = {
        "account": f"{BASE_URL}/accounts/{ACCOUNT}/tokens/verify",
        "user": f"{BASE_URL}/user/tokens/verify",
    }
    for url in urls.values():
        api.get(url).respond(401, json=no(1000, "Invalid API Token"))
    result = {"id": "ed17", "status": "active", "expires_on": "2026-12-01T00:00:00Z"}
    api.get(urls[owner]).respond(json={"success": True, "result": result})
    token = await client.token()
    assert (token.owner, token.status) == (owner, "active")
    assert token.expires_on == datetime(2026, 12, 1, tzinfo=UTC)


async def test_a_token_that_neither_knows_is_an_error(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    api.route().respond(401, json=no(1000, "Invalid API Token"))
    with pytest.raises(CallError, match="Invalid API Token"):
        await client.token()


@pytest.mark.parametrize("result", [None, {"id": "ed17"}, {"status": "active", "expires_on": "?"}])
async def test_an_answer_about_a_token_that_cannot_be_read_is_an_error(
    api: respx.MockRouter, client: CloudflareClient, result: object
) -> None:
    api.route().respond(json={"success": True, "result": result})
    with pytest.raises(ActionError, match="Cloudflare"):
        await client.token()


async def test_the_token_is_in_no_record_and_no_error(
    api: respx.MockRouter, client: CloudflareClient
) -> None:
    api.put(ROUTES).respond(json=no(1000, "secret-token is no good"), headers={"cf-ray": "8a-FRA"})
    exchanges: list[Exchange] = []
    with recording(exchanges.append), pytest.raises(CallError) as raised:
        await client.replace([{**ROW, "nexthop": NEXT_HOP[REMOTE]}])
    assert [exchange.ids for exchange in exchanges] == [{"ray": "8a-FRA"}]
    assert "secret-token" not in f"{raised.value}{exchanges}"


async def test_a_token_that_was_changed_where_it_is_kept_is_read_again_when_it_is_refused(
    api: respx.MockRouter, clock: Clock
) -> None:
    kept = iter(["old", "new"])
    api.get(ROUTES, headers={"authorization": "Bearer old"}).respond(401, json=no())
    api.get(ROUTES, headers={"authorization": "Bearer new"}).respond(content=LIST)
    async with httpx.AsyncClient() as http:
        client = connect(
            ACCOUNT,
            lambda: SecretStr(next(kept)),
            http=http,
            clock=clock,
            now=clock.now,
            registry=None,
        )
        assert len(await client.routes()) == 2
        assert len(await client.routes()) == 2


async def test_a_token_that_cannot_be_read_is_an_error_and_nothing_is_sent(
    api: respx.MockRouter, clock: Clock, tmp_path: Path
) -> None:
    async with httpx.AsyncClient() as http:
        client = connect(
            ACCOUNT,
            lambda: SecretStr((tmp_path / "token").read_text()),
            http=http,
            clock=clock,
            now=clock.now,
            limits=QUICK,
            registry=None,
        )
        with pytest.raises(CallError, match=r"token cannot be read: .*No such file") as raised:
            await client.replace([ROW])
    assert raised.value.fault is Fault.NO_TOKEN
    assert api.calls.call_count == 0
