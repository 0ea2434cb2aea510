"""EVPN routes and the moves of MAC addresses, over HTTP."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from shared.contracts.evpn import MacBody
from tests.ingest import speaker, speaker_mp
from tests.ingest.speaker_mp import EVPN

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.conftest import Api

REFLECTOR = speaker.Peer("192.0.2.1", 64501)
SECOND = speaker.Peer("192.0.2.2", 64502)
MAC = "00:00:5e:00:53:01"
PE1, PE2 = "203.0.113.1", "203.0.113.2"
TARGET = bytes.fromhex("0002fde900000064")  # rt:65001:100
ESI = bytes.fromhex("00112233445566778899")


def mobility(sequence: int, *, sticky: bool = False) -> bytes:
    """RFC 7432 7.7."""
    return struct.pack(">BBBBI", 6, 0, int(sticky), 0, sequence)


def route(mac: str = MAC, *, pe: str = PE1, esi: bytes = bytes(10)) -> bytes:
    """A MAC route with an RD of its PE's own."""
    number = int(pe.rpartition(".")[2])
    return speaker_mp.mac_route(mac, esi=esi, rd=struct.pack(">HHI", 0, 65000, number))


def told(
    peer: speaker.Peer,
    pe: str,
    *,
    sequence: int | None = None,
    esi: bytes = bytes(10),
    target: bytes = TARGET,
) -> bytes:
    """A PE says through a peer that the address is behind it."""
    communities = target + (b"" if sequence is None else mobility(sequence))
    found = route(pe=pe, esi=esi)
    return speaker_mp.announce(peer, EVPN, found, next_hop=pe, ext_communities=communities)


def gone(peer: speaker.Peer, pe: str) -> bytes:
    return speaker_mp.withdraw(peer, EVPN, route(pe=pe))


async def the_moves(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    body = await api.get(f"/evpn/mac/{MAC}", **parameters)
    MacBody.model_validate(body["data"] | {"moves": []})
    return list(body["data"]["moves"])


def places(moves: list[dict[str, Any]]) -> list[tuple[str, str, int | None]]:
    """From and to of each move, the oldest first, and the sequence number that it came with."""
    return [
        (one["from"]["next_hop"], one["to"]["next_hop"], one["to"]["sequence"])
        for one in reversed(moves)
    ]


@pytest.mark.parametrize(
    "written", [MAC, "00-00-5E-00-53-01", "0000.5e00.5301", "00005e005301", "0000:5e00:5301"]
)
async def test_an_address_is_found_however_it_is_written(
    api: Api, ingest: Ingest, written: str
) -> None:
    await ingest.say(speaker.peer_up(REFLECTOR) + told(REFLECTOR, PE1, sequence=3))
    body = await api.get(f"/evpn/mac/{written}")
    assert body["data"]["mac"] == MAC
    (shown,) = body["data"]["routes"]
    assert (shown["next_hop"], shown["evpn"]["mac"]) == (PE1, MAC)
    assert "mac-mobility:3" in shown["ext_communities"]
    assert body["data"]["moves"] == []


async def test_what_is_no_mac_address_is_refused(api: Api) -> None:
    for wrong in ("00:00:5e:00:53", "router", "00:00:5e:00:53:01:02", "g0:00:5e:00:53:01"):
        assert (await api.refused(f"/evpn/mac/{wrong}"))["errors"][0]["parameter"] == "mac"


async def test_an_address_that_nobody_announced_is_nowhere(api: Api) -> None:
    body = await api.get(f"/evpn/mac/{MAC}")
    assert body["data"] == {"mac": MAC, "routes": [], "moves": []}


async def test_a_higher_sequence_number_moves_an_address(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.initiation("leaf-1") + speaker.peer_up(REFLECTOR))
        router.write(told(REFLECTOR, PE1) + told(REFLECTOR, PE2, sequence=1))
        router.write(gone(REFLECTOR, PE1) + told(REFLECTOR, PE1, sequence=2))
        router.write(gone(REFLECTOR, PE2))
        await ingest.until_committed(5)
        moves = await the_moves(api)
    assert places(moves) == [(PE1, PE2, 1), (PE2, PE1, 2)]
    newest = moves[0]
    assert newest["changed"] == ["next_hop"]
    assert (newest["router"], newest["rib"]) == ("leaf-1", "adj_in_pre")
    assert newest["bridge_domain"] == "tag 0, rt 100"
    assert newest["to"]["peer"]["asn"] == 64501
    assert (newest["to"]["rd"], newest["from"]["rd"]) == ("65000:1", "65000:2")
    assert newest["time"] > moves[1]["time"]


async def test_an_address_that_comes_back_elsewhere_has_moved(api: Api, ingest: Ingest) -> None:
    await ingest.say(
        speaker.peer_up(REFLECTOR) + told(REFLECTOR, PE1) + gone(REFLECTOR, PE1),
        told(REFLECTOR, PE2) + gone(REFLECTOR, PE2) + told(REFLECTOR, PE2),
    )
    assert places(await the_moves(api)) == [(PE1, PE2, None)]


async def test_the_same_routes_from_two_reflectors_are_no_move(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(REFLECTOR) + speaker.peer_up(SECOND))
        router.write(told(REFLECTOR, PE1) + told(SECOND, PE1))
        await ingest.until_committed(2)
        assert await the_moves(api) == []
        router.write(speaker.peer_down(REFLECTOR))
        await ingest.until("SELECT count(*) FROM rib.peer WHERE state = 'down'", 1)
        (move,) = await the_moves(api)
    assert move["changed"] == ["peer"]
    assert (move["from"]["peer"]["asn"], move["to"]["peer"]["asn"]) == (64501, 64502)


async def test_every_pe_of_a_segment_may_announce_an_address(api: Api, ingest: Ingest) -> None:
    async with ingest.connected() as router:
        router.write(speaker.peer_up(REFLECTOR))
        router.write(told(REFLECTOR, PE1, esi=ESI) + told(REFLECTOR, PE2, esi=ESI))
        await ingest.until_committed(2)
        assert await the_moves(api) == []
        router.write(told(REFLECTOR, PE1, sequence=1, esi=bytes(10)))
        await ingest.until_committed(3)
        (move,) = await the_moves(api)
    assert move["changed"] == ["esi"]
    assert move["from"]["esi"] == "00:11:22:33:44:55:66:77:88:99"


async def test_a_peer_down_takes_an_address_away_and_the_next_session_may_move_it(
    api: Api, ingest: Ingest
) -> None:
    await ingest.say(
        speaker.peer_up(REFLECTOR) + told(REFLECTOR, PE1),
        speaker.peer_down(REFLECTOR),
        speaker.peer_up(REFLECTOR, 40001) + told(REFLECTOR, PE2),
    )
    assert places(await the_moves(api)) == [(PE1, PE2, None)]


async def test_an_address_in_two_bridge_domains_is_two_hosts(api: Api, ingest: Ingest) -> None:
    other = bytes.fromhex("0002fde9000000c8")
    await ingest.say(
        speaker.peer_up(REFLECTOR) + told(REFLECTOR, PE1),
        told(REFLECTOR, PE2, sequence=9, target=other),
    )
    body = await api.get(f"/evpn/mac/{MAC}")
    assert body["data"]["moves"] == []
    assert len(body["data"]["routes"]) == 2


async def test_moves_are_cut_by_time_and_by_number(api: Api, ingest: Ingest) -> None:
    hops = [told(REFLECTOR, PE1 if n % 2 else PE2, sequence=n) for n in range(1, 7)]
    await ingest.say(speaker.peer_up(REFLECTOR) + b"".join(hops))
    every = await the_moves(api)
    assert [one["to"]["sequence"] for one in every] == [6, 5, 4, 3, 2]
    assert await the_moves(api, starttime=every[1]["time"]) == every[:2]
    assert await the_moves(api, endtime=every[1]["time"]) == every[1:]
    body = await api.get(f"/evpn/mac/{MAC}", limit=2)
    assert body["data"]["moves"] == every[:2]
    assert body["meta"]["truncated"] is True
    assert "2 of 5 moves are shown" in " ".join(body["meta"]["warnings"])
    problem = await api.refused(f"/evpn/mac/{MAC}", starttime="-1h", endtime="-2h")
    assert problem["errors"][0]["parameter"] == "starttime"


async def test_evpn_routes_are_found_by_their_parts(api: Api, ingest: Ingest) -> None:
    other = "00:00:5e:00:53:02"
    async with ingest.connected() as router:
        router.write(speaker.peer_up(REFLECTOR))
        router.write(told(REFLECTOR, PE1, esi=ESI))
        second = speaker_mp.mac_route(other, label=0x271, rd=struct.pack(">HHI", 0, 65000, 7))
        router.write(speaker_mp.announce(REFLECTOR, EVPN, second, next_hop=PE2))
        router.write(speaker.announce(REFLECTOR, "198.51.100.0/24"))
        await ingest.until_committed(3)

        async def macs(**parameters: Any) -> set[str]:
            found = (await api.get("/evpn/routes", **parameters))["data"]
            return {one["evpn"]["mac"] for one in found}

        assert await macs() == {MAC, other}
        assert await macs(rd="65000:7") == {other}
        assert await macs(esi="0011.2233.4455.6677.8899") == {MAC}
        assert await macs(vni=0x2710) == {other}
        assert await macs(vni=[0x2710, 100 << 4]) == {MAC, other}
        assert await macs(mac=MAC) == {MAC}
        assert await macs(route_type=2, next_hop=PE2) == {other}
        assert await macs(route_type=5) == set()
        assert await macs(ip="10.0.0.1") == set()
        assert await macs(ext_community="rt:65001:100") == {MAC}
        assert await macs(peer_asn=64502) == set()
        now = await ingest.value("SELECT max(time)::text FROM rib.nlri_event")
        assert await macs(vni=0x2710, timestamp=now) == {other}
        assert await macs(esi=ESI.hex(), timestamp=now) == {MAC}
        assert await macs(mac=MAC, timestamp="-1h") == set()
        page = await api.get("/evpn/routes", limit=1)
        following = await api.get("/evpn/routes", limit=1, cursor=page["meta"]["next_cursor"])
        shown = [one["evpn"]["mac"] for one in page["data"] + following["data"]]
        assert set(shown) == {MAC, other}
        assert page["meta"]["query"]["family"] == ["evpn"]
        every = await api.get("/routes", family="evpn")
        assert len(every["data"]) == 2
    assert (await api.refused("/evpn/routes", esi="00:11"))["errors"][0]["parameter"] == "esi"
    assert (await api.refused("/evpn/routes", vni="x"))["errors"][0]["parameter"] == "vni"
