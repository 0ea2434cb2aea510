"""Whatever routers, workers and the database do: the store holds what a dictionary would."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings

from tests.ingest.model.routes import ADD_PATH_FAMILY, ROUTES, Route
from tests.ingest.model.stage import Stage
from tests.ingest.model.steps import (
    Announce,
    Connect,
    Crash,
    Down,
    EndOfRib,
    Lose,
    Quiet,
    Story,
    Up,
    Withdraw,
    stories,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.model.steps import Step

EXAMPLES = int(os.environ.get("BGPILOT_MODEL_EXAMPLES", "60"))
"""How many stories are played; hundreds take minutes."""
_EACH_SECONDS = 3

_addresses = (f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in count(1 << 16))


@pytest.fixture
async def look(migrated_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    if "host=" not in migrated_url:
        pytest.skip("the proxy speaks to PostgreSQL's Unix socket, and this server is elsewhere")
    conn = await asyncpg.connect(migrated_url)
    yield conn
    await conn.close()


@pytest.mark.timeout(120 + EXAMPLES * _EACH_SECONDS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Each story is of a router of its own, so that they may share the database.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories(length=40))
async def test_the_store_holds_what_the_model_holds(
    migrated_url: str, look: asyncpg.Connection[Any], story: Story
) -> None:
    await Stage(migrated_url, look, next(_addresses)).play(story)


PEER = "192.0.2.1"
A, B = ROUTES[ADD_PATH_FAMILY][:2]


def up(connection: int = 0) -> Up:
    return Up(connection, PEER, 1, add_path=False)


def announce(*routes: Route, connection: int = 0, med: int = 0) -> Announce:
    return Announce(connection, PEER, "adj_in_pre", routes, 1, med, 16)


def withdraw(*routes: Route, connection: int = 0) -> Withdraw:
    return Withdraw(connection, PEER, "adj_in_pre", routes, 1)


def end_of_rib(connection: int = 0) -> EndOfRib:
    return EndOfRib(connection, PEER, "adj_in_pre", ADD_PATH_FAMILY)


LINGER = (Connect(0), Connect(0), up(0), up(1))
KNOWN_STORIES = {
    "an older connection says something after a newer one, in the same batch": (
        *LINGER,
        announce(A, B, connection=0),
        announce(A, B, connection=1, med=1),
        announce(A, connection=0, med=2),
        withdraw(B, connection=0),
    ),
    "a route of the session before, in the batch in which the next begins": (
        Connect(0),
        up(0),
        announce(A, connection=0),
        Connect(0),
        up(1),
        announce(B, connection=1),
    ),
    "the older of two connections completes its table": (
        up(),
        announce(A),
        Lose(0),
        *LINGER,
        announce(B, connection=0),
        end_of_rib(connection=0),
    ),
    "the older of two connections says first what the newer has said": (
        *LINGER,
        announce(A, connection=1),
        announce(A, connection=0),
    ),
    "the older of two connections ends after the newer has said all again": (
        *LINGER,
        announce(A, B, connection=0),
        Quiet(),
        announce(A, connection=1),
        end_of_rib(connection=1),
        Quiet(),
        Down(0, PEER),
    ),
    "the oldest of three speaks while the newest says what the second said": (
        Connect(0),
        Connect(0),
        Connect(0),
        up(0),
        announce(A, B, connection=0),
        up(1),
        announce(A, B, connection=1),
        up(2),
        announce(A, B, connection=2),
        withdraw(A, connection=0),
        Quiet(),
        end_of_rib(connection=2),
    ),
    "a crash between history and current": (up(), announce(A), Crash(0, 14, is_writing=True)),
    "a crash right after a peer down": (
        up(),
        announce(A),
        Quiet(),
        Down(0, PEER),
        Crash(0, 14, is_writing=True),
    ),
}


@pytest.mark.parametrize("rows", [1, 100_000])
@pytest.mark.parametrize("steps", KNOWN_STORIES.values(), ids=KNOWN_STORIES)
async def test_a_known_story(
    migrated_url: str, look: asyncpg.Connection[Any], rows: int, steps: tuple[Step, ...]
) -> None:
    await Stage(migrated_url, look, next(_addresses)).play(Story((rows,), 3, steps))
