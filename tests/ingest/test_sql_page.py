"""The queries of docs/sql.md, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ingest import speaker, speaker_mp, test_spec_queries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.ingest.conftest import Ingest

PAGE = (Path(__file__).parents[2] / "docs/sql.md").read_text()
BLOCKS = [
    (title.strip(" :").split("\n")[-1][:50], statement.strip())
    for title, block in re.findall(r"([^`]+)```sql\n(.*?)```", PAGE, re.DOTALL)
    for statement in block.split(";\n")
    if statement.strip()
]

PEER = speaker.Peer()
OTHER = speaker.Peer("198.51.100.9", 64502)
MAC = "00:02:71:87:da:4d"


def query(word: str) -> str:
    """The only query of the page with this word."""
    (found,) = [statement for _, statement in BLOCKS if word in statement]
    return found


@pytest.fixture
async def filled(ingest: Ingest) -> AsyncIterator[Ingest]:
    """Routes that came, changed, and went, by themselves or with their peer."""
    evpn = speaker_mp.mac_route(MAC)
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.peer_up(OTHER),
        speaker.announce(PEER, "192.0.2.0/24", "192.0.2.128/25", path=(64501, 64500)),
        speaker.announce(PEER, "198.51.100.0/24"),
        speaker.announce(OTHER, "192.0.2.0/24", path=(64502, 64500)),
        speaker_mp.announce(PEER, speaker_mp.EVPN, evpn),
        speaker.end_of_rib(PEER),
    )
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.peer_up(OTHER))
        router.write(speaker.announce(PEER, "192.0.2.0/24", "192.0.2.128/25", path=(64501, 64500)))
        router.write(speaker.announce(PEER, "192.0.2.0/24", path=(64501, 64510, 64500)))
        router.write(speaker.announce(PEER, "203.0.113.0/24"))
        router.write(speaker.withdraw(PEER, "203.0.113.0/24") + speaker.peer_down(OTHER))
        await ingest.until_committed(10)
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'down'", 1)
        yield ingest  # while the router is connected: then its routes are active


def test_the_page_has_the_queries_that_were_asked_for() -> None:
    statements = {statement + ";" for _, statement in BLOCKS}
    for asked in (test_spec_queries.CHURN, test_spec_queries.EVPN_MAC, test_spec_queries.CURRENT):
        assert asked.strip() in statements


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=lambda n: BLOCKS[n][0])
async def test_a_query_of_the_page_runs(ingest: Ingest, number: int) -> None:
    await ingest.rows(BLOCKS[number][1])


async def test_the_queries_of_the_page_say_what_they_promise(filled: Ingest) -> None:
    async def prefixes(word: str) -> list[str]:
        return sorted(str(row[0]) for row in await filled.rows(query(word)))

    assert await prefixes("rib.covering") == ["192.0.2.0/24"]
    assert await prefixes("rib.last_inside") == ["192.0.2.128/25"]
    assert await prefixes("origin_asn = 64500") == ["192.0.2.0/24", "192.0.2.128/25"]
    assert await prefixes("as_path @>") == ["192.0.2.0/24", "192.0.2.128/25"]
    assert await prefixes("rib.community") == ["192.0.2.0/24", "192.0.2.128/25"]
    assert await prefixes("nlri->>'ip'") == [MAC]
    lost = await filled.rows(query("gone.at"))
    assert [(str(row[1]), str(row[2]), row[3]) for row in lost] == [
        ("192.0.2.0/24", "198.51.100.9", False),
        ("203.0.113.0/24", "192.0.2.1", True),
    ]
    history = await filled.rows(query("is_withdrawal, next_hop"))
    assert [row[5] for row in history] == [
        [64501, 64500],
        [64502, 64500],
        [64501, 64500],
        [64501, 64510, 64500],
    ]
    churn = await filled.rows(query("rib.churn_prefix"))
    assert sorted((str(row[0]), *map(int, row[1:4])) for row in churn) == [
        ("192.0.2.0/24", 1, 0, 1),
        ("203.0.113.0/24", 0, 1, 0),
    ]
    (peer,) = await filled.rows(query("rib.churn_peer"))
    assert (str(peer[0]), *map(int, peer[1:])) == ("192.0.2.1", 64501, 1, 1)


async def test_a_past_moment_is_seen_as_it_was(filled: Ingest) -> None:
    past = query("5 minutes").replace("now() - interval '5 minutes'", "({})")
    up, down = (
        f"SELECT max(time) FROM peer_events WHERE event_type = 'peer_{word}' "  # noqa: S608  # ours
        "AND bgp_peer_ip = '198.51.100.9'"
        for word in ("up", "down")
    )
    then = {(str(row[0]), tuple(row[3])) for row in await filled.rows(past.format(up, up))}
    assert then == {("192.0.2.1", (64501, 64500)), ("198.51.100.9", (64502, 64500))}
    now = {(str(row[0]), tuple(row[3])) for row in await filled.rows(past.format(down, down))}
    assert now == {("192.0.2.1", (64501, 64510, 64500))}
