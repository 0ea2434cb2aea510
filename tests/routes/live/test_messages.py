"""What routers say, as subscribers hear it."""

from __future__ import annotations

import asyncio
import struct
import time
from typing import TYPE_CHECKING

import pytest

from tests.ingest import speaker, speaker_mp
from tests.ingest.speaker import as_path, attribute, bgp, message, nlri

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest
    from tests.routes.live.listening import Listener

PEER = speaker.Peer("192.0.2.1", 64501)
V6 = speaker.Peer("2001:db8::7", 4_200_000_001)


def monitoring(peer: speaker.Peer, withdrawn: bytes, attributes: bytes, announced: bytes) -> bytes:
    body = struct.pack(">H", len(withdrawn)) + withdrawn
    body += struct.pack(">H", len(attributes)) + attributes + announced
    return message(0, peer.header() + bgp(2, body))


async def test_an_announcement_is_told_as_ris_live_tells_it(
    ingest: Ingest, listener: Listener
) -> None:
    await ingest.say(speaker.initiation("edge-1"))
    await listener.subscribe(type="UPDATE")
    before = time.time()
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8", "10.1.0.0/16", med=0),
    )
    told = await listener.told()
    assert before <= told["timestamp"] <= time.time()
    assert told["peer"] == "192.0.2.1"
    assert told["peer_asn"] == "64501"
    assert told["host"] == "edge-1"
    assert told["path"] == [64501, 64502]
    assert told["community"] == [[64501, 100]]
    assert told["origin"] == "igp"
    assert told["med"] == 0
    assert told["announcements"] == [
        {"next_hop": "192.0.2.1", "prefixes": ["10.0.0.0/8", "10.1.0.0/16"]}
    ]
    assert not told.keys() & {"withdrawals", "aggregator", "local_pref", "raw", "nlri"}
    assert (told["rib"], told["families"]) == ("adj_in_pre", ["ipv4_unicast"])
    assert (told["router"], told["router_timestamp"]) == ("127.0.0.1", 1_700_000_000)


async def test_every_attribute_that_ris_live_has_is_told(
    ingest: Ingest, listener: Listener
) -> None:
    attributes = (
        attribute(1, b"\2")
        + attribute(2, as_path(64501) + struct.pack(">BBII", 1, 2, 64999, 64888))
        + attribute(3, bytes([192, 0, 2, 9]))
        + attribute(4, (4_294_967_295).to_bytes(4, "big"), 0x80)
        + attribute(6, b"")
        + attribute(7, struct.pack(">I4s", 65010, bytes([192, 0, 2, 33])), 0xC0)
        + attribute(8, struct.pack(">HHHH", 65535, 65281, 1, 2), 0xC0)
        + attribute(32, struct.pack(">III", 4_200_000_000, 1, 2), 0xC0)
    )
    await listener.subscribe(type="UPDATE")
    await ingest.say(
        speaker.peer_up(PEER), monitoring(PEER, b"", attributes, nlri("198.51.100.0/24"))
    )
    told = await listener.told()
    assert told["path"] == [64501, [64999, 64888]]
    assert told["origin"] == "incomplete"
    assert told["med"] == 4_294_967_295
    assert told["aggregator"] == "65010:192.0.2.33"
    assert told["community"] == [[65535, 65281], [1, 2]]
    assert told["atomic_aggregate"] is True
    assert told["large_community"] == ["4200000000:1:2"]
    assert told["host"] == "127.0.0.1"  # it never said its name


async def test_a_withdrawal_has_prefixes_and_no_attributes(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(require="withdrawals")
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker.withdraw(PEER, "10.0.0.0/8"),
    )
    told = await listener.told()
    assert told["withdrawals"] == ["10.0.0.0/8"]
    assert not told.keys() & {"announcements", "path", "community", "origin"}


async def test_ipv6_is_told_in_its_canonical_form(ingest: Ingest, listener: Listener) -> None:
    await listener.subscribe(type="UPDATE")
    await ingest.say(speaker.peer_up(V6), speaker.announce6(V6, "2001:db8:1::/48", "::/0"))
    told = await listener.told()
    assert (told["peer"], told["peer_asn"]) == ("2001:db8::7", "4200000001")
    assert told["announcements"] == [
        {"next_hop": "2001:db8::1", "prefixes": ["2001:db8:1::/48", "::/0"]}
    ]


async def test_what_an_update_withdraws_and_announces_is_announced(
    ingest: Ingest, listener: Listener
) -> None:
    attributes = attribute(1, b"\0") + attribute(2, as_path(64501)) + attribute(3, bytes(4))
    both = monitoring(
        PEER, nlri("10.0.0.0/8", "10.9.0.0/16"), attributes, nlri("10.0.0.0/8", "10.1.0.0/16")
    )
    await listener.subscribe(type="UPDATE")
    await ingest.say(speaker.peer_up(PEER), both)
    told = await listener.told()
    assert told["withdrawals"] == ["10.9.0.0/16"]
    assert told["announcements"][0]["prefixes"] == ["10.0.0.0/8", "10.1.0.0/16"]


async def test_path_identifiers_are_told_beside_the_prefixes(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(type="UPDATE")
    # GoBGP dumps a view without them first: the routes with them take the place of those.
    await ingest.say(
        speaker.peer_up(PEER, add_path=True),
        speaker.announce(PEER, "10.0.0.0/8", path_id=7),
        speaker.withdraw(PEER, "10.0.0.0/8", path_id=7),
    )
    told = await listener.told()
    assert told["announcements"] == [
        {"next_hop": "192.0.2.1", "prefixes": ["10.0.0.0/8"], "path_ids": [7]}
    ]
    assert "withdrawals" not in told
    told = await listener.told()
    assert (told["withdrawals"], told["withdrawal_path_ids"]) == (["10.0.0.0/8"], [7])


async def test_other_families_are_told_where_clients_of_ris_live_do_not_look(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(type="UPDATE")
    evpn, vpn = (25, 70), (1, 128)
    await ingest.say(
        speaker.peer_up(PEER),
        speaker_mp.announce(PEER, evpn, speaker_mp.mac_route("02:00:00:00:00:01", label=100)),
        speaker_mp.announce(PEER, vpn, speaker_mp.vpn_route("10.0.0.0/8")),
        speaker_mp.withdraw(PEER, evpn, speaker_mp.mac_route("02:00:00:00:00:01", label=100)),
    )
    told = await listener.told()
    assert not told.keys() & {"announcements", "withdrawals"}
    (route,) = told["nlri"]["announced"]
    assert (route["family"], route["nlri"]["mac"]) == ("evpn", "02:00:00:00:00:01")
    assert route["next_hop"] == "192.0.2.1"
    told = await listener.told()
    assert told["families"] == ["vpnv4"]
    assert told["nlri"]["announced"][0]["nlri"]["prefix"] == "10.0.0.0/8"
    told = await listener.told()
    assert told["nlri"]["withdrawn"][0]["nlri"]["mac"] == "02:00:00:00:00:01"


async def test_prefixes_of_other_families_can_be_subscribed_to(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(prefix="10.0.0.0/8", family="vpnv4")
    await ingest.say(
        speaker.peer_up(PEER),
        speaker.announce(PEER, "10.0.0.0/8"),
        speaker_mp.announce(PEER, (1, 128), speaker_mp.vpn_route("172.16.0.0/12")),
        speaker_mp.announce(PEER, (1, 128), speaker_mp.vpn_route("10.2.0.0/16")),
    )
    told = await listener.told()
    assert told["nlri"]["announced"][0]["nlri"]["prefix"] == "10.2.0.0/16"


async def test_a_peer_that_comes_and_goes_is_told(ingest: Ingest, listener: Listener) -> None:
    await ingest.say(speaker.initiation("edge-1"))
    await listener.subscribe()
    cease = message(2, PEER.header() + b"\x03" + bgp(3, bytes([6, 2]) + b"\x04noon"))
    async with ingest.connected() as router:
        router.write(speaker.peer_up(PEER))
        state = await listener.told()
        assert (state["type"], state["state"]) == ("RIS_PEER_STATE", "connected")
        assert (state["peer"], state["host"]) == ("192.0.2.1", "edge-1")
        opened = await listener.told()
        assert opened["type"] == "OPEN"
        assert (opened["direction"], opened["version"], opened["asn"]) == ("received", 4, 64501)
        assert (opened["hold_time"], opened["router_id"]) == (180, "10.0.0.1")
        assert opened["capabilities"]["1"] == {
            "name": "multiprotocol",
            "values": ["00010001", "00020001"],
            "families": ["ipv4_unicast", "ipv6_unicast"],
        }
        router.write(cease)
        notification = await listener.told()
        assert notification["type"] == "NOTIFICATION"
        assert notification["notification"] == {"code": 6, "subcode": 2}
        assert notification["direction"] == "received"
        state = await listener.told()
        assert (state["type"], state["state"]) == ("RIS_PEER_STATE", "down")
        assert state["reason"].endswith("noon")
    assert len({state["id"], notification["id"], opened["id"]}) == 3


async def test_a_router_that_goes_takes_its_peers_with_it(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe(type="RIS_PEER_STATE")
    await ingest.say(speaker.peer_up(PEER), speaker.peer_up(V6))
    told = [await listener.told() for _ in range(4)]
    assert [(one["peer"], one["state"]) for one in told[:2]] == [
        ("192.0.2.1", "connected"),
        ("2001:db8::7", "connected"),
    ]
    assert {(one["peer"], one["state"]) for one in told[2:]} == {
        ("192.0.2.1", "down"),
        ("2001:db8::7", "down"),
    }
    await ingest.say(speaker.peer_up(PEER))
    assert (await listener.told())["state"] == "connected"


async def test_a_peer_without_a_peer_up_is_connected_once(
    ingest: Ingest, listener: Listener
) -> None:
    await listener.subscribe()
    async with ingest.connected() as router:
        router.write(speaker.announce(PEER, "10.0.0.0/8"))
        assert (await listener.told())["state"] == "connected"
        assert (await listener.told())["type"] == "UPDATE"
        router.write(speaker.peer_up(PEER))
        assert (await listener.told())["type"] == "OPEN"


@pytest.mark.parametrize("rib", ["adj_in_post", "adj_in_pre"])
async def test_views_are_told_apart(ingest: Ingest, listener: Listener, rib: str) -> None:
    post = speaker.Peer(PEER.address, PEER.asn, speaker.POST_POLICY)
    await listener.subscribe(type="UPDATE", rib=rib)
    await ingest.say(
        speaker.peer_up(PEER), speaker.announce(PEER, "10.1.0.0/16"),
        speaker.announce(post, "10.2.0.0/16"), speaker.announce(PEER, "10.3.0.0/16"),
    )  # fmt: skip
    told = await listener.told()
    assert told["rib"] == rib
    assert told["announcements"][0]["prefixes"] == [
        "10.2.0.0/16" if rib == "adj_in_post" else "10.1.0.0/16"
    ]


async def test_ids_are_sortable(ingest: Ingest, listener: Listener) -> None:
    await listener.subscribe(type="UPDATE")
    await ingest.say(
        speaker.peer_up(PEER), *(speaker.announce(PEER, f"10.{i}.0.0/16") for i in range(50))
    )
    told = [await listener.told() for _ in range(50)]
    ids = [one["id"] for one in told]
    assert ids == sorted(set(ids))
    assert [one["announcements"][0]["prefixes"] for one in told] == [
        [f"10.{i}.0.0/16"] for i in range(50)
    ]
    async with asyncio.timeout(5):
        assert (await listener.ask("ping"))["type"] == "pong"
