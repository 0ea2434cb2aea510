"""What is said every ten seconds of how routes flow, and what Prometheus reads of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from services.ingest.flow import ConnectionFlow, Flows, PeerFlow
from services.ingest.histogram import CountedHistogram
from services.ingest.metrics import family_label
from services.ingest.wire import EVPN, IPV4_UNICAST, IPV6_UNICAST, PeerHeader
from tests.ingest import speaker
from tests.ingest.conftest import DEADLINE, running

if TYPE_CHECKING:
    from tests.ingest.conftest import Ingest

PEER = speaker.Peer()
OTHER = speaker.Peer("2001:db8::7", 64777)
VPNV4 = 0x0180


def header(asn: int = 64501, peer_type: int = 0) -> PeerHeader:
    distinguisher = bytes([0, 0, 0, 7, 0, 0, 0, 9]) if peer_type else bytes(8)
    address = bytes([192, 0, 2, 1])
    return PeerHeader(peer_type, 0, distinguisher, address, asn, bytes(4), timestamp_us=0)


def report(flows: Flows, seconds: float = 10.0) -> list[dict[str, Any]]:
    with capture_logs() as logs:
        flows.report(seconds)
    return [dict(line) for line in logs]


def connected() -> tuple[Flows, ConnectionFlow, PeerFlow]:
    flows, connection = Flows(), ConnectionFlow("198.51.100.1")
    flows.add(connection)
    return flows, connection, connection.peer(header())


def test_what_was_received_and_what_was_committed_are_told_apart() -> None:
    flows, connection, peer = connected()
    peer.of(IPV4_UNICAST).announced = 1200
    peer.of(IPV6_UNICAST).withdrawn = 320
    peer.of(IPV4_UNICAST).committed = 1000
    peer.of(VPNV4).committed = 20
    connection.messages = 304
    counts = {
        "received": 1520,
        "processed": 1020,
        "ipv4": 1000,
        "ipv6": 0,
        "evpn": 0,
        "vpnv4": 20,
        "throughput_per_sec": 102,
        "waiting": 500,
        "log_level": "info",
        "router": "198.51.100.1",
    }
    assert report(flows) == [
        {"event": "route_stats", "peer": "192.0.2.1", "asn": 64501, **counts},
        {"event": "router_stats", "peers": 1, "messages": 304, **counts},
    ]


def test_each_report_is_about_its_own_time() -> None:
    flows, _, peer = connected()
    count = peer.of(EVPN)
    count.announced = 10
    assert [line["received"] for line in report(flows)] == [10, 10]
    assert report(flows) == []
    count.announced, count.committed = 13, 4
    peer_line, _ = report(flows, seconds=2.0)
    wanted = {"received": 3, "processed": 4, "evpn": 4, "throughput_per_sec": 2, "waiting": 9}
    assert wanted.items() <= peer_line.items()


def test_messages_without_routes_are_told_of_the_router_alone() -> None:
    flows, connection, _ = connected()
    connection.messages = 3
    (line,) = report(flows)
    assert (line["event"], line["messages"], line["received"]) == ("router_stats", 3, 0)


def test_a_peer_of_a_vrf_is_told_by_its_distinguisher() -> None:
    flows, connection, _ = connected()
    connection.peer(header(peer_type=1)).of(IPV4_UNICAST).announced = 1
    line, _ = report(flows)
    assert (line["peer_type"], line["distinguisher"]) == (1, "7:9")


def test_a_connection_that_is_over_is_told_of_until_its_routes_are_committed() -> None:
    flows, connection, peer = connected()
    count = peer.of(IPV4_UNICAST)
    count.announced = 5
    connection.end()
    report(flows)
    count.committed = 5
    line, _ = report(flows)
    assert line["processed"] == 5
    count.committed = 6
    assert report(flows) == []


def test_a_peer_whose_routes_are_never_committed_is_forgotten_in_the_end() -> None:
    flows, connection, peer = connected()
    peer.of(IPV4_UNICAST).announced = 5
    connection.end()
    for _ in range(100):
        report(flows)
    peer.of(IPV4_UNICAST).committed = 5
    assert report(flows) == []


def test_a_peer_that_comes_back_goes_on() -> None:
    _, connection, peer = connected()
    peer.of(IPV4_UNICAST).announced = 1
    peer.is_over = True
    assert connection.peer(header()) is peer
    assert not peer.is_done


async def test_a_report_says_what_the_store_has(migrated_url: str) -> None:
    async with running(migrated_url) as ingest, ingest.connected() as router:
        router.write(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8"))
        router.write(speaker.peer_up(OTHER) + speaker.announce6(OTHER, "2001:db8::/32"))
        router.write(speaker.withdraw(PEER, "10.0.0.0/8"))
        await ingest.until_committed(4)
        async with asyncio.timeout(DEADLINE):
            while not ingest.collector.batcher.is_idle:
                await asyncio.sleep(0.001)
        lines = report(ingest.collector.flows)
    by_peer = {line.get("peer", line["event"]): line for line in lines}
    assert by_peer["192.0.2.1"]["processed"] == by_peer["192.0.2.1"]["ipv4"] == 3
    assert by_peer["2001:db8::7"]["ipv6"] == by_peer["2001:db8::7"]["received"] == 1
    assert by_peer["router_stats"]["peers"] == 2
    assert by_peer["router_stats"]["messages"] == 5
    assert by_peer["router_stats"]["processed"] == 4


async def test_what_is_left_is_told_at_the_stop(migrated_url: str) -> None:
    with capture_logs() as logs:
        async with running(migrated_url) as ingest:
            await ingest.say(speaker.peer_up(PEER) + speaker.announce(PEER, "10.0.0.0/8"))
    (line,) = [line for line in logs if line["event"] == "route_stats"]
    assert (line["received"], line["processed"]) == (1, 1)


async def test_the_lag_of_each_update_is_counted_from_the_socket_to_the_commit(
    ingest: Ingest,
) -> None:
    def counted() -> tuple[float, float]:
        name = "bgpilot_ingest_lag_seconds"
        within = REGISTRY.get_sample_value(f"{name}_bucket", {"le": "10.0"})
        return within or 0.0, REGISTRY.get_sample_value(f"{name}_sum") or 0.0

    before, seconds = counted()
    await ingest.say(
        speaker.peer_up(PEER)
        + speaker.announce(PEER, "10.0.0.0/8", "11.0.0.0/8")
        + speaker.withdraw(PEER, "10.0.0.0/8")
    )
    after, later = counted()
    assert after == before + 2  # UPDATEs, not routes
    assert 0.001 < later - seconds < 20


async def test_routes_are_counted_by_family(ingest: Ingest) -> None:
    def announced() -> float:
        labels = {"family": "ipv6_unicast"}
        return REGISTRY.get_sample_value("bgpilot_ingest_announced_total", labels) or 0.0

    before = announced()
    await ingest.say(speaker.peer_up(PEER) + speaker.announce6(PEER, "2001:db8::/32", "a00::/8"))
    assert announced() == before + 2


def test_families_that_nobody_knows_share_a_label() -> None:
    assert family_label(IPV4_UNICAST) == "ipv4_unicast"
    assert family_label(0x123456) == family_label(0x123457) == "other"


def test_a_histogram_takes_many_at_once() -> None:
    registry = CollectorRegistry()
    histogram = CountedHistogram("lag_seconds", "What it is", (0.5, 1), registry)
    histogram.observe(0.5, 3)
    histogram.observe(0.75, 2)
    histogram.observe(7, 1)
    lines = generate_latest(registry).decode().splitlines()
    assert lines[2:] == [
        'lag_seconds_bucket{le="0.5"} 3.0',
        'lag_seconds_bucket{le="1.0"} 5.0',
        'lag_seconds_bucket{le="+Inf"} 6.0',
        "lag_seconds_count 6.0",
        "lag_seconds_sum 10.0",
    ]
