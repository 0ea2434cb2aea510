"""Routers, peers and their sessions: what the store holds after what routers do."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from services.ingest.keeper import WriterTakenForDead
from tests.ingest import speaker
from tests.ingest.conftest import DEADLINE, running
from tests.ingest.store import connected, end_connections

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
OTHER = speaker.Peer("2001:db8::7", 64777)

CURRENT = "SELECT count(*) FROM current_routes WHERE state = 'active'"
STATES = "SELECT prefix::text || ' ' || state FROM current_routes ORDER BY prefix"
EVENTS = "SELECT event FROM rib.peer_event ORDER BY seq"
CONNECTIONS = "SELECT count(*) FROM rib.connection"


async def test_a_router_is_its_address_whatever_its_port_and_name(ingest: Ingest) -> None:
    await ingest.say(speaker.initiation("old-name"))
    await ingest.say(speaker.initiation("new-name", "another release"))
    assert await ingest.row(
        "SELECT count(*), min(sys_name), min(sys_descr), min(host(address)) FROM rib.router"
    ) == (1, "new-name", "another release", "127.0.0.1")


async def test_a_router_is_connected_until_its_connection_ends(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation())
        await ingest.until(CONNECTIONS, 1)
    await ingest.until(CONNECTIONS, 0)


async def test_a_peer_up_is_recorded_with_what_the_opens_say(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER))
        await ingest.until("SELECT state FROM rib.peer", "up")
        assert await ingest.row(
            "SELECT host(address), asn, host(bgp_id), hold_time, host(local_address), "
            "local_port, remote_port, capabilities->'families' FROM rib.peer"
        ) == (
            "192.0.2.1",
            64501,
            "10.0.0.1",
            180,
            "192.0.2.254",
            179,
            40000,
            '["ipv4_unicast", "ipv6_unicast"]',
        )


async def test_a_peer_down_ends_its_routes_and_no_others(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        router.write(speaker.peer_up(OTHER) + speaker.announce(OTHER, "10.0.0.0/8"))
        await ingest.until(CURRENT, 3)
        router.write(speaker.peer_down(PEER))
        await ingest.until(CURRENT, 1)
        assert await ingest.row(
            "SELECT state, down_code, down_reason IS NOT NULL FROM rib.peer WHERE asn = 64501"
        ) == ("down", 4, True)


async def test_a_new_session_starts_with_no_routes_of_the_old(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        router.write(speaker.peer_down(PEER))
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "11.0.0.0/8"))
        await ingest.until(CURRENT, 1)
        assert await ingest.column(EVENTS) == ["up", "down", "up"]


async def test_a_peer_up_said_twice_is_one_session(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        router.write(speaker.peer_up(speaker.Peer(flags=speaker.POST_POLICY)))
        router.write(speaker.announce(PEER, "11.0.0.0/8"))
        await ingest.until(CURRENT, 2)
        assert await ingest.column(EVENTS) == ["up"]


async def test_a_peer_up_from_another_port_is_a_new_session(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        router.write(speaker.peer_up(PEER, remote_port=40001))
        router.write(speaker.announce(PEER, "11.0.0.0/8"))
        await ingest.until("SELECT session FROM rib.peer", 2)
        await ingest.until(CURRENT, 1)
        assert await ingest.column(EVENTS) == ["up", "down", "up"]


async def test_a_lost_connection_leaves_what_was_last_known(ingest: Ingest) -> None:
    await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
    assert await ingest.row("SELECT state, session FROM rib.peer") == ("lost", 1)
    assert await ingest.column(EVENTS) == ["up", "lost"]
    assert await ingest.value("SELECT count(*) FROM rib.route WHERE NOT is_withdrawn") == 1


async def test_routes_without_a_peer_up_make_an_inferred_peer(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until(CURRENT, 1)
        assert await ingest.row("SELECT state, is_inferred FROM rib.peer") == ("up", True)


async def test_a_late_peer_up_keeps_the_routes_that_came_before_it(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until(CURRENT, 1)
        router.write(speaker.peer_up(PEER))
        await ingest.until("SELECT is_inferred FROM rib.peer", False)
        assert await ingest.value(CURRENT) == 1


async def test_a_withdrawal_after_a_peer_down_brings_no_peer_back(ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker.peer_down(PEER),
        speaker.withdraw(PEER, "10.0.0.0/8"),
    )
    assert await ingest.column(EVENTS) == ["up", "down"]
    assert await ingest.value("SELECT state FROM rib.peer") == "down"


async def test_when_the_newer_of_two_connections_ends_the_older_goes_on(ingest: Ingest) -> None:
    async with ingest.connected() as old:
        old.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until(CURRENT, 1)
        async with ingest.connected() as new:
            new.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
            await ingest.until("SELECT session FROM rib.peer", 2)
        await ingest.until(CONNECTIONS, 1)
        assert await ingest.value("SELECT state FROM rib.peer") == "up"
        old.write(speaker.announce(PEER, "11.0.0.0/8"))
        await ingest.until(CURRENT, 2)
    await ingest.until("SELECT state FROM rib.peer", "lost")


async def test_a_nul_in_what_a_router_writes_harms_nothing(ingest: Ingest) -> None:
    await ingest.say(
        speaker.initiation("edge\0one", "a\0router"),
        speaker.peer_up(PEER, table_name="vrf\0blue"),
        speaker.announce(PEER, "10.0.0.0/8"),
    )
    assert await ingest.row("SELECT sys_name, sys_descr FROM rib.router") == ("edgeone", "arouter")
    assert await ingest.row("SELECT table_name FROM rib.peer") == ("vrfblue",)


async def test_reconnects_use_up_no_ids(ingest: Ingest) -> None:
    for _ in range(5):
        await ingest.say(speaker.peer_up(PEER))
    await ingest.say(speaker.peer_up(OTHER))
    assert await ingest.column("SELECT peer_id FROM rib.peer ORDER BY 1") == [1, 2]


async def test_a_peer_down_for_a_peer_that_never_was_up_changes_nothing(ingest: Ingest) -> None:
    await ingest.say(speaker.initiation(), speaker.peer_down(PEER))
    assert await ingest.value("SELECT count(*) FROM rib.peer") == 0


async def test_a_connection_that_lingers_cannot_undo_what_a_newer_one_says(
    ingest: Ingest,
) -> None:
    async with ingest.connected() as old, ingest.connected() as new:
        old.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", med=1))
        await ingest.until(CURRENT, 1)
        new.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", med=2))
        await ingest.until("SELECT session FROM rib.peer", 2)
        old.write(speaker.withdraw(PEER, "10.0.0.0/8") + speaker.peer_down(PEER))
        await ingest.until_committed(3)
        assert await ingest.value(CURRENT) == 1
        assert await ingest.value("SELECT state FROM rib.peer") == "up"


NO_PROCESS = "UPDATE rib.writer SET pid = 1 << 30"  # no process has this number


async def test_what_a_killed_service_left_open_is_marked_as_lost(migrated_url: str) -> None:
    with contextlib.suppress(WriterTakenForDead):
        async with running(migrated_url) as first, first.connected() as router:
            router.write(speaker.peer_up(PEER))
            await first.until("SELECT state FROM rib.peer", "up")
            await first.row(NO_PROCESS)
            async with connected(migrated_url) as conn:
                await end_connections(conn, 1)
            async with running(migrated_url) as second:
                assert await second.row("SELECT state FROM rib.peer") == ("lost",)
                assert await second.row(CONNECTIONS) == (0,)


async def test_a_service_on_another_host_of_the_same_name_is_left_alone(migrated_url: str) -> None:
    async with running(migrated_url) as first, first.connected() as router:
        router.write(speaker.peer_up(PEER))
        await first.until("SELECT state FROM rib.peer", "up")
        await first.row(NO_PROCESS)
        async with running(migrated_url) as second:
            assert await second.row("SELECT state FROM rib.peer") == ("up",)
            assert await second.row("SELECT count(*) FROM rib.writer") == (2,)


async def test_a_service_that_was_taken_for_dead_does_not_end_as_if_asked_to(
    migrated_url: str,
) -> None:
    async def until_it_says_so() -> None:
        async with running(migrated_url) as ingest:
            await ingest.row("DELETE FROM rib.writer")
            async with asyncio.timeout(DEADLINE):
                while "critical" not in {line["log_level"] for line in logs}:
                    await asyncio.sleep(0.05)

    with capture_logs() as logs, pytest.raises(WriterTakenForDead):
        await until_it_says_so()


async def test_a_second_service_on_the_same_store_leaves_the_first_alone(
    migrated_url: str,
) -> None:
    async with running(migrated_url) as first, first.connected() as router:
        router.write(speaker.peer_up(PEER))
        await first.until("SELECT state FROM rib.peer", "up")
        async with running(migrated_url) as second:
            assert await second.row("SELECT state FROM rib.peer") == ("up",)
            assert await second.row(CONNECTIONS) == (1,)


async def test_a_route_is_stale_until_the_router_says_it_again_or_ends_its_table(
    ingest: Ingest,
) -> None:
    announced = speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8")
    await ingest.say(speaker.peer_up(PEER), announced, speaker.end_of_rib(PEER))
    assert await ingest.column(STATES) == ["10.0.0.0/8 stale", "11.0.0.0/8 stale"]
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(3)
        assert await ingest.column(STATES) == ["10.0.0.0/8 active", "11.0.0.0/8 stale"]
        router.write(speaker.end_of_rib(PEER))
        await ingest.until("SELECT count(*) FROM current_routes WHERE state = 'withdrawn'", 1)
        assert await ingest.column(STATES) == ["10.0.0.0/8 active", "11.0.0.0/8 withdrawn"]
        assert await ingest.column(EVENTS) == ["up", "end_of_rib", "lost", "up", "end_of_rib"]


async def test_without_an_end_of_rib_a_table_counts_as_complete_after_a_time(
    migrated_url: str,
) -> None:
    async with running(migrated_url, ingest_table_seconds=0.01) as ingest:
        await ingest.say(speaker.peer_up(PEER), speaker.announce(PEER, "10.0.0.0/8"))
        async with ingest.connected() as router:
            router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "11.0.0.0/8"))
            await ingest.until("SELECT count(*) FROM current_routes WHERE state = 'withdrawn'", 1)
            assert await ingest.column(STATES) == ["10.0.0.0/8 withdrawn", "11.0.0.0/8 active"]
