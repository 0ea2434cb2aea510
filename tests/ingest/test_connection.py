"""What a router's connection logs of the messages that it decodes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from tests.ingest import speaker
from tests.ingest.conftest import running
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest


async def test_a_malformed_update_is_logged_with_what_it_led_to_and_its_attribute(
    ingest: Ingest,
) -> None:
    broken = o.attribute(4, b"\0", 0x80)
    with capture_logs() as logs:
        await ingest.say(o.announcement(o.MANDATORY + broken, "198.51.100.0/24"))
    (line,) = (one for one in logs if one["event"] == "malformed_message")
    assert (line["router"], line["peer"]) == ("127.0.0.1", o.PEER)
    assert (line["log_level"], line["message_type"]) == ("error", "route monitoring")
    assert line["error"].startswith("in route monitoring: in update: in multi-exit-disc: length")
    assert (line["approach"], line["attribute"]) == ("treat-as-withdraw", "multi-exit-disc")


async def test_each_message_is_dumped_when_debugging(ingest: Ingest) -> None:
    first, second = speaker.initiation(), speaker.announce(speaker.Peer(), "10.0.0.0/8")
    logger = logging.getLogger("services.ingest.connection")
    logger.setLevel(logging.DEBUG)
    try:
        with capture_logs() as logs:
            await ingest.say(first + second)
    finally:
        logger.setLevel(logging.NOTSET)
    dumps = [line for line in logs if line["event"] == "bmp_message_received"]
    assert [bytes.fromhex(line["data_hex"]) for line in dumps] == [first, second]
    assert [line["stream_offset"] for line in dumps] == [0, len(first)]
    assert [line["message_type"] for line in dumps] == ["initiation", "route monitoring"]


async def test_a_dump_has_a_bound(ingest: Ingest) -> None:
    logger = logging.getLogger("services.ingest.connection")
    logger.setLevel(logging.DEBUG)
    try:
        with capture_logs() as logs:
            await ingest.say(speaker.initiation(), speaker.message(100, bytes(100_000)))
    finally:
        logger.setLevel(logging.NOTSET)
    *_, line = (line for line in logs if line["event"] == "bmp_message_received")
    assert line["length"] == 100_006
    assert len(line["data_hex"]) == 2 * (6 + 42 + 4096)


async def test_messages_are_not_dumped_otherwise(ingest: Ingest) -> None:
    with capture_logs() as logs:
        await ingest.say(speaker.initiation())
    assert "bmp_message_received" not in {line["event"] for line in logs}


async def test_the_router_and_its_bgp_peers_come_and_go_in_lines_of_their_own(
    ingest: Ingest,
) -> None:
    peer = speaker.Peer()
    with capture_logs() as logs:
        await ingest.say(speaker.initiation() + speaker.peer_up(peer) + speaker.peer_down(peer))
        await ingest.say(speaker.initiation())
    told = [
        {name: line[name] for name in ("event", "peer", "router", "router_id") if name in line}
        for line in logs
        if "peer" in line["event"] or "BMP" in line["event"]
    ]
    router, bgp_id = "127.0.0.1", "10.0.0.1"
    session = f"BMP peer {router} has established a session"
    assert told == [
        {"event": "peer_connected", "peer": router, "router_id": None},
        {"event": session, "router": router, "router_id": None},
        {"event": "BGP peer up", "peer": "192.0.2.1", "router": router},
        {"event": "BGP peer down", "peer": "192.0.2.1", "router": router},
        {"event": "peer_disconnected", "peer": router, "router_id": bgp_id},
        {"event": "peer_connected", "peer": router, "router_id": bgp_id},
        {"event": session, "router": router, "router_id": bgp_id},
        {"event": "peer_disconnected", "peer": router, "router_id": bgp_id},
    ]
    down = next(line for line in logs if line["event"] == "BGP peer down")
    assert (down["code"], down["reason"]) == (4, "remote system closed, no NOTIFICATION")
    assert all(
        line["duration_seconds"] > 0 for line in logs if line["event"] == "peer_disconnected"
    )


async def test_a_router_that_the_store_knows_is_told_by_its_bgp_identifier(
    migrated_url: str,
) -> None:
    async with running(migrated_url) as ingest:
        await ingest.say(speaker.peer_up(speaker.Peer()))
    with capture_logs() as logs:
        async with running(migrated_url) as ingest:
            await ingest.say(speaker.initiation())
    (line,) = [line for line in logs if line["event"] == "peer_connected"]
    assert line["router_id"] == "10.0.0.1"
