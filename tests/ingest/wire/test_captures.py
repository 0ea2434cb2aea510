"""What real routers sent: the same events however it is cut, and the counts of another decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.ingest.summary import Summary
from services.ingest.wire import (
    Initiation,
    MalformedMessage,
    PeerDown,
    PeerUp,
    RibView,
    RouteMonitoring,
    StatisticsReport,
    StreamDecoder,
)
from services.ingest.wire.families import VPNV4
from tests.ingest.wire.decoding import DATA, messages, real_capture, texts

EXPECTED: dict[str, Any] = (
    json.loads((DATA / "expected.json").read_text()) if (DATA / "expected.json").exists() else {}
)
LAB = (
    "bird-2.18-adjin-v4v6.bmp",
    "frr-8.4.4-adjin-v4v6.bmp",
    "gobgp-3.10.0-all-afi.bmp",
    "gobgp-3.10.0-late-join.bmp",
    "gobgp-3.10.0-reconnect.bmp",
)
BAD_FLOWSPEC = {
    "lab/gobgp-3.10.0-all-afi.bmp": 5,
    "lab/gobgp-3.10.0-late-join.bmp": 3,
    "lab/gobgp-3.10.0-reconnect.bmp": 3,
}

HUAWEI_LOC_RIB = "multi-vendor/203.0.113.23.58985.bmp.xz"
FRR_8_0 = "multi-vendor/203.0.113.58.51765.bmp.xz"
FRR_8_0_AGAIN = "multi-vendor/203.0.113.58.58555.bmp.xz"

DIFFERENCES: dict[str, dict[str, object]] = {
    # Three routes have an AGGREGATOR of AS 0, which RFC 7607 2 calls malformed; it is discarded.
    "juniper-m320-2018-full-table.bmp.xz": {"malformed_updates": 3},
    # Every route of the Loc-RIB, labeled ones too, has a path identifier of 0 or 1 that the OPENs
    # do not offer; each UPDATE holds one route. The other decoder reads identifiers in VPN routes
    # only, and takes the zeros of the others for more routes. The Peer Ups, one for each family,
    # add up, so that only the labeled families are read against them.
    HUAWEI_LOC_RIB: {
        "add_path_nlri": 200,
        "add_path_disagrees_with_open": 79,
        "announced": {"v4lu": 45, "v4u": 79, "v6lu": 34, "v6u": 64, "vpnv4": 52, "vpnv6": 65},
    },
    # AS_PATHs of 2-octet numbers under a header that says 4: malformed to the other decoder, read
    # as what they are here (RFC 6793 has no such thing; the path fits in no other way).
    FRR_8_0: {"announced": {"v4u": 142, "vpnv4": 151, "vpnv6": 67}, "malformed_updates": 0},
    FRR_8_0_AGAIN: {"announced": {"v4u": 48, "vpnv4": 99, "vpnv6": 67}, "malformed_updates": 0},
}


def counts(data: bytes) -> dict[str, object]:
    decoder = StreamDecoder()
    summary = Summary()
    for found in decoder.feed(data):
        summary.add(found, decoder)
    assert decoder.close() is None
    return summary.as_json()


@pytest.mark.skipif(not EXPECTED, reason="no captures in ../shared/data/bmp beside this repository")
@pytest.mark.parametrize("name", EXPECTED or ["absent"])
def test_the_counts_are_those_of_another_decoder_or_better(name: str) -> None:
    assert counts(real_capture(name)) == {**EXPECTED[name], **DIFFERENCES.get(name, {})}


@pytest.mark.parametrize("name", [f"lab/{name}" for name in LAB])
def test_nothing_that_these_routers_send_is_malformed_but_some_of_gobgp(name: str) -> None:
    """With ADD-PATH on IPv4 unicast GoBGP 3.10 writes path identifiers within FlowSpec prefixes."""
    bad = [found for found in messages(real_capture(name)) if isinstance(found, MalformedMessage)]
    assert len(bad) == BAD_FLOWSPEC.get(name, 0)
    for found in bad:
        assert "in ipv4_flowspec nlri: component type" in str(found.error)


def routes_of(name: str) -> list[RouteMonitoring]:
    return [m for m in messages(real_capture(name)) if isinstance(m, RouteMonitoring)]


@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("gobgp-3.10.0-all-afi.bmp", {RibView.ADJ_RIB_IN_PRE}),
        ("gobgp-3.10.0-late-join.bmp", set()),
        ("gobgp-3.10.0-reconnect.bmp", set()),
    ],
)
def test_gobgp_has_path_ids_in_pre_policy_changes_and_not_in_its_dumps(
    name: str, views: set[RibView]
) -> None:
    with_ids = {
        found.peer.view
        for found in routes_of(f"lab/{name}")
        for routes in found.update.announced + found.update.withdrawn
        if routes.path_ids is not None
    }
    assert with_ids == views


@pytest.mark.parametrize("name", [f"lab/{name}" for name in LAB])
def test_no_default_route_appears_that_the_lab_never_had(name: str) -> None:
    found = [routes for one in routes_of(name) for routes in one.update.withdrawn]
    assert not {"0.0.0.0/0", "::/0"} & set(texts(found))


def test_frr_8_0_writes_two_octet_paths_under_a_header_that_says_four() -> None:
    decoder = StreamDecoder()
    found = list(decoder.feed(real_capture(FRR_8_0)))
    short = [
        one
        for one in found
        if isinstance(one, RouteMonitoring)
        and one.update.attributes is not None
        and one.update.attributes.as_octets == 2
        and one.update.attributes.as_path
    ]
    assert {one.update.attributes.as_path_text for one in short if one.update.attributes} == {
        "65000"
    }
    assert {routes.family for one in short for routes in one.update.announced} == {VPNV4}
    assert decoder.counters.as_width_overridden == len(short) == 2


def test_frr_8_0_has_a_loc_rib_without_a_peer_up_and_a_private_statistic() -> None:
    found = messages(real_capture(FRR_8_0))
    ups = {one.peer.peer_type for one in found if isinstance(one, PeerUp)}
    assert 3 not in ups
    stats = {kind for one in found if isinstance(one, StatisticsReport) for kind, _ in one.stats}
    assert 65531 in stats


def test_huawei_sends_tlvs_after_the_update_of_a_loc_rib() -> None:
    trailing = [one for one in routes_of(HUAWEI_LOC_RIB) if one.trailing]
    assert len(trailing) == 200
    assert {one.peer.view for one in trailing} == {RibView.LOC_RIB}


def test_adj_rib_out_of_an_mx204_belongs_to_a_peer_up_without_the_o_flag() -> None:
    decoder = StreamDecoder()
    out = [
        one.peer.key in decoder.peers
        for one in decoder.feed(real_capture("multi-vendor/203.0.113.19.54183.bmp.xz"))
        if isinstance(one, RouteMonitoring) and one.peer.view.is_out
    ]
    assert len(out) == 120
    assert all(out)


def test_bird_names_no_system_and_stamps_its_peer_up_with_zero() -> None:
    found = messages(real_capture("lab/bird-2.18-adjin-v4v6.bmp"))
    assert [one.sys_name for one in found if isinstance(one, Initiation)] == ["Not defined"]
    assert [one.peer.timestamp_us for one in found if isinstance(one, PeerUp)] == [0]


def test_frr_reports_a_peer_down_for_peers_never_up() -> None:
    decoder = StreamDecoder()
    first = [
        one.peer.key in decoder.peers
        for one in decoder.feed(real_capture("lab/frr-8.4.4-late-join.bmp"))
        if isinstance(one, PeerDown)
    ]
    assert first == [False]


def test_ios_xr_names_the_table_of_each_loc_rib() -> None:
    found = messages(real_capture("multi-vendor/2001_db8_90__1.24643.bmp.xz"))
    tables = [
        one.table_name for one in found if isinstance(one, PeerUp) and one.peer.peer_type == 3
    ]
    assert len(tables) == 12
    assert "global" in tables
    assert all(tables)
