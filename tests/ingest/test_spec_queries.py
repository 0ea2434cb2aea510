"""The queries that bgpilot was asked to answer, as somebody would paste them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from tests.ingest import speaker, speaker_mp

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

CHURN = """
SELECT prefix, COUNT(*) as updates, MAX(time) as last_change
FROM route_updates
WHERE time > NOW() - INTERVAL '1 hour'
GROUP BY prefix
HAVING COUNT(*) > 5
ORDER BY updates DESC
LIMIT 100;
"""
EVPN_MAC = """
SELECT bmp_peer_ip, bgp_peer_ip, prefix, next_hop, mac_address, time
FROM route_updates
WHERE mac_address = '00:02:71:87:da:4d'
  AND is_withdrawn = FALSE
ORDER BY time DESC;
"""
CURRENT = """
SELECT DISTINCT ON (bgp_peer_ip, prefix)
    bgp_peer_ip, prefix, next_hop, as_path, time as last_seen
FROM route_updates
WHERE is_withdrawn = FALSE
ORDER BY bgp_peer_ip, prefix, time DESC;
"""
COLUMNS = {
    "route_updates": {
        "time": "timestamp with time zone",
        "bmp_peer_ip": "inet",
        "bmp_peer_asn": "bigint",
        "bgp_peer_ip": "inet",
        "bgp_peer_asn": "bigint",
        "family": "text",
        "prefix": "cidr",
        "next_hop": "inet",
        "as_path": "bigint[]",
        "communities": "text[]",
        "med": "bigint",
        "local_pref": "bigint",
        "is_withdrawn": "boolean",
        "evpn_route_type": "integer",
        "evpn_rd": "text",
        "evpn_esi": "text",
        "mac_address": "macaddr",
    },
    "bmp_peers": {
        "peer_ip": "inet",
        "router_id": "inet",
        "first_seen": "timestamp with time zone",
        "last_seen": "timestamp with time zone",
        "is_active": "boolean",
    },
    "peer_events": {
        "time": "timestamp with time zone",
        "peer_ip": "inet",
        "event_type": "text",
        "reason_code": "integer",
    },
}
"""Numbers of 32 bits without a sign (AS numbers, MED, LOCAL_PREF) are wider than was asked."""

PEER = speaker.Peer()
UP = speaker.peer_up(PEER)
BIG = speaker.Peer("198.51.100.9", 4_200_000_001)
MAC = "00:02:71:87:da:4d"
ROUTER, HOP = IPv4Address("127.0.0.1"), IPv4Address("192.0.2.1")


async def current(ingest: Ingest) -> list[tuple[Any, ...]]:
    """Peer, prefix and path of each row of the third query."""
    return [(str(row[0]), row[1] and str(row[1]), row[3]) for row in await ingest.rows(CURRENT)]


async def macs(ingest: Ingest) -> list[tuple[Any, ...]]:
    """All of the second query but the time."""
    return [row[:-1] for row in await ingest.rows(EVPN_MAC)]


@pytest.mark.parametrize("view", COLUMNS)
async def test_the_names_and_types_that_were_asked_for_are_there(ingest: Ingest, view: str) -> None:
    columns = await ingest.rows(
        "SELECT relname, attname, format_type(atttypid, atttypmod) "
        "FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relkind = 'v'"
    )
    described = {name: kind for of, name, kind in columns if of == view}
    assert COLUMNS[view].items() <= described.items()


async def test_churn_counts_what_happened_to_each_prefix(ingest: Ingest) -> None:
    flaps = [
        speaker.announce(PEER, "10.0.0.0/8", med=1),
        speaker.withdraw(PEER, "10.0.0.0/8"),
    ]
    await ingest.say(UP, *flaps * 4, *[speaker.announce(PEER, "11.0.0.0/8")] * 5)
    ((prefix, updates, last_change),) = await ingest.rows(CHURN)
    assert (prefix, updates) == (IPv4Network("10.0.0.0/8"), 8)
    assert last_change == await ingest.value(
        "SELECT max(time) FROM rib.route_event WHERE seq < "
        "(SELECT max(seq) - 4 FROM rib.route_event)"
    )


async def test_churn_reads_the_events_and_no_other_table(ingest: Ingest) -> None:
    plan = "\n".join(await ingest.column("EXPLAIN " + CHURN))
    read = {line.split(" on ")[1].split()[0] for line in plan.splitlines() if " on " in line}
    tables = {name.partition("_2")[0] for name in read if not name.startswith('"')}
    others = {"router", "peer", "peer_rib", "path_attributes", "route", "nlri_route"}
    assert "nlri" in tables
    assert not tables & others


async def test_a_mac_is_found_where_it_is_announced(ingest: Ingest) -> None:
    await ingest.say(
        UP,
        speaker_mp.announce(PEER, speaker_mp.EVPN, speaker_mp.mac_route(MAC)),
        speaker_mp.announce(PEER, speaker_mp.EVPN, speaker_mp.mac_route("02:00:00:00:00:01")),
    )
    found = (ROUTER, IPv4Address(PEER.address), None, HOP, MAC)
    assert await macs(ingest) == [found]


async def test_a_mac_says_all_that_its_route_says(ingest: Ingest) -> None:
    esi = bytes(range(10))
    route = speaker_mp.mac_route(MAC, esi=esi)
    await ingest.say(UP, speaker_mp.announce(PEER, speaker_mp.EVPN, route))
    assert await ingest.row(
        "SELECT family, evpn_route_type, evpn_rd, evpn_esi, nlri::jsonb #>> '{labels,0}' "
        "FROM route_updates WHERE NOT is_withdrawn"
    ) == ("evpn", 2, "65000:100", "00:01:02:03:04:05:06:07:08:09", "100")


async def test_a_mac_that_is_withdrawn_is_not_found(ingest: Ingest) -> None:
    route = speaker_mp.mac_route(MAC)
    await ingest.say(
        UP,
        speaker_mp.announce(PEER, speaker_mp.EVPN, route),
        speaker_mp.withdraw(PEER, speaker_mp.EVPN, route),
    )
    assert await macs(ingest) == []
    assert await ingest.column("SELECT is_withdrawal FROM route_updates ORDER BY seq") == [
        False,
        True,
    ]


async def test_a_mac_whose_label_changes_is_the_same_route(ingest: Ingest) -> None:
    await ingest.say(
        UP,
        *(
            speaker_mp.announce(PEER, speaker_mp.EVPN, speaker_mp.mac_route(MAC, label=label))
            for label in (100, 200)
        ),
    )
    labels = "SELECT nlri::jsonb #>> '{labels,0}' FROM "
    assert len(await macs(ingest)) == 2
    assert await ingest.column(labels + "route_updates ORDER BY seq") == ["100", "200"]
    assert await ingest.column(labels + "current_routes") == ["200"]


async def test_a_mac_that_moves_is_found_at_its_new_place_first(ingest: Ingest) -> None:
    route = speaker_mp.mac_route(MAC)
    await ingest.say(
        UP,
        speaker_mp.announce(PEER, speaker_mp.EVPN, route, next_hop="192.0.2.7"),
        speaker_mp.announce(PEER, speaker_mp.EVPN, route, next_hop="192.0.2.8"),
    )
    assert [str(row[3]) for row in await macs(ingest)] == ["192.0.2.8", "192.0.2.7"]


async def test_a_mac_of_a_peer_that_went_down_is_not_found(ingest: Ingest) -> None:
    await ingest.say(
        UP,
        speaker_mp.announce(PEER, speaker_mp.EVPN, speaker_mp.mac_route(MAC)),
        speaker.peer_down(PEER),
    )
    assert await macs(ingest) == []


async def test_current_routes_have_the_last_path_of_each_prefix(ingest: Ingest) -> None:
    path = (4_200_000_001, 4_294_967_295)
    await ingest.say(
        UP,
        speaker.peer_up(BIG),
        speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"),
        speaker.announce(BIG, "10.0.0.0/8", path=path, med=4_294_967_295),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501,)),
        speaker.withdraw(PEER, "11.0.0.0/8"),
    )
    assert await current(ingest) == [
        ("192.0.2.1", "10.0.0.0/8", [64501]),
        ("198.51.100.9", "10.0.0.0/8", list(path)),
    ]
    assert await ingest.row(
        "SELECT bmp_peer_asn, bgp_peer_asn, med, communities FROM route_updates "
        "WHERE bgp_peer_ip = '198.51.100.9'"
    ) == (64500, 4_200_000_001, 4_294_967_295, ["64501:100"])


async def test_routes_that_went_with_their_peer_are_not_current(ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(UP + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        router.write(speaker.peer_down(PEER) + UP + speaker.announce(PEER, "11.0.0.0/8"))
        await ingest.until_committed(3)
        assert [row[1] for row in await current(ingest)] == ["11.0.0.0/8"]


async def test_routes_of_a_router_that_is_lost_stay_current(ingest: Ingest) -> None:
    await ingest.say(UP, speaker.announce(PEER, "10.0.0.0/8"))
    assert await ingest.value("SELECT state FROM current_routes") == "stale"
    assert [row[1] for row in await current(ingest)] == ["10.0.0.0/8"]


async def test_of_several_paths_one_that_is_live_is_current(ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(PEER, add_path=True),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501, 1), path_id=1),
        speaker.announce(PEER, "10.0.0.0/8", path=(64501, 2), path_id=4_294_967_295),
        speaker.withdraw(PEER, "10.0.0.0/8", path_id=4_294_967_295),
    )
    assert await current(ingest) == [("192.0.2.1", "10.0.0.0/8", [64501, 1])]
    assert await ingest.column(
        "SELECT path_id FROM route_updates WHERE is_withdrawn ORDER BY seq"
    ) == [4_294_967_295, 4_294_967_295]


async def test_a_vpn_route_is_current_under_its_prefix_and_is_no_evpn(ingest: Ingest) -> None:
    blue, red = (speaker_mp.vpn_route("10.0.0.0/8", rd=bytes([0] * 7 + [n])) for n in (1, 2))
    await ingest.say(
        UP,
        speaker_mp.announce(PEER, speaker_mp.VPNV4, blue, red),
        speaker_mp.withdraw(PEER, speaker_mp.VPNV4, red),
    )
    assert await current(ingest) == [("192.0.2.1", "10.0.0.0/8", [64501])]
    assert await ingest.row(
        "SELECT family, rd, evpn_rd, evpn_route_type FROM route_updates WHERE NOT is_withdrawn"
    ) == ("vpnv4", "0:1", None, None)


async def test_a_flow_specification_has_no_prefix_and_is_current(ingest: Ingest) -> None:
    route = speaker_mp.flowspec_route(8080)
    await ingest.say(UP, speaker_mp.announce(PEER, speaker_mp.FLOWSPEC, route))
    assert await current(ingest) == [("192.0.2.1", None, [64501])]


async def test_peers_and_their_events_are_told_by_router(ingest: Ingest) -> None:
    events = "SELECT host(peer_ip), event_type, reason_code FROM peer_events ORDER BY seq"
    async with ingest.connected() as router:
        router.write(speaker.initiation() + UP + speaker.peer_down(PEER))
        await ingest.until("SELECT count(*) FROM peer_events", 2)
        await ingest.until("SELECT is_active FROM bmp_peers", True)
        assert await ingest.row("SELECT host(peer_ip) FROM bmp_peers") == ("127.0.0.1",)
    await ingest.until("SELECT is_active FROM bmp_peers", False)
    assert await ingest.rows(events) == [
        ("127.0.0.1", "peer_up", None),
        ("127.0.0.1", "peer_down", 4),
    ]
