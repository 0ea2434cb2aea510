"""Fixtures of the tests that talk to a fake Cloudflare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.failover.providers.cloudflare.harness import Clock, actuator_of, client_of, cloudflare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.failover.providers.cloudflare.actuator import CloudflareActuator
    from services.failover.providers.cloudflare.client import CloudflareClient
    from tests.fakes.cloudflare import FakeCloudflare


@pytest.fixture
def clock() -> Clock:
    """Time that stands still."""
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeCloudflare:
    """A Cloudflare that sends traffic to the local site."""
    return cloudflare(clock)


@pytest.fixture
async def client(fake: FakeCloudflare, clock: Clock) -> AsyncIterator[CloudflareClient]:
    """A client of it."""
    async with client_of(fake, clock) as client:
        yield client


@pytest.fixture
async def actuator(fake: FakeCloudflare, clock: Clock) -> AsyncIterator[CloudflareActuator]:
    """An actuator on it."""
    async with actuator_of(fake, clock) as actuator:
        yield actuator
