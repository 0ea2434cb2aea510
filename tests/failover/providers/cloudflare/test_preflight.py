"""What is wrong with token, account, permissions and selector is said before it matters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import REGISTRY

from services.failover.providers.cloudflare.preflight import Check, Outcome, preflight
from tests.failover.providers.cloudflare.harness import Clock, client_of, selector
from tests.fakes.cloudflare import TOKEN, CloudflareFake, Token

if TYPE_CHECKING:
    from services.failover.providers.cloudflare.client import CloudflareClient

OK, WARNING, FAILED, SKIPPED = Outcome
NAMES = ["token", "account", "read", "routes", "write"]


async def checks(
    client: CloudflareClient, clock: Clock, **changed: Any
) -> tuple[list[Outcome], dict[str, str]]:
    """The outcomes in their order, and the sentences by name."""
    found: list[Check] = await preflight(client, selector(**changed), clock.now)
    assert [check.name for check in found] == [f"cloudflare {name}" for name in NAMES]
    sentences = {name: check.sentence for name, check in zip(NAMES, found, strict=True)}
    return [check.outcome for check in found], sentences


async def test_all_is_well_and_nothing_was_changed(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock
) -> None:
    before = {key: dict(row) for key, row in fake.routes.items()}
    outcomes, said = await checks(client, clock)
    assert outcomes == [OK] * 5
    assert "2 match: the routes to the local site are preferred" in said["routes"]
    assert fake.routes == before
    (put,) = [sent for sent in fake.requests if sent.method == "PUT"]
    assert put.query == "validate_only=true"


async def test_the_validated_update_would_change_nothing_even_if_it_were_done(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock
) -> None:
    await checks(client, clock)
    (put,) = [sent for sent in fake.requests if sent.method == "PUT"]
    assert b'"priority":100' in put.body
    assert b'"priority":200' in put.body


@pytest.mark.parametrize(("days", "outcome"), [(13, WARNING), (15, OK)])
async def test_a_token_that_expires_within_14_days_is_warned_of(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock, days: int, outcome: Outcome
) -> None:
    expires_on = clock.now() + timedelta(days=days)
    fake.token.expires_on = f"{expires_on:%Y-%m-%dT%H:%M:%SZ}"
    outcomes, said = await checks(client, clock)
    assert outcomes == [outcome, OK, OK, OK, OK]
    assert (f"expires on {expires_on:%Y-%m-%d}" in said["token"]) is (outcome is WARNING)
    metric = REGISTRY.get_sample_value("bgpilot_failover_cloudflare_token_expiry_seconds")
    assert metric == expires_on.timestamp()


@pytest.mark.parametrize("status", ["disabled", "expired"])
async def test_a_token_that_is_not_active_fails(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock, status: str
) -> None:
    fake.token.status = status
    outcomes, said = await checks(client, clock)
    assert outcomes[0] is FAILED
    assert status in said["token"]


async def test_a_token_of_a_user_is_warned_of_since_the_dashboard_uses_its_limit_too(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock
) -> None:
    fake.token.owner = "user"
    outcomes, said = await checks(client, clock)
    assert outcomes == [WARNING, OK, OK, OK, OK]
    assert "dashboard" in said["token"]


async def test_a_wrong_token_fails_and_is_not_repeated_in_what_is_said(clock: Clock) -> None:
    fake = CloudflareFake(now=clock.now)
    async with client_of(fake, clock, token="another-token") as client:
        outcomes, said = await checks(client, clock)
    assert outcomes == [FAILED, SKIPPED, FAILED, SKIPPED, SKIPPED]
    assert "CLOUDFLARE_API_TOKEN cannot be used" in said["token"]
    assert not any(token in f"{said}" for token in ("another-token", TOKEN))


async def test_an_account_without_magic_transit_is_told_by_code_1012(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock
) -> None:
    fake.has_magic_transit = False
    outcomes, said = await checks(client, clock)
    assert outcomes == [OK, FAILED, SKIPPED, SKIPPED, SKIPPED]
    assert "CLOUDFLARE_ACCOUNT_ID" in said["account"]


@pytest.mark.parametrize(
    ("may", "expected", "failed"),
    [
        (frozenset({"read"}), [OK, OK, OK, OK, FAILED], "write"),
        (frozenset(), [OK, SKIPPED, FAILED, SKIPPED, SKIPPED], "read"),
    ],
)
async def test_a_token_without_a_permission_is_told_which_it_needs(
    clock: Clock,
    fake: CloudflareFake,
    client: CloudflareClient,
    may: frozenset[str],
    expected: list[Outcome],
    failed: str,
) -> None:
    fake.token = Token(may=may)
    outcomes, said = await checks(client, clock)
    assert outcomes == expected
    assert "Magic Transit Write" in said[failed]


async def test_a_selector_without_matches_fails(client: CloudflareClient, clock: Clock) -> None:
    outcomes, said = await checks(client, clock, description_substring="nothing")
    assert outcomes == [OK, OK, OK, FAILED, SKIPPED]
    assert "'nothing' matches 0 routes" in said["routes"]


async def test_groups_that_tie_are_warned_of(
    fake: CloudflareFake, client: CloudflareClient, clock: Clock
) -> None:
    fake.edit(next(iter(fake.routes)), priority=200)
    outcomes, said = await checks(client, clock)
    assert outcomes == [OK, OK, OK, WARNING, OK]
    assert "tied" in said["routes"]
