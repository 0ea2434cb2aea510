"""Whether Cloudflare can be used as the settings say, found out without changing anything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError
from services.failover.providers.cloudflare import metrics
from services.failover.providers.cloudflare.provider import NOT_ONBOARDED
from services.failover.providers.cloudflare.selection import named, rivals, select
from services.failover.providers.faults import CallError, Fault
from services.failover.providers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.failover.providers.cloudflare.client import CloudflareClient, Token
    from services.failover.providers.cloudflare.routes import Route
    from services.failover.providers.cloudflare.selection import Selector

EXPIRES_SOON = timedelta(days=14)
TOKEN, READ, WRITE = (
    "the Cloudflare token",
    "the permission to read routes",
    "the permission to write routes",
)
_ADVICE = (
    "; CLOUDFLARE_API_TOKEN needs Magic Transit Write for the account of CLOUDFLARE_ACCOUNT_ID"
)


async def check(
    client: CloudflareClient, selector: Selector, now: Callable[[], datetime]
) -> list[Finding]:
    """Token, account, read, routes and write: everything that is found, faults and facts.

    What cannot be looked at for want of what comes before it is left out.
    """
    findings = [await _token(client, now())]
    try:
        routes = await client.routes()
    except ActionError as error:
        return [*findings, _unread(error)]
    findings += [
        Finding("the Cloudflare account", False, "it has Magic Transit"),
        Finding(READ, False, f"{len(routes)} static routes can be read"),
        _routes(routes, selector),
    ]
    if ours := [route for route in routes if selector.matches(route)]:
        findings.append(await _write(client, ours))
    return findings


async def _token(client: CloudflareClient, now: datetime) -> Finding:
    try:
        token = await client.token()
    except ActionError as error:
        return Finding(TOKEN, True, f"CLOUDFLARE_API_TOKEN cannot be used: {error}")
    if token.expires_on is not None:
        metrics.TOKEN_EXPIRY.set(token.expires_on.timestamp())
    return _judged(token, now)


def _judged(token: Token, now: datetime) -> Finding:
    if token.status != "active":
        return Finding(TOKEN, True, f"CLOUDFLARE_API_TOKEN is {token.status}: make another")
    if token.expires_on is not None and token.expires_on - now < EXPIRES_SOON:
        said = f"CLOUDFLARE_API_TOKEN expires on {token.expires_on:%Y-%m-%d}: make another before"
        return Finding(TOKEN, False, said, is_warning=True)
    if token.owner == "user":
        said = (
            "CLOUDFLARE_API_TOKEN is a user's, and shares its limit of requests with the dashboard"
        )
        return Finding(TOKEN, False, said, is_warning=True)
    return Finding(TOKEN, False, "CLOUDFLARE_API_TOKEN is active and belongs to the account")


def _unread(error: ActionError) -> Finding:
    """What a list that could not be read says of the account, or of the permission."""
    if isinstance(error, CallError) and f"{NOT_ONBOARDED}:" in error.said:
        said = f"it has no Magic Transit, or CLOUDFLARE_ACCOUNT_ID is another's: {error}"
        return Finding("the Cloudflare account", True, said)
    refused = isinstance(error, CallError) and error.fault in (Fault.REFUSED, Fault.UNAUTHENTICATED)
    return Finding(READ, True, f"{error}{_ADVICE}" if refused else str(error))


def _routes(routes: list[Route], selector: Selector) -> Finding:
    what = "the routes of Magic Transit"
    try:
        groups = select(routes, selector)
    except ActionError as error:
        return Finding(what, True, str(error))
    said = f"{len(list(groups))} match: {groups.said()}"
    if taking := rivals(routes, groups):
        said += f"; other routes take traffic from them, whatever is preferred: {named(taking)}"
    return Finding(what, False, said, is_warning=groups.preferred is None or bool(taking))


async def _write(client: CloudflareClient, ours: list[Route]) -> Finding:
    """Validates an update of our rows as they are, so that even a done one changes nothing."""
    try:
        await client.validate([route.with_priority(route.own_priority) for route in ours])
    except ActionError as error:
        return Finding(WRITE, True, f"{error}{_ADVICE}")
    return Finding(WRITE, False, f"an update of {len(ours)} routes would be taken")
