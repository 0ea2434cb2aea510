"""Whatever routers, workers and the database do: the past is what a dictionary would say."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr

from shared.db.engine import create_engine
from tests.ingest.model.routes import ADD_PATH_FAMILY, ROUTES
from tests.ingest.model.steps import (
    Announce,
    Down,
    EndOfRib,
    Lose,
    Quiet,
    Story,
    Up,
    Withdraw,
    stories,
)
from tests.routes.past import PastStage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.ingest.model.steps import Step

EXAMPLES = int(os.environ.get("BGPILOT_MODEL_EXAMPLES", "40"))
"""How many stories are played; hundreds take minutes."""
_EACH_SECONDS = 5

_addresses = (f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in count(1 << 16))


@pytest.fixture
async def look(migrated_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    if "host=" not in migrated_url:
        pytest.skip("the proxy speaks to PostgreSQL's Unix socket, and this server is elsewhere")
    conn = await asyncpg.connect(migrated_url)
    yield conn
    await conn.close()


@pytest.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(SecretStr(migrated_url), application="bgpilot routes", reads="questions")
    yield engine
    await engine.dispose()


@pytest.mark.timeout(120 + EXAMPLES * _EACH_SECONDS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Each story is of a router of its own, so that they may share the database.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories(length=40))
async def test_every_moment_is_as_the_model_says(
    migrated_url: str, look: asyncpg.Connection[Any], engine: AsyncEngine, story: Story
) -> None:
    # One process: of two, one may have to drop what the other's newer session has overtaken.
    alone = replace(story, rows=story.rows[:1])
    await PastStage(migrated_url, look, next(_addresses), engine).play(alone)


PEER = "192.0.2.1"
A, B = ROUTES[ADD_PATH_FAMILY][:2]
UP, DOWN = Up(0, PEER, 1, add_path=False), Down(0, PEER)
AGAIN = Up(0, PEER, 2, add_path=False)
SAY = Announce(0, PEER, "adj_in_pre", (A, B), 1, 0, 16)
SAY_A = Announce(0, PEER, "adj_in_pre", (A,), 1, 0, 16)
CHANGE = Announce(0, PEER, "adj_in_pre", (A,), 1, 1, 16)
DROP = Withdraw(0, PEER, "adj_in_pre", (A,), 1)
END = EndOfRib(0, PEER, "adj_in_pre", ADD_PATH_FAMILY)
KNOWN_STORIES: dict[str, tuple[Step, ...]] = {
    "gone with its session, then withdrawn in the next": (UP, SAY, DOWN, UP, DROP),
    "the same, and back again": (UP, SAY, DOWN, UP, DROP, Quiet(), SAY_A),
    "announced again as it was, in the next session": (UP, SAY, Lose(0), UP, SAY_A, END, SAY_A),
    "a table that ends, and then its session": (UP, SAY, Lose(0), UP, SAY_A, END, DOWN),
    "what a table does not have again": (UP, SAY, END, Lose(0), UP, SAY_A, Quiet(), END),
    "changed, withdrawn and back": (UP, SAY, CHANGE, DROP, DROP, SAY_A, CHANGE, SAY_A),
    "a session that follows another without a Peer Down": (UP, SAY, AGAIN, SAY_A, DROP, SAY_A),
}


@pytest.mark.parametrize("rows", [1, 100_000])
@pytest.mark.parametrize("steps", KNOWN_STORIES.values(), ids=KNOWN_STORIES)
async def test_every_moment_of_a_known_story(
    migrated_url: str,
    look: asyncpg.Connection[Any],
    engine: AsyncEngine,
    rows: int,
    steps: tuple[Step, ...],
) -> None:
    await PastStage(migrated_url, look, next(_addresses), engine).play(Story((rows,), 1, steps))
