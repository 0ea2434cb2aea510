"""A fake Cloudflare with two routes of ours, one that is not, and a client of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from services.failover.policy.model import Site, Step, StepKind
from services.failover.providers.cloudflare.actuator import CloudflareActuator
from services.failover.providers.cloudflare.client import CloudflareClient, connect
from services.failover.providers.cloudflare.routes import Route, parse
from services.failover.providers.cloudflare.selection import Priorities, Selector
from services.failover.providers.guard import Limits
from tests.fakes.cloudflare import ACCOUNT, TOKEN, FakeCloudflare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOCAL, REMOTE = Site.LOCAL, Site.REMOTE
PREFIX = "203.0.113.0/24"
NEXT_HOP = {LOCAL: "10.0.0.1", REMOTE: "10.0.1.1"}
PRIORITIES = Priorities(preferred=100, other=200)
TO_LOCAL = Step(StepKind.PREFER, LOCAL)
TO_REMOTE = Step(StepKind.PREFER, REMOTE)
# One attempt that waits for an answer takes so long; nothing waits between attempts.
QUICK = Limits(call_seconds=0.2, attempts=3, initial_backoff=0.0, max_backoff=0.0)


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        """The time of day."""
        return datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=self.seconds)


async def at_once(_: float) -> None:
    """A pause that takes no time."""


def selector(**changed: Any) -> Selector:
    """The selector of these tests."""
    next_hops = {site: ip_address(hop) for site, hop in NEXT_HOP.items()}
    return Selector(**{"description_substring": "edge-", "next_hops": next_hops, **changed})


def route(number: int, nexthop: str, priority: int, description: str | None = "edge-") -> Route:
    """A route as read."""
    return parse(
        {
            "id": f"id{number}",
            "prefix": PREFIX,
            "nexthop": nexthop,
            "priority": priority,
            "description": description,
        }
    )


def cloudflare(clock: Clock, **state: Any) -> FakeCloudflare:
    """Traffic goes to the local site; a third route is somebody else's."""
    fake = FakeCloudflare(now=clock.now, **state)
    scope = {"colo_names": ["den01"], "colo_regions": ["APAC"]}
    fake.add(PREFIX, NEXT_HOP[LOCAL], 100, description="edge-primary GCP east", scope=scope)
    fake.add(PREFIX, NEXT_HOP[REMOTE], 200, description="edge-secondary GCP west", weight=7)
    fake.add("198.51.100.0/24", "10.9.9.9", 100)
    return fake


@asynccontextmanager
async def client_of(
    fake: FakeCloudflare, clock: Clock, *, token: str = TOKEN, limits: Limits = QUICK
) -> AsyncIterator[CloudflareClient]:
    """A client that talks to the fake."""
    transport = httpx.ASGITransport(app=fake)
    async with httpx.AsyncClient(transport=transport) as http:
        yield connect(
            ACCOUNT,
            lambda: SecretStr(token),
            http=http,
            clock=clock,
            now=clock.now,
            limits=limits,
            registry=None,
        )


@asynccontextmanager
async def actuator_of(
    fake: FakeCloudflare, clock: Clock, *, landing: float = 120.0, **changed: Any
) -> AsyncIterator[CloudflareActuator]:
    """An actuator that acts on the fake."""
    async with client_of(fake, clock) as client:
        yield CloudflareActuator(
            client, selector(**changed), PRIORITIES, landing=landing, sleep=at_once
        )
