"""How long routers are kept waiting for the database, and what happens then."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from services.ingest.endurance import Endurance
from shared.web.health import NotReady
from tests.ingest import speaker
from tests.ingest.conftest import running
from tests.ingest.unreliable import unreliable

if TYPE_CHECKING:
    from collections.abc import Callable

PEER = speaker.Peer()
DEADLINE = 20.0


class FakeDoor:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.connections = 3
        self.shut_because: str | None = None

    def shut(self, reason: str) -> int:
        self.shut_because = reason
        return self.connections

    def reopen(self) -> None:
        self.shut_because = None


class Situation:
    """What an Endurance is told, and what it does."""

    def __init__(self) -> None:
        self.now = 0.0
        self.why: str | None = None
        self.is_written = True
        self.door = FakeDoor()
        self._endurance = Endurance(
            self.door,
            300.0,
            why_away=lambda: self.why,
            is_written=lambda: self.is_written,
            clock=lambda: self.now,
        )

    def at(self, now: float, why: str | None) -> str | None:
        """Looks at this time; gives why no router can connect."""
        self.now, self.why = now, why
        self._endurance.look()
        assert self._endurance.reason == self.door.shut_because
        return self._endurance.reason


def test_routers_wait_until_the_database_has_been_away_too_long() -> None:
    situation = Situation()
    assert situation.at(10, "refused") is None
    assert situation.at(309, "refused") is None
    assert situation.at(310, "gone") == "the database has been away for more than 300 s"


def test_each_absence_counts_from_its_own_beginning() -> None:
    situation = Situation()
    situation.at(10, "refused")
    situation.at(200, None)
    assert situation.at(320, "refused") is None
    assert situation.at(620, "refused") is not None


def test_routers_can_connect_again_when_all_that_was_kept_is_written() -> None:
    situation = Situation()
    situation.at(0, "refused")
    assert situation.at(300, "refused") is not None
    situation.is_written = False
    assert situation.at(310, None) is not None
    situation.is_written = True
    assert situation.at(311, None) is not None, "connections still hand on what was read"
    situation.door.connections = 0
    assert situation.at(312, None) is None


async def test_routers_are_sent_away_and_come_back_and_nothing_is_lost(
    migrated_url: str,
) -> None:
    if "host=" not in migrated_url:
        pytest.skip("the proxy speaks to PostgreSQL's Unix socket, and this server is elsewhere")
    with capture_logs() as logs:
        await send_away_and_take_back(migrated_url)
    said = [entry["event"] for entry in logs]
    assert said.count("routers sent away: the database has been away for too long") == 1
    assert said.count("routers can connect again: the database is back") == 1


async def send_away_and_take_back(migrated_url: str) -> None:
    async with (
        unreliable(migrated_url) as (proxy, url),
        running(url, look=migrated_url, ingest_db_give_up_seconds=0.5) as ingest,
    ):
        reader, router = await asyncio.open_connection("127.0.0.1", ingest.port)
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(1)
        proxy.is_refusing = True
        proxy.lose_next("before the commit")
        router.write(speaker.announce(PEER, "11.0.0.0/8"))
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b"", "the router is told"
        router.close()
        with pytest.raises(NotReady, match="routers are sent away"):
            await ingest.collector.check_station()
        await assert_closed_at_once(ingest.port)
        proxy.is_refusing = False
        await until(lambda: ingest.collector._endurance.reason is None)
        assert await ingest.column("SELECT prefix::text FROM rib.route ORDER BY 1") == [
            "10.0.0.0/8",
            "11.0.0.0/8",
        ]
        assert await ingest.column("SELECT event FROM rib.peer_event ORDER BY seq") == [
            "up",
            "lost",
        ]
        await ingest.collector.check_station()
        await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
        assert await ingest.value("SELECT count(*) FROM rib.route_event") == 3


async def assert_closed_at_once(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b""
    writer.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not is_so():
            await asyncio.sleep(0.02)
