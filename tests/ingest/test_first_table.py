"""A RIB's first table goes in without a look at what is known, and differs in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ingest import speaker, speaker_mp

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
OTHER = speaker.Peer("192.0.2.2", 64501)

LOADING = "SELECT is_loading FROM rib.peer_rib"
ROUTES = """
SELECT b.family, {key}, r.path_id, r.attr_id, r.session, r.is_withdrawn, {detail},
       r.first_seen = r.last_changed, r.first_seen = r.last_confirmed
  FROM rib.{table} AS r JOIN rib.peer_rib AS b USING (rib_id) JOIN rib.peer AS p USING (peer_id)
 WHERE p.address = '{address}' ORDER BY 1, 2, 3
"""


def table_of(peer: speaker.Peer) -> bytes:
    """Routes of all shapes: with path identifiers of 32 bits, and with more than a prefix."""
    return b"".join(
        (
            speaker.announce(peer, "10.0.0.0/8", "192.0.2.0/25", path_id=1),
            speaker.announce(peer, "10.0.0.0/8", "0.0.0.0/0", path_id=0xFFFF_FFFE, med=2),
            speaker.announce6(peer, "2001:db8::/32", "::/0", "2001:db8::1/128"),
            speaker_mp.announce(
                peer,
                speaker_mp.EVPN,
                speaker_mp.mac_route("02:00:00:00:00:01", label=7),
                speaker_mp.mac_route("02:00:00:00:00:02", esi=bytes([1] * 10)),
            ),
            speaker_mp.announce(peer, speaker_mp.VPNV4, speaker_mp.vpn_route("10.0.0.0/8")),
            speaker_mp.announce(peer, speaker_mp.FLOWSPEC, speaker_mp.flowspec_route(80)),
        )
    )


def first_of(peer: speaker.Peer) -> bytes:
    """One route of each RIB of that table."""
    return b"".join(
        (
            speaker.announce(peer, "172.16.0.0/12", path_id=1),
            speaker.announce6(peer, "2001:db9::/32"),
            speaker_mp.announce(
                peer, speaker_mp.EVPN, speaker_mp.mac_route("02:00:00:00:00:09", label=9)
            ),
            speaker_mp.announce(peer, speaker_mp.VPNV4, speaker_mp.vpn_route("172.16.0.0/12")),
            speaker_mp.announce(peer, speaker_mp.FLOWSPEC, speaker_mp.flowspec_route(90)),
        )
    )


async def test_a_first_table_leaves_the_rows_that_any_table_leaves(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER, add_path=True) + speaker.peer_up(OTHER, add_path=True))
        router.write(first_of(PEER) + first_of(OTHER))
        await ingest.until_committed(10)
        marked = "UPDATE rib.peer_rib SET is_loading = peer_id = 1 RETURNING peer_id"
        assert sorted(await ingest.column(marked)) == [1] * 5 + [2] * 5
        router.write(table_of(PEER) + table_of(OTHER))
        await ingest.until_committed(32)
    for table, key, detail in (
        ("route", "r.prefix", "NULL::jsonb"),
        ("nlri_route", "r.nlri_id", "r.detail"),
    ):
        first, later = [
            await ingest.rows(ROUTES.format(table=table, key=key, detail=detail, address=address))
            for address in ("192.0.2.1", "192.0.2.2")
        ]
        assert first == later
        assert len(first) == {"route": 9, "nlri_route": 7}[table]
    assert await ingest.rows(
        "SELECT DISTINCT peer_id, is_loading FROM rib.peer_rib ORDER BY 1"
    ) == [
        (1, True),
        (2, False),
    ]


async def test_a_route_that_comes_twice_while_the_first_table_comes_is_one_row(
    ingest: Ingest,
) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        await ingest.until_committed(2)
        assert await ingest.column(LOADING) == [True]
        router.write(speaker.announce(PEER, "12.0.0.0/8", "11.0.0.0/8", med=5))
        await ingest.until_committed(4)
        assert await ingest.column(LOADING) == [False]
        router.write(speaker.announce(PEER, "13.0.0.0/8"))
        await ingest.until_committed(5)
    assert await ingest.rows(
        "SELECT prefix::text, med, last_changed > first_seen FROM rib.route "
        "JOIN rib.path_attributes USING (attr_id) ORDER BY prefix"
    ) == [
        ("10.0.0.0/8", None, False),
        ("11.0.0.0/8", 5, True),
        ("12.0.0.0/8", 5, False),
        ("13.0.0.0/8", None, False),
    ]
    assert await ingest.rows("SELECT updates, path_changes FROM rib.churn_peer") == [(1, 1)]


async def test_a_withdrawal_while_the_first_table_comes_is_heard(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        await ingest.until_committed(2)
        router.write(speaker.withdraw(PEER, "10.0.0.0/8"))
        await ingest.until_committed(3)
        router.write(speaker.announce(PEER, "12.0.0.0/8"))
        await ingest.until_committed(4)
    assert await ingest.rows("SELECT prefix::text, is_withdrawn FROM rib.route ORDER BY 1") == [
        ("10.0.0.0/8", True),
        ("11.0.0.0/8", False),
        ("12.0.0.0/8", False),
    ]


async def test_an_end_of_rib_ends_the_first_table(ingest: Ingest) -> None:
    table = speaker.announce(PEER, "10.0.0.0/8") + speaker.end_of_rib(PEER)
    await ingest.say(speaker.peer_up(PEER), table)
    assert await ingest.column(LOADING) == [False]


async def test_a_router_that_comes_back_in_its_first_table_finds_its_routes(
    ingest: Ingest,
) -> None:
    table = speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8")
    await ingest.say(speaker.peer_up(PEER), table)
    assert await ingest.column(LOADING) == [True]
    await ingest.say(speaker.peer_up(PEER, 40001), table, speaker.announce(PEER, "12.0.0.0/8"))
    assert await ingest.rows(
        "SELECT prefix::text, session, first_seen < last_confirmed FROM rib.route ORDER BY 1"
    ) == [("10.0.0.0/8", 1, False), ("11.0.0.0/8", 1, False), ("12.0.0.0/8", 2, False)]
    assert await ingest.rows("SELECT prefix::text, state FROM current_routes ORDER BY 1") == [
        ("10.0.0.0/8", "stale"),
        ("11.0.0.0/8", "stale"),
        ("12.0.0.0/8", "stale"),
    ]
