"""Routes that a router sends again as they were: their rows stay as they are."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.ingest import speaker, speaker_mp

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
UP = speaker.peer_up(PEER)
TABLE = UP + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", med=1)
SAID_AGAIN = UP + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8", med=1)
END = speaker.end_of_rib(PEER)
MACS = [speaker_mp.mac_route(f"02:00:00:00:00:0{number}") for number in (1, 2)]

ROWS = "SELECT prefix::text, session, is_withdrawn FROM rib.route ORDER BY prefix"
PLACES = "SELECT prefix::text || ' ' || ctid::text FROM rib.route ORDER BY prefix"
STATES = "SELECT prefix::text || ' ' || state FROM current_routes ORDER BY prefix"
LISTS = "SELECT (SELECT count(*) FROM rib.route_said) + (SELECT count(*) FROM rib.nlri_route_said)"
COMPLETE = "SELECT max(complete_session) FROM rib.peer_rib"


TOLD = [
    "10.0.0.0/8 active",
    "11.0.0.0/8 active",
    "12.0.0.0/8 withdrawn",
]


@contextlib.asynccontextmanager
async def lingering(
    ingest: Ingest,
) -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamWriter]]:
    """A connection that has told a table, and a newer one of the same router."""
    async with ingest.connected() as old, ingest.connected() as new:
        old.write(TABLE)
        await ingest.until("SELECT count(*) FROM rib.route", 3)
        yield old, new


async def test_a_row_stays_as_it_is_and_what_a_table_lacks_is_marked(ingest: Ingest) -> None:
    await ingest.say(TABLE, END)
    before = await ingest.column(PLACES)
    async with ingest.connected() as router:
        router.write(UP + speaker.announce(PEER, "10.0.0.0/8", med=1))
        router.write(speaker.announce(PEER, "11.0.0.0/8", med=2))
        await ingest.until("SELECT count(*) FROM rib.route_event", 5)
        await ingest.until("SELECT max(session) FROM rib.route", 2)
        assert await ingest.value(LISTS) == 1
        assert await ingest.column(STATES) == [
            "10.0.0.0/8 active",
            "11.0.0.0/8 active",
            "12.0.0.0/8 stale",
        ]
        router.write(END)
        await ingest.until(COMPLETE, 2)
        assert await ingest.rows(ROWS) == [
            ("10.0.0.0/8", 1, False),
            ("11.0.0.0/8", 2, False),
            ("12.0.0.0/8", 1, True),
        ]
        assert (await ingest.column(PLACES))[0] == before[0]
        assert await ingest.value(LISTS) == 0
        assert await ingest.column(STATES) == TOLD
        # What is said again outside of a table is confirmed there and then.
        router.write(speaker.announce(PEER, "10.0.0.0/8", med=1))
        await ingest.until("SELECT min(session) FROM rib.route WHERE NOT is_withdrawn", 2)


async def test_so_do_those_of_other_families(ingest: Ingest) -> None:
    await ingest.say(UP, speaker_mp.announce(PEER, speaker_mp.EVPN, *MACS, med=1))
    places = "SELECT ctid::text FROM rib.nlri_route ORDER BY nlri_id"
    before = await ingest.column(places)
    async with ingest.connected() as router:
        router.write(UP + speaker_mp.announce(PEER, speaker_mp.EVPN, *MACS, med=1))
        await ingest.until("SELECT count(*) FROM current_routes WHERE state = 'active'", 2)
        assert await ingest.column(places) == before
        assert await ingest.value("SELECT sum(cardinality(keys)) FROM rib.nlri_route_said") == 2
        router.write(speaker.peer_down(PEER))
        await ingest.until("SELECT count(*) FROM current_routes WHERE state = 'withdrawn'", 2)
        assert await ingest.value(LISTS) == 0


async def test_what_a_newer_session_left_as_it_was_is_not_undone_by_an_older_one(
    ingest: Ingest,
) -> None:
    async with lingering(ingest) as (old, new):
        new.write(SAID_AGAIN)
        await ingest.until(LISTS, 1)
        old.write(speaker.withdraw(PEER, "10.0.0.0/8"))
        old.write(speaker.announce(PEER, "11.0.0.0/8", "12.0.0.0/8", med=7))
        await ingest.until_committed(8)
        meds = "SELECT prefix::text || ' ' || med || ' ' || state FROM current_routes ORDER BY 1"
        assert await ingest.column(meds) == [
            "10.0.0.0/8 1 active",
            "11.0.0.0/8 1 active",
            "12.0.0.0/8 7 stale",
        ]


async def test_the_peer_down_of_an_older_session_takes_nothing_along_that_a_newer_one_said(
    ingest: Ingest,
) -> None:
    async with lingering(ingest) as (old, new):
        new.write(SAID_AGAIN)
        await ingest.until(LISTS, 1)
        old.write(speaker.peer_down(PEER))
        await ingest.until("SELECT valid_session FROM rib.peer_rib", 2)
        assert await ingest.column(STATES) == TOLD
        exact = "SELECT max(time) FROM rib.route_event WHERE session = 2"
        said = await ingest.value(exact)
        assert await ingest.column(
            "SELECT DISTINCT last_confirmed FROM rib.route WHERE session = 2"
        ) == [said]
        new.write(END)
        await ingest.until(COMPLETE, 2)
        assert await ingest.value("SELECT count(*) FROM current_routes WHERE state = 'active'") == 2


async def test_nor_does_one_that_comes_when_the_newer_one_has_said_all(ingest: Ingest) -> None:
    async with lingering(ingest) as (old, new):
        new.write(SAID_AGAIN + END)
        await ingest.until(COMPLETE, 2)
        old.write(speaker.peer_down(PEER))
        await ingest.until("SELECT count(*) FROM rib.peer_event WHERE event = 'down'", 1)
        await ingest.until("SELECT count(DISTINCT last_seq) FROM rib.progress", 1)  # in both stages
        assert await ingest.column(STATES) == TOLD


async def test_of_three_sessions_the_newest_that_said_a_route_has_it(ingest: Ingest) -> None:
    async with lingering(ingest) as (first, second):
        second.write(UP + speaker.announce(PEER, "10.0.0.0/8", med=1))
        second.write(speaker.announce(PEER, "11.0.0.0/8", med=2))
        await ingest.until("SELECT count(*) FROM rib.route_event", 5)
        await ingest.until(LISTS, 1)
        async with ingest.connected() as third:
            third.write(UP + speaker.announce(PEER, "10.0.0.0/8", med=1))
            third.write(speaker.announce(PEER, "11.0.0.0/8", med=2))
            await ingest.until("SELECT max(session) FROM rib.route_said", 3)
            await ingest.until_committed(7)
            first.write(speaker.withdraw(PEER, "10.0.0.0/8", "12.0.0.0/8"))
            await ingest.until(LISTS, 0)
            third.write(END)
            await ingest.until(COMPLETE, 3)
            assert await ingest.rows(ROWS) == [
                ("10.0.0.0/8", 3, False),
                ("11.0.0.0/8", 3, False),
                ("12.0.0.0/8", 1, True),
            ]
