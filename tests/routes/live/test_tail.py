"""Every change that is committed is told, once and in order, whoever committed it."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.ingest.repository import identities
from tests.ingest import speaker
from tests.ingest.conftest import running
from tests.ingest.store import connected
from tests.routes.live.listening import announced, server
from tests.routes.live.writers import writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.ingest.conftest import Ingest
    from tests.routes.live.listening import Body, Listener, Server
    from tests.routes.live.writers import Conn, Writer

PEER = speaker.Peer("192.0.2.1", 64501)
_TAILS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bgpilot routes live'"
_CUT = _TAILS.replace("count(*)", "count(pg_terminate_backend(pid))")


async def withdrawn(listener: Listener, count: int) -> list[str]:
    """The next so many prefixes that are withdrawn."""
    found: list[str] = []
    while len(found) < count:
        # Those of one UPDATE come in any order.
        found += sorted((await listener.told())["withdrawals"], key=ipaddress.ip_network)
    return found


def of(number: int, prefixes: Sequence[str]) -> list[str]:
    """Those of one writer."""
    return [one for one in prefixes if one.startswith(f"{number}.")]


async def all_told(listener: Listener, writers: Sequence[Writer]) -> None:
    """What all writers have committed comes, each writer's in order, and nothing else."""
    told = await withdrawn(listener, sum(len(one.written) for one in writers))
    for one in writers:
        assert of(one.number, told) == one.written
    assert (await listener.ask("ping"))["type"] == "pong"


async def cut_tails(conn: Conn) -> int:
    """Ends the connections by which the history is followed."""
    return int(await conn.fetchval(_CUT))


@pytest.mark.parametrize("seed", range(3))
async def test_random_commits_of_several_writers_are_told_once_and_in_order(
    migrated_url: str, live: Server, listener: Listener, seed: int
) -> None:
    async with connected(migrated_url) as conn:
        writers = [await writer(conn, number) for number in (11, 12, 13, 14)]
        await listener.subscribe(type="UPDATE")

    async def write(one: Writer, chance: random.Random) -> None:
        async with connected(migrated_url) as conn:
            for _ in range(15):
                # Clocks go back and forth, and messages wait before they are written.
                ago = timedelta(seconds=chance.choice([0, 0, 0, 3, 30, 1_000, 90_000]))
                await one.commit(conn, chance.randint(1, 40), routes=chance.randint(1, 3), ago=ago)
                await asyncio.sleep(chance.random() * 0.03)

    async with asyncio.TaskGroup() as tasks:
        for one in writers:
            tasks.create_task(write(one, random.Random(seed + one.number)))  # noqa: S311 - no secret
    await all_told(listener, writers)


async def test_a_batch_that_is_larger_than_a_read_comes_whole(
    migrated_url: str, live: Server, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.routes.live.reader.MOST_ROWS", 100)
    async with connected(migrated_url) as conn:
        writers = [await writer(conn, number) for number in (11, 12)]
        await listener.subscribe(type="UPDATE")
        await writers[0].commit(conn, 77, routes=7)
        await writers[1].commit(conn, 2, routes=250)
        await writers[0].commit(conn, 300)
    await all_told(listener, writers)


async def test_a_connection_that_is_lost_loses_and_doubles_nothing(
    migrated_url: str, live: Server, listener: Listener
) -> None:
    async with connected(migrated_url) as conn, connected(migrated_url) as other:
        one = await writer(conn, 11)
        await listener.subscribe(type="UPDATE")
        cuts = 0
        for _ in range(12):
            await one.commit(conn, 30)
            cuts += await cut_tails(other)
        await all_told(listener, [one])
        assert cuts > 0


async def test_what_is_committed_while_the_database_is_away_is_told_afterwards(
    postgres_dsn: str, migrated_url: str, live: Server, listener: Listener
) -> None:
    async with connected(migrated_url) as conn, connected(postgres_dsn) as other:
        one = await writer(conn, 11)
        await listener.subscribe(type="UPDATE")
        name = await conn.fetchval("SELECT current_database()")
        await other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        assert await cut_tails(conn) == 1
        for _ in range(5):
            await one.commit(conn, 100)
        assert (await listener.ask("ping"))["type"] == "pong"
        await other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await all_told(listener, [one])


async def test_who_is_too_far_behind_is_told_how_far(migrated_url: str) -> None:
    async with (
        server(migrated_url, most_behind=1_000) as live,
        live.websocket() as listener,
        connected(migrated_url) as conn,
    ):
        one = await writer(conn, 11)
        await listener.subscribe(type="UPDATE")
        await one.commit(conn, 1_001)
        error = await listener.hear()
        assert error["type"] == "ris_error"
        assert error["data"]["message"].startswith("1001 routes changed")
        before = len(one.written)
        await one.commit(conn, 3)
        assert await withdrawn(listener, 3) == one.written[before:]


async def test_what_a_writer_counted_and_did_not_write_is_told_to_be_missing(
    migrated_url: str, live: Server, listener: Listener
) -> None:
    async with connected(migrated_url) as conn:
        one = await writer(conn, 11)
        await listener.subscribe(type="UPDATE")
        async with conn.transaction():
            await conn.execute("UPDATE rib.progress SET routes = routes + 2")
            await one.commit(conn, 1)
            await conn.execute("UPDATE rib.progress SET routes = routes + 2")
        error, told = await listener.hear(), await listener.told()
        assert error["type"] == "ris_error"
        assert error["data"]["message"].startswith("2 changed routes could not be found")
        assert told["withdrawals"] == one.written
        await one.commit(conn, 1)
        assert (await listener.told())["withdrawals"] == one.written[1:]


async def test_the_last_words_of_a_writer_that_is_forgotten_are_told(
    migrated_url: str, live: Server, listener: Listener
) -> None:
    async with connected(migrated_url) as conn:
        dead, alive = await writer(conn, 11), await writer(conn, 12)
        await listener.subscribe(type="UPDATE")
        await dead.commit(conn, 3)
        before = len(await withdrawn(listener, 3))
        async with conn.transaction():  # nobody sees the progress of the last batch
            await dead.commit(conn, 5)
            await conn.execute("DELETE FROM rib.progress WHERE writer_id = 11")
        assert await withdrawn(listener, 5) == dead.written[before:]
        # It was not dead.
        before = len(dead.written)
        await dead.commit(conn, 4)
        await alive.commit(conn, 1)
        assert set(await withdrawn(listener, 5)) == {*dead.written[before:], *alive.written}


async def test_a_writer_that_came_and_went_while_the_database_was_away_is_told(
    postgres_dsn: str,
    migrated_url: str,
    live: Server,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.routes.live.reader._GAP_SECONDS", 0.1)
    async with connected(migrated_url) as conn, connected(postgres_dsn) as other:
        before, stranger = await writer(conn, 11), await writer(conn, 12)
        await before.commit(conn, 3)
        await listener.subscribe(type="UPDATE")
        name = await conn.fetchval("SELECT current_database()")
        await other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await cut_tails(conn)
        await stranger.commit(conn, 20)
        await conn.execute("DELETE FROM rib.progress WHERE writer_id = 12")
        await other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    told = await withdrawn(listener, 20)
    assert of(12, told + await withdrawn(listener, 20 - len(of(12, told)))) == stranger.written


async def test_nobody_reads_while_nobody_listens_and_the_first_starts_from_now(
    ingest: Ingest, live: Server
) -> None:
    assert await ingest.value(_TAILS) == 0
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    for prefix in ("10.1.0.0/16", "10.2.0.0/16"):
        async with live.websocket() as one, live.websocket() as two:
            for listener in (one, two):
                await listener.subscribe(type="UPDATE")
            assert await ingest.value(_TAILS) == 1
            await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, prefix))
            for listener in (one, two):
                assert announced(await listener.told()) == [prefix]
        await ingest.until(_TAILS, 0)
        await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.9.0.0/16"))


async def test_two_ingest_services_are_one_stream(migrated_url: str, live: Server) -> None:
    async def router(ingest: Ingest, peer: speaker.Peer, first: int) -> None:
        async with ingest.connected() as writer:
            writer.write(speaker.peer_up(peer))
            for i in range(300):
                writer.write(speaker.announce(peer, f"{first}.{i >> 8}.{i & 255}.0/24"))
                if i % 50 == 0:
                    await writer.drain()
                    await asyncio.sleep(0.005)
            async with asyncio.timeout(15):
                while ingest.collector.writer.committed_routes < 300:
                    await asyncio.sleep(0.01)

    one, two = PEER, speaker.Peer("192.0.2.2", 64502)
    async with (
        running(migrated_url) as first,
        running(migrated_url) as second,
        live.websocket() as listener,
    ):
        await listener.subscribe(type="UPDATE")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(router(first, one, 10))
            tasks.create_task(router(second, two, 20))
        heard: dict[str, list[Body]] = {"192.0.2.1": [], "192.0.2.2": []}
        for _ in range(600):
            told = await listener.told()
            heard[told["peer"]].append(told)
        for peer, first_octet in (("192.0.2.1", 10), ("192.0.2.2", 20)):
            assert [announced(told) for told in heard[peer]] == [
                [f"{first_octet}.{i >> 8}.{i & 255}.0/24"] for i in range(300)
            ]
            ids = [told["id"] for told in heard[peer]]
            assert ids == sorted(set(ids))


async def test_peers_of_a_process_that_died_go_down_when_it_is_buried(
    migrated_url: str, live: Server, listener: Listener
) -> None:
    async with connected(migrated_url) as conn:
        await writer(conn, 11)
        await conn.execute(
            "UPDATE rib.peer SET state = 'up', session = 3, writer_id = 11, since = now()"
        )
        await listener.subscribe()
        async with conn.transaction():
            assert await identities.clear_up(conn) == 1
        told = await listener.told()
        assert (told["type"], told["state"]) == ("RIS_PEER_STATE", "down")
        assert told["reason"] == "the ingest process ended"
        async with live.websocket() as later:
            await later.subscribe()
            assert (await later.ask("ping"))["type"] == "pong"  # that was before


async def test_a_change_is_told_within_a_second_of_its_commit(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(type="UPDATE")
    waits: list[float] = []
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER))
        for i in range(20):
            router.write(speaker.announce(PEER, f"10.{i}.0.0/16"))
            await ingest.until_committed(i + 1)
            committed: Any = time.monotonic()
            assert announced(await listener.told()) == [f"10.{i}.0.0/16"]
            waits.append(time.monotonic() - committed)
    assert max(waits) < 1.0
