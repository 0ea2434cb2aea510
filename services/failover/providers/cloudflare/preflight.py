"""Whether Cloudflare can be used as the settings say, found out without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError
from services.failover.providers.cloudflare import metrics
from services.failover.providers.cloudflare.provider import NOT_ONBOARDED
from services.failover.providers.cloudflare.selection import select
from services.failover.providers.faults import CallError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.failover.providers.cloudflare.client import CloudflareClient, Token
    from services.failover.providers.cloudflare.routes import Route
    from services.failover.providers.cloudflare.selection import Selector

EXPIRES_SOON = timedelta(days=14)


class Outcome(Enum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"
    """One before it failed, and it could find nothing out."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check, with one sentence on what it found and what to do."""

    name: str
    outcome: Outcome
    sentence: str


async def preflight(
    client: CloudflareClient, selector: Selector, now: Callable[[], datetime]
) -> list[Check]:
    """Token, account, read, routes and write, in this order; it never raises for what it finds."""
    checks = [await _token(client, now())]
    try:
        routes = await client.routes()
    except ActionError as error:
        return [*checks, *_unread(error)]
    checks += [
        Check("cloudflare account", Outcome.OK, "the account has Magic Transit"),
        Check("cloudflare read", Outcome.OK, f"{len(routes)} static routes can be read"),
        _routes(routes, selector),
        await _write(client, routes, selector),
    ]
    return checks


async def _token(client: CloudflareClient, now: datetime) -> Check:
    try:
        token = await client.token()
    except ActionError as error:
        return Check(
            "cloudflare token", Outcome.FAILED, f"CLOUDFLARE_API_TOKEN cannot be used: {error}"
        )
    if token.expires_on is not None:
        metrics.TOKEN_EXPIRY.set(token.expires_on.timestamp())
    return Check("cloudflare token", *_judged(token, now))


def _judged(token: Token, now: datetime) -> tuple[Outcome, str]:
    if token.status != "active":
        return Outcome.FAILED, f"CLOUDFLARE_API_TOKEN is {token.status}: make another"
    if token.expires_on is not None and token.expires_on - now < EXPIRES_SOON:
        return (
            Outcome.WARNING,
            f"CLOUDFLARE_API_TOKEN expires on {token.expires_on:%Y-%m-%d}: make another before",
        )
    if token.owner == "user":
        return (
            Outcome.WARNING,
            "CLOUDFLARE_API_TOKEN is a user's, and shares its limit of requests with the dashboard",
        )
    return Outcome.OK, "CLOUDFLARE_API_TOKEN is active and belongs to the account"


def _unread(error: ActionError) -> list[Check]:
    """What a list that could not be read says of the account and of the permission."""
    rest = [
        Check(f"cloudflare {name}", Outcome.SKIPPED, "the routes could not be read")
        for name in ("routes", "write")
    ]
    if isinstance(error, CallError) and f"{NOT_ONBOARDED}:" in error.said:
        account = Check(
            "cloudflare account",
            Outcome.FAILED,
            f"the account has no Magic Transit, or CLOUDFLARE_ACCOUNT_ID is another's: {error}",
        )
        read = Check("cloudflare read", Outcome.SKIPPED, "the account has no routes")
        return [account, read, *rest]
    refused = isinstance(error, CallError) and error.fault in (Fault.REFUSED, Fault.UNAUTHENTICATED)
    advice = (
        "; CLOUDFLARE_API_TOKEN needs Magic Transit Write for the account of CLOUDFLARE_ACCOUNT_ID"
        if refused
        else ""
    )
    account = Check("cloudflare account", Outcome.SKIPPED, "the routes could not be read")
    return [account, Check("cloudflare read", Outcome.FAILED, f"{error}{advice}"), *rest]


def _routes(routes: list[Route], selector: Selector) -> Check:
    try:
        groups = select(routes, selector)
    except ActionError as error:
        return Check("cloudflare routes", Outcome.FAILED, str(error))
    outcome = Outcome.OK if groups.preferred is not None else Outcome.WARNING
    return Check("cloudflare routes", outcome, f"{len(list(groups))} match: {groups.said()}")


async def _write(client: CloudflareClient, routes: list[Route], selector: Selector) -> Check:
    """Validates a bulk update of our rows as they are, so that even a done one changes nothing."""
    rows = [r.with_priority(r.own_priority) for r in routes if selector.matches(r)]
    if not rows:
        return Check("cloudflare write", Outcome.SKIPPED, "there is no route of ours to try it on")
    try:
        await client.validate(rows)
    except ActionError as error:
        return Check(
            "cloudflare write",
            Outcome.FAILED,
            f"{error}; CLOUDFLARE_API_TOKEN needs the permission Magic Transit Write",
        )
    return Check("cloudflare write", Outcome.OK, f"an update of {len(rows)} routes would be taken")
