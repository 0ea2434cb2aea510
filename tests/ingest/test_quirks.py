"""What some routers report otherwise than they should, and what is stored of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ingest import speaker

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
PATHS = """
SELECT as_path FROM rib.route JOIN rib.path_attributes USING (attr_id) ORDER BY prefix
"""
CURRENT = """
SELECT path_id FROM current_routes WHERE state = 'active' ORDER BY prefix, path_id
"""


async def test_an_own_as_that_frr_puts_in_front_is_removed(ingest: Ingest) -> None:
    await ingest.say(
        speaker.initiation("edge-1", "FRRouting 8.4.4"),
        speaker.peer_up(PEER, own_asn=64500),
        speaker.announce(PEER, "10.0.0.0/8", path=(64500, 64501, 64502)),
        speaker.announce(PEER, "11.0.0.0/8", path=(64501, 64500)),
        speaker.announce(PEER, "12.0.0.0/8", path=(64500,)),
    )
    assert await ingest.column(PATHS) == [[64501, 64502], [64501, 64500], []]
    assert await ingest.column("SELECT origin_asn FROM rib.path_attributes ORDER BY 1") == [
        64500,
        64502,
        None,
    ]


async def test_no_other_router_s_path_is_changed(ingest: Ingest) -> None:
    await ingest.say(
        speaker.initiation("edge-1", "Juniper Networks"),
        speaker.peer_up(PEER, own_asn=64500),
        speaker.announce(PEER, "10.0.0.0/8", path=(64500, 64501, 64502)),
    )
    assert await ingest.column(PATHS) == [[64500, 64501, 64502]]


async def test_an_internal_peer_s_path_is_not_changed(ingest: Ingest) -> None:
    await ingest.say(
        speaker.initiation("edge-1", "FRRouting 8.4.4"),
        speaker.peer_up(PEER, own_asn=PEER.asn),
        speaker.announce(PEER, "10.0.0.0/8", path=(PEER.asn, 64502)),
    )
    assert await ingest.column(PATHS) == [[PEER.asn, 64502]]


async def test_a_route_with_a_path_id_replaces_what_was_dumped_without_one(
    ingest: Ingest,
) -> None:
    dumped = [f"10.{i}.0.0/16" for i in range(8)]
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER, add_path=True))
        router.write(b"".join(speaker.announce(PEER, prefix) for prefix in dumped))
        await ingest.until("SELECT count(*) FROM rib.route WHERE NOT is_withdrawn", 8)
        router.write(speaker.announce(PEER, dumped[0], med=5, path_id=1))
        router.write(speaker.withdraw(PEER, dumped[1], path_id=2))
        await ingest.until_committed(12)  # with the withdrawals of what they replace
        assert await ingest.column(CURRENT) == [1, None, None, None, None, None, None]


async def test_path_id_0_is_a_path_id(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER, add_path=True))
        for path_id in (0, 1, 4_294_967_295):
            router.write(speaker.announce(PEER, "10.0.0.0/24", med=path_id, path_id=path_id))
        await ingest.until_committed(3)
        assert await ingest.column(CURRENT) == [0, 1, 4_294_967_295]
