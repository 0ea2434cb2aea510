"""What is wrong with token, account, permissions and selector is said before it matters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import REGISTRY

from services.failover.providers.cloudflare.preflight import check
from tests.failover.providers.cloudflare.harness import Clock, client_of, selector
from tests.fakes.cloudflare import TOKEN, FakeCloudflare, Token

if TYPE_CHECKING:
    from services.failover.providers.cloudflare.client import CloudflareClient
    from services.failover.providers.findings import Finding

OK, WARNING, FAULT = "ok", "warning", "fault"
NAMES = {
    "token": "the Cloudflare token",
    "account": "the Cloudflare account",
    "read": "the permission to read routes",
    "routes": "the routes of Magic Transit",
    "write": "the permission to write routes",
}


def outcome(finding: Finding) -> str:
    if finding.is_fault:
        return FAULT
    return WARNING if finding.is_warning else OK


async def checks(
    client: CloudflareClient, clock: Clock, **changed: Any
) -> tuple[dict[str, str], dict[str, str]]:
    """The outcomes, in their order, and the sentences, by name."""
    found = {
        finding.what: finding for finding in await check(client, selector(**changed), clock.now)
    }
    names = [name for name, what in NAMES.items() if what in found]
    assert [NAMES[name] for name in names] == list(found), "the order"
    outcomes = {name: outcome(found[NAMES[name]]) for name in names}
    return outcomes, {name: found[NAMES[name]].detail for name in names}


async def test_all_is_well_and_nothing_was_changed(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock
) -> None:
    before = {key: dict(row) for key, row in fake.routes.items()}
    outcomes, said = await checks(client, clock)
    assert outcomes == dict.fromkeys(NAMES, OK)
    assert "2 match: the routes to the local site are preferred" in said["routes"]
    assert fake.routes == before
    (put,) = [sent for sent in fake.requests if sent.method == "PUT"]
    assert put.query == "validate_only=true"


async def test_the_validated_update_would_change_nothing_even_if_it_were_done(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock
) -> None:
    await checks(client, clock)
    (put,) = [sent for sent in fake.requests if sent.method == "PUT"]
    assert b'"priority":100' in put.body
    assert b'"priority":200' in put.body


@pytest.mark.parametrize(("days", "outcome"), [(13, WARNING), (15, OK)])
async def test_a_token_that_expires_within_14_days_is_warned_of(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock, days: int, outcome: str
) -> None:
    expires_on = clock.now() + timedelta(days=days)
    fake.token.expires_on = f"{expires_on:%Y-%m-%dT%H:%M:%SZ}"
    outcomes, said = await checks(client, clock)
    assert outcomes == {**dict.fromkeys(NAMES, OK), "token": outcome}
    assert (f"expires on {expires_on:%Y-%m-%d}" in said["token"]) is (outcome == WARNING)
    metric = REGISTRY.get_sample_value("bgpilot_failover_cloudflare_token_expiry_seconds")
    assert metric == expires_on.timestamp()


@pytest.mark.parametrize("status", ["disabled", "expired"])
async def test_a_token_that_is_not_active_fails(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock, status: str
) -> None:
    fake.token.status = status
    outcomes, said = await checks(client, clock)
    assert outcomes["token"] == FAULT
    assert status in said["token"]


async def test_a_token_of_a_user_is_warned_of_since_the_dashboard_uses_its_limit_too(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock
) -> None:
    fake.token.owner = "user"
    outcomes, said = await checks(client, clock)
    assert outcomes == {**dict.fromkeys(NAMES, OK), "token": WARNING}
    assert "dashboard" in said["token"]


async def test_a_wrong_token_fails_and_is_not_repeated_in_what_is_said(clock: Clock) -> None:
    fake = FakeCloudflare(now=clock.now)
    async with client_of(fake, clock, token="another-token") as client:
        outcomes, said = await checks(client, clock)
    assert outcomes == {"token": FAULT, "read": FAULT}
    assert "CLOUDFLARE_API_TOKEN cannot be used" in said["token"]
    assert not any(token in f"{said}" for token in ("another-token", TOKEN))


async def test_an_account_without_magic_transit_is_told_by_code_1012(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock
) -> None:
    fake.has_magic_transit = False
    outcomes, said = await checks(client, clock)
    assert outcomes == {"token": OK, "account": FAULT}
    assert "CLOUDFLARE_ACCOUNT_ID" in said["account"]


@pytest.mark.parametrize(
    ("may", "expected", "failed"),
    [
        (frozenset({"read"}), {**dict.fromkeys(NAMES, OK), "write": FAULT}, "write"),
        (frozenset(), {"token": OK, "read": FAULT}, "read"),
    ],
)
async def test_a_token_without_a_permission_is_told_which_it_needs(
    clock: Clock,
    fake: FakeCloudflare,
    client: CloudflareClient,
    may: frozenset[str],
    expected: dict[str, str],
    failed: str,
) -> None:
    fake.token = Token(may=may)
    outcomes, said = await checks(client, clock)
    assert outcomes == expected
    assert "Magic Transit Write" in said[failed]


async def test_a_selector_without_matches_fails(client: CloudflareClient, clock: Clock) -> None:
    outcomes, said = await checks(client, clock, description_substring="nothing")
    assert outcomes == {"token": OK, "account": OK, "read": OK, "routes": FAULT}
    assert "'nothing' matches 0 routes" in said["routes"]


async def test_groups_that_tie_are_warned_of(
    fake: FakeCloudflare, client: CloudflareClient, clock: Clock
) -> None:
    fake.edit(next(iter(fake.routes)), priority=200)
    outcomes, said = await checks(client, clock)
    assert outcomes == {**dict.fromkeys(NAMES, OK), "routes": WARNING}
    assert "tied" in said["routes"]


@pytest.mark.parametrize(
    ("prefix", "priority", "takes"),
    [
        ("203.0.113.0/25", 900, True),
        ("203.0.113.0/24", 200, True),
        ("203.0.113.0/24", 201, False),
        ("203.0.112.0/23", 1, False),
        ("2001:db8::/32", 1, False),
    ],
)
async def test_a_route_of_others_that_takes_traffic_from_ours_is_warned_of(
    fake: FakeCloudflare,
    client: CloudflareClient,
    clock: Clock,
    prefix: str,
    priority: int,
    takes: bool,
) -> None:
    rival = fake.add(prefix, "10.9.9.9", priority, description="somebody else's")
    outcomes, said = await checks(client, clock)
    assert outcomes["routes"] == (WARNING if takes else OK)
    assert (f"{rival} {prefix} via 10.9.9.9 (somebody else's)" in said["routes"]) is takes
