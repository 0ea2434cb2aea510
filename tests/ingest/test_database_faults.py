"""What happens to the database happens to no route: none is lost, none is there twice."""

from __future__ import annotations

import contextlib
import os
import subprocess
from asyncio import sleep
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.ingest.database import Database
from shared.web.health import NotReady
from tests.ingest import speaker
from tests.ingest.conftest import Ingest, running
from tests.ingest.server import Server, until

if TYPE_CHECKING:
    from asyncio import StreamWriter
    from collections.abc import AsyncIterator, Iterator, MutableMapping

PEER = speaker.Peer()
ROUTES = 2_000
OUTAGE_SECONDS = float(os.environ.get("BGPILOT_OUTAGE_SECONDS", "5"))
"""How long the database is stopped; BGPILOT_OUTAGE_SECONDS=30 for a long one."""
BATCH_ROWS = 500
TMPFS_BYTES = 256 << 20

EVENTS = "SELECT count(*), count(DISTINCT (seq, prefix)) FROM rib.route_event"
RIB = """
SELECT count(*), min(med), max(med) FROM rib.route JOIN rib.path_attributes USING (attr_id)
 WHERE NOT is_withdrawn
"""
WRITTEN = "SELECT coalesce(sum(routes), 0)::int4 FROM rib.progress WHERE stage = 'current'"
END_OUR_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'bgpilot%'"
)


@pytest.fixture
def directory() -> Iterator[Path]:
    # Not pytest's own: when another run of it begins, it takes back what PostgreSQL's account got.
    with TemporaryDirectory(prefix="bgpilot-") as name:
        yield Path(name)


@pytest.fixture
def server(directory: Path) -> Iterator[Server]:
    with started(directory) as server:
        yield server


@contextlib.contextmanager
def started(home: Path) -> Iterator[Server]:
    server = Server(home)
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Scene:
    """A router that sends its whole table over and over, each time with another MED."""

    def __init__(
        self, server: Server, ingest: Ingest, router: StreamWriter, logs: list[Any]
    ) -> None:
        self.server = server
        self.ingest = ingest
        self._router = router
        self._logs: list[MutableMapping[str, Any]] = logs
        self._tables = 0

    def send_table(self) -> None:
        """Announces every route with the next MED."""
        for start in range(0, ROUTES, 100):
            prefixes = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(start, start + 100)]
            self._router.write(speaker.announce(PEER, *prefixes, med=self._tables))
        self._tables += 1

    async def all_is_written(self) -> None:
        """Waits for it, and then checks that it is so once."""
        events = self._tables * ROUTES
        await self.server.until(WRITTEN, events)
        assert await self.server.row(EVENTS) == (events, events)
        assert await self.server.row(RIB) == (ROUTES, self._tables - 1, self._tables - 1)
        await until(lambda: self.ingest.collector.writer.reason is None)
        await self.ingest.collector.check_station()

    async def until_away(self, reason: str) -> None:
        """Waits until the service says that it cannot write, and why."""
        collector = self.ingest.collector
        await until(lambda: reason in (collector.writer.reason or ""))
        with pytest.raises(NotReady, match=reason):
            await collector.check_database()
        assert collector.station.connections == 1, "the router waits"
        said = [line for line in self._logs if line["event"] == "database away, trying again"]
        assert any(reason in line["reason"] for line in said)
        assert {line["log_level"] for line in said} == {"warning"}
        assert len(said) < 40, "it is said when it changes"

    async def is_back(self) -> None:
        """Everything is written, and the log says that the database is back, and since when."""
        await self.all_is_written()
        last = {
            line["application"]: line["event"]
            for line in self._logs
            if line["event"] in {"database away, trying again", "database back"}
        }
        stages = {"bgpilot ingest history", "bgpilot ingest current"} & last.keys()
        assert {last[stage] for stage in stages} == {"database back"}


@contextlib.asynccontextmanager
async def scene(server: Server, url: str | None = None) -> AsyncIterator[Scene]:
    """A service that has written one table."""
    with capture_logs() as logs:
        async with (
            running(url or server.url, ingest_batch_rows=BATCH_ROWS) as ingest,
            ingest.connected() as router,
        ):
            router.write(speaker.peer_up(PEER))
            begun = Scene(server, ingest, router, logs)
            begun.send_table()
            await begun.all_is_written()
            yield begun


async def test_a_server_that_is_killed_while_it_writes_has_each_route_once(
    server: Server,
) -> None:
    async with scene(server) as playing:
        for _ in range(3):
            written = playing.ingest.collector.writer.committed_batches
            for _ in range(5):
                playing.send_table()
            await until(lambda: playing.ingest.collector.writer.committed_batches > written)  # noqa: B023
            server.kill()
            await until(lambda: playing.ingest.collector.writer.reason is not None)
            server.start()
            await playing.is_back()


async def test_a_server_that_is_stopped_for_a_while_is_waited_for(server: Server) -> None:
    async with scene(server) as playing:
        server.stop()
        playing.send_table()
        await playing.until_away("No such file or directory")
        await sleep(OUTAGE_SECONDS)
        for _ in range(20):  # more than may wait in our queue
            playing.send_table()
        server.start()
        await playing.is_back()


async def test_a_server_that_stands_still_is_waited_for(server: Server) -> None:
    async with scene(server) as playing:
        playing.send_table()
        server.freeze()
        playing.send_table()
        await sleep(OUTAGE_SECONDS)
        assert playing.ingest.collector.station.connections == 1
        server.thaw()
        await playing.all_is_written()


async def test_a_database_that_gives_no_answer_is_said_to_hang(migrated_url: str) -> None:
    database = Database(SecretStr(migrated_url), application="a test", silent_seconds=0.1)
    reasons = set()

    async def hang(conn: asyncpg.Connection[Any]) -> None:
        await conn.execute("SELECT pg_sleep(0.05)")
        reasons.add(database.reason)
        await conn.execute("SELECT pg_sleep(0.1)")
        reasons.add(database.reason)

    await database.run(_nothing)
    await database.run(hang)
    assert reasons == {None, "the database has not answered for 0 s"}
    assert database.reason is None
    await database.close()


async def _nothing(conn: asyncpg.Connection[Any]) -> None:
    await conn.execute("SELECT 1")


async def test_a_server_without_connections_to_spare_is_waited_for(server: Server) -> None:
    async with scene(server) as playing:
        look = await server.connect()
        others = []
        await look.execute(END_OUR_CONNECTIONS)
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                others.append(await asyncpg.connect(server.url))
        await look.execute(END_OUR_CONNECTIONS)  # those that came back between the others
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                others.append(await asyncpg.connect(server.url))
        playing.send_table()
        await playing.until_away("remaining connection slots are reserved")
        for other in others:
            await other.close()
        await look.close()
        await playing.is_back()


async def test_a_database_that_only_reads_is_waited_for(server: Server) -> None:
    async with scene(server) as playing:
        await server.run(
            "ALTER DATABASE bgpilot SET default_transaction_read_only = on", END_OUR_CONNECTIONS
        )
        playing.send_table()
        await playing.until_away("read-only transaction")
        await server.run(
            "SET default_transaction_read_only = off",
            "ALTER DATABASE bgpilot RESET default_transaction_read_only",
        )
        await playing.is_back()


async def test_a_password_that_was_changed_is_waited_for(server: Server) -> None:
    (server.data / "pg_hba.conf").write_text(
        "local all bgpilot scram-sha-256\nlocal all all trust\n"
    )
    await server.run("ALTER ROLE bgpilot PASSWORD 'old'", "SELECT pg_reload_conf()")
    async with scene(server, server.url.replace("bgpilot@", "bgpilot:old@", 1)) as playing:
        await server.run("ALTER ROLE bgpilot PASSWORD 'new'", END_OUR_CONNECTIONS)
        playing.send_table()
        await playing.until_away('password authentication failed for user "bgpilot"')
        assert not any("bgpilot:old@" in str(line) for line in playing._logs)
        await server.run("ALTER ROLE bgpilot PASSWORD 'old'")
        await playing.is_back()


async def test_a_right_that_was_taken_is_waited_for(server: Server) -> None:
    async with scene(server) as playing:
        await server.run(
            "ALTER SCHEMA rib OWNER TO postgres", "REVOKE ALL ON SCHEMA rib FROM bgpilot"
        )
        playing.send_table()
        await playing.until_away("permission denied")
        await server.run("ALTER SCHEMA rib OWNER TO bgpilot")
        await playing.is_back()


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    options = ["-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(directory)]
    if os.geteuid() or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone, and not in every container")
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


async def test_a_full_disk_is_waited_for(small_disk: Path) -> None:
    with started(small_disk / "home") as server:
        async with scene(server) as playing:
            await server.run("CHECKPOINT", "SELECT pg_switch_wal()")
            ballast = small_disk / "ballast"
            fill(ballast)
            for _ in range(10):
                playing.send_table()
            await playing.until_away("No space left on device")
            ballast.unlink()
            await playing.is_back()


def fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 12))
