"""Routes: the current RIB says how things are, the history how they came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
UP = speaker.peer_up(PEER)

RIB = "SELECT prefix::text FROM rib.route WHERE NOT is_withdrawn ORDER BY prefix"
HISTORY = "SELECT attr_id IS NOT NULL FROM rib.route_event ORDER BY seq"


async def test_announcements_and_withdrawals_end_in_the_right_state(ingest: Ingest) -> None:
    await ingest.say(
        UP,
        speaker.announce(PEER, "10.0.0.0/8", "192.0.2.0/24"),
        speaker.announce6(PEER, "2001:db8::/32"),
        speaker.withdraw(PEER, "10.0.0.0/8"),
        speaker.announce(PEER, "198.51.100.0/24"),
    )
    assert await ingest.column(RIB) == ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]
    assert await ingest.column(HISTORY) == [True, True, True, False, True]


async def test_a_flapping_route_ends_in_its_last_state_over_many_batches(ingest: Ingest) -> None:
    flaps = b"".join(
        speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8", med=i)
        + speaker.withdraw(PEER, "10.0.0.0/8")
        for i in range(500)
    )
    await ingest.say(UP, flaps)
    assert await ingest.column(RIB) == ["11.0.0.0/8"]
    assert await ingest.value("SELECT count(*) FROM rib.route_event") == 1500
    assert (
        await ingest.value(
            "SELECT med FROM rib.route JOIN rib.path_attributes USING (attr_id) "
            "WHERE NOT is_withdrawn"
        )
        == 499
    )


async def test_a_withdrawal_of_what_was_never_announced_is_history_alone(ingest: Ingest) -> None:
    await ingest.say(UP, speaker.withdraw(PEER, "10.0.0.0/8"))
    assert await ingest.value("SELECT count(*) FROM rib.route") == 0
    assert await ingest.column(HISTORY) == [False]


async def test_a_repeated_announcement_confirms_and_does_not_change(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(UP + speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(1)
        router.write(speaker.announce(PEER, "10.0.0.0/8"))
        await ingest.until_committed(2)
        assert await ingest.row(
            "SELECT last_changed = first_seen, last_confirmed > first_seen FROM rib.route"
        ) == (True, True)
        router.write(speaker.announce(PEER, "10.0.0.0/8", med=3))
        await ingest.until("SELECT last_changed > first_seen FROM rib.route", True)


async def test_a_multicast_route_is_a_prefix_too(ingest: Ingest) -> None:
    multicast = speaker.announce6(PEER, "2001:db8::/32").replace(b"\0\2\1\x10", b"\0\2\2\x10")
    await ingest.say(UP, multicast, speaker.announce(PEER, "10.0.0.0/8"))
    assert await ingest.column("SELECT family FROM current_routes ORDER BY prefix") == [
        "ipv4_unicast",
        "ipv6_multicast",
    ]
