"""A fake GCP for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.failover.providers.gcp.harness import World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Two sites; the local one announces."""
    async with a_world() as world:
        yield world
