"""The capture that `bgpilot up --demo` replays has in it what the demo shows."""

from __future__ import annotations

import gzip
import ipaddress
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.ingest.commands import decode
from services.ingest.wire import RibView
from tests.routers.harness.heard import Heard

CAPTURE = Path(__file__).parents[2] / "shared" / "stack" / "demo.bmp.gz"
TRANSIT, PEER, CUSTOMER = "192.0.2.9", "192.0.2.17", "192.0.2.33"
PRE, POST = RibView.ADJ_RIB_IN_PRE, RibView.ADJ_RIB_IN_POST


@pytest.fixture(scope="module")
def heard() -> Heard:
    """What a station knows at the end of the capture."""
    heard = Heard()
    heard.feed(gzip.decompress(CAPTURE.read_bytes()))
    return heard


def test_it_is_small_and_its_gzip_header_tells_no_time() -> None:
    octets = CAPTURE.read_bytes()
    assert len(octets) < 2_000_000
    assert octets[4:8] == bytes(4)  # MTIME of RFC 1952 2.3


def test_the_decoder_finds_nothing_wrong_in_it() -> None:
    result = CliRunner().invoke(decode, ["--summary", str(CAPTURE)])
    summary = json.loads(result.output)
    assert result.exit_code == 0
    assert summary["initiation"] == ["FRRouting 8.4.4", "edge1.example.net"]
    assert summary["by_type"] | {"RM": ...} == {"Init": 1, "PeerUp": 4, "PeerDown": 2, "RM": ...}
    assert summary["end_of_rib"] == {"v4u": 6, "v6u": 6}
    assert summary["malformed_updates"] == summary["route_monitoring_without_peer_up"] == 0
    assert min(summary["withdrawn"].values()) > 100
    assert set(summary["route_monitoring_by_rib"]) == {"in-pre", "in-post"}


def test_transit_and_peer_stay_up_and_the_customer_stays_down(heard: Heard) -> None:
    assert heard.up == {TRANSIT, PEER}
    assert heard.table(CUSTOMER, PRE, "ipv4_unicast") == Counter()


@pytest.mark.parametrize(
    ("peer", "ipv4", "ipv6"), [(TRANSIT, 6200, 1800), (PEER, 2800, 800)], ids=["transit", "peer"]
)
def test_tables_of_both_families_are_there_before_and_after_the_policy(
    heard: Heard, peer: str, ipv4: int, ipv6: int
) -> None:
    for family, least in (("ipv4_unicast", ipv4), ("ipv6_unicast", ipv6)):
        before = heard.table(peer, PRE, family)
        assert before == heard.table(peer, POST, family)
        assert least < before.total() < least * 1.1


def test_routes_look_like_those_of_a_real_table(heard: Heard) -> None:
    routes = [*heard.table(TRANSIT, PRE, "ipv4_unicast"), *heard.table(PEER, PRE, "ipv4_unicast")]
    paths = [route.as_path for route in routes]
    lengths = Counter(min(len(set(path)), 8) for path in paths)
    assert sum(lengths[length] for length in range(2, 8)) > 0.97 * len(paths)
    assert sum(path[-1] == path[-2] for path in paths) > 0.05 * len(paths)
    assert any(isinstance(path[-1], frozenset) for path in paths)
    assert any(isinstance(asn, int) and asn > 65535 for path in paths for asn in path[1:])
    tagged = sum(bool(route.communities or route.large_communities) for route in routes)
    assert tagged > 0.99 * len(routes)
    assert any(route.med for route in routes)


def test_well_known_prefixes_have_more_specifics_in_them(heard: Heard) -> None:
    prefixes = {
        ipaddress.ip_network(route.prefix)
        for family in ("ipv4_unicast", "ipv6_unicast")
        for peer in (TRANSIT, PEER)
        for route in heard.table(peer, PRE, family)
    }
    for text in ("198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"):
        outer = ipaddress.ip_network(text)
        assert outer in prefixes
        assert any(
            outer.overlaps(inner) and inner.prefixlen > outer.prefixlen for inner in prefixes
        )
