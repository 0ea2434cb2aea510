"""A GCP to be tested against, and what is made to talk to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import httpx

from services.failover.policy.model import Site, Step, StepKind
from services.failover.providers.gcp.auth import Token
from services.failover.providers.gcp.cloud_router import CloudRouters, SiteRouter
from services.failover.providers.gcp.compute import RouterName
from services.failover.providers.gcp.connect import Connection, connect
from services.failover.providers.guard import Limits
from tests.fakes.gcp import LOCAL, REMOTE, TOKEN, FakeGcp, two_sites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.failover.providers.gcp.compute import Resource
    from tests.fakes.gcp_state import Change, Router

PREFIX = ip_network("203.0.113.0/24")
REQUEST_ID = "6f0d4a2e-0000-4000-8000-000000000001"
BASE = "https://compute.googleapis.com/compute/v1"
# Nobody waits so long, except for an answer that does not come.
QUICK = Limits(call_seconds=0.2, attempts=3, initial_backoff=0.0, max_backoff=0.0)
ADVERTISE_LOCAL, WITHDRAW_LOCAL = (
    Step(kind, Site.LOCAL) for kind in (StepKind.ADVERTISE, StepKind.WITHDRAW)
)
ADVERTISE_REMOTE = Step(StepKind.ADVERTISE, Site.REMOTE)
SITES = {
    Site.LOCAL: SiteRouter(RouterName(*LOCAL), PREFIX),
    Site.REMOTE: SiteRouter(RouterName(*REMOTE), PREFIX),
}


class Clock:
    """Time that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)  # others have their turn, as they would


async def fetch_token() -> Token:
    """A token that lasts."""
    return Token(TOKEN, datetime.max.replace(tzinfo=UTC))


@dataclass
class World:
    """Two sites; the local one announces. No request goes anywhere else."""

    fake: FakeGcp
    clock: Clock
    http: httpx.AsyncClient
    gcp: Connection
    told: list[Change] = field(default_factory=list)
    """What the routers told their peers."""

    @property
    def local(self) -> Router:
        return self.fake.state.routers[LOCAL]

    @property
    def remote(self) -> Router:
        return self.fake.state.routers[REMOTE]

    def writes(self) -> list[str]:
        """The requests that were to change something."""
        return [asked for asked in self.fake.asked if asked.startswith("PATCH")]

    def routers(self, **changed: Any) -> CloudRouters:
        """The actuator, of generation 42."""
        settings = {"generation": lambda: 42, "sleep": self.clock.sleep, "clock": self.clock}
        return CloudRouters(self.gcp.compute, SITES, **{**settings, **changed})


@asynccontextmanager
async def a_world(**limits: Any) -> AsyncIterator[World]:
    """A fake with two sites, and a client of it."""
    clock = Clock()
    told: list[Change] = []

    async def hook(change: Change) -> None:
        told.append(change)

    fake = FakeGcp(clock=clock, hook=hook)
    two_sites(fake, str(PREFIX))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=fake)) as http:
        gcp = connect(
            fetch_token,
            http=http,
            clock=clock,
            now=clock.now,
            registry=None,
            limits=Limits(**{**{f: getattr(QUICK, f) for f in QUICK.__slots__}, **limits}),
        )
        yield World(fake, clock, http, gcp, told)


def custom(*ranges: str, groups: tuple[str, ...] = ("ALL_SUBNETS",)) -> Resource:
    """The lists of a router or a peer of the mode CUSTOM."""
    return {
        "advertiseMode": "CUSTOM",
        "advertisedGroups": list(groups),
        "advertisedIpRanges": [{"range": one, "description": "kept"} for one in ranges],
    }
