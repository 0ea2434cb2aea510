"""What routers do that breaks a station that trusts the RFCs, in the octets that they sent.

More of it is in test_captures.py and test_add_path.py, and, where a store is needed, in
tests/ingest/test_sessions.py and test_quirks.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    FramingError,
    Initiation,
    PeerDown,
    PeerHeader,
    PeerUp,
    RibView,
    RouteMonitoring,
    StatisticsReport,
    StreamDecoder,
    Termination,
    UnknownMessage,
)
from services.ingest.wire.families import VPNV4
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import described, message, messages, real_capture, texts, update_of

if TYPE_CHECKING:
    from services.ingest.wire import AnyMessage, PeerKey

BIRD = "lab/bird-2.18-adjin-v4v6.bmp"
FRR = "lab/frr-8.4.4-adjin-v4v6.bmp"
FRR_LATE = "lab/frr-8.4.4-late-join.bmp"
GOBGP = "lab/gobgp-3.10.0-all-afi.bmp"
GOBGP_LATE = "lab/gobgp-3.10.0-late-join.bmp"
IOS_XR_7_10 = "multi-vendor/2001_db8_73__1.45115.bmp.xz"
IOS_XR_24_4 = "multi-vendor/2001_db8_90__1.24643.bmp.xz"
IOS_XR_25_1 = "multi-vendor/2001_db8_91__1.34243.bmp.xz"
HUAWEI = "multi-vendor/203.0.113.81.50731.bmp.xz"
HUAWEI_LOC_RIB = "multi-vendor/203.0.113.23.58985.bmp.xz"


def sent(name: str) -> list[AnyMessage]:
    return messages(real_capture(name))


def routes(found: list[AnyMessage]) -> list[RouteMonitoring]:
    return [one for one in found if isinstance(one, RouteMonitoring)]


def ended(found: list[AnyMessage]) -> list[RouteMonitoring]:
    return [one for one in routes(found) if one.update.end_of_rib is not None]


# ---- the ten of every station: 1 and 5 are in test_captures.py, 7's mirror in test_mirroring.py


def test_2_gobgp_shows_a_loc_rib_that_never_came_up() -> None:
    found = sent(GOBGP)
    assert not [one for one in found if isinstance(one, PeerUp) and one.peer.peer_type == 3]
    loc_rib = [one for one in routes(found) if one.peer.view is RibView.LOC_RIB]
    assert sum(len(n.nlri) for one in loc_rib for n in one.update.announced) > 10


def test_3_the_flags_of_one_peer_vary() -> None:
    """GoBGP sets the A flag on its End-of-RIB only; a peer and its views are the same."""
    found = routes(sent(GOBGP_LATE))
    post = [one for one in found if one.peer.view is RibView.ADJ_RIB_IN_POST]
    assert {one.peer.flags for one in post} == {0x40, 0x60}
    assert len({one.peer.key for one in found if one.peer.peer_type == 0}) == 1
    assert not [one for one in post if one.update.errors]


def test_3_frr_ends_a_post_policy_table_that_is_not_configured() -> None:
    views = {one.peer.view for one in ended(sent(FRR_LATE))}
    assert views == {RibView.ADJ_RIB_IN_PRE, RibView.ADJ_RIB_IN_POST}


def test_4_the_clocks_of_routers_run_backwards() -> None:
    """FRR stamps an End-of-RIB with 0 and a Peer Up with another clock than its routes."""
    found = sent(FRR_LATE)
    assert {one.peer.timestamp_us for one in ended(found)} == {0}
    stamps = [one.peer.timestamp_us for one in routes(found) if one.update.announced]
    assert stamps != sorted(stamps)
    assert [one.offset for one in found] == sorted(one.offset for one in found)


def test_4_bird_stamps_peer_up_and_down_with_zero() -> None:
    stamps = [one.peer.timestamp_us for one in sent(BIRD) if isinstance(one, PeerUp | PeerDown)]
    assert stamps == [0, 0]


def test_6_a_peer_that_was_never_up_goes_down_without_an_identity() -> None:
    first = next(one for one in sent(FRR) if isinstance(one, PeerDown))
    assert first.peer.bgp_id == bytes(4)
    assert first.reason_text == "local system closed, no NOTIFICATION"
    assert first.fsm_event == 0


def test_7_routes_are_withdrawn_that_were_never_announced() -> None:
    known: set[tuple[PeerKey, RibView, int, bytes]] = set()
    strangers = []
    for one in routes(sent(FRR)):
        key, view = one.peer.key, one.peer.view
        for found in one.update.withdrawn:
            place = [(key, view, found.family, nlri) for nlri in found.nlri]
            strangers += [route for route in place if route not in known]
        for found in one.update.announced:
            known |= {(key, view, found.family, nlri) for nlri in found.nlri}
    assert len(strangers) == 6


def test_8_an_end_of_rib_comes_before_the_routes_or_not_at_all() -> None:
    bird = routes(sent(BIRD))
    assert {one.update.end_of_rib for one in bird[:4]} == {IPV4_UNICAST, IPV6_UNICAST}
    assert not [one for one in bird[:4] if one.update.announced]
    assert [one for one in bird[4:] if one.update.announced]
    assert not ended(sent(FRR))


@pytest.mark.parametrize("name", [BIRD, FRR, FRR_LATE, GOBGP, GOBGP_LATE])
def test_9_open_routers_send_one_route_in_a_message(name: str) -> None:
    sizes = {sum(len(n.nlri) for n in one.update.announced) for one in routes(sent(name))}
    assert sizes <= {0, 1}


@pytest.mark.parametrize("name", [IOS_XR_25_1, HUAWEI])
def test_10_the_routes_of_a_dump_are_as_many_as_the_statistics_say(name: str) -> None:
    """A dump that a router cut short shows here: type 9 counts the Adj-RIB-In by family."""
    table: dict[tuple[PeerKey, int], set[bytes]] = defaultdict(set)
    told: dict[tuple[PeerKey, int], int] = {}
    for one in sent(name):
        if isinstance(one, StatisticsReport):
            for kind, value in one.stats:
                if kind == 9 and isinstance(value, tuple):
                    told[one.peer.key, value[0]] = value[1]
        elif isinstance(one, RouteMonitoring) and one.peer.view is RibView.ADJ_RIB_IN_POST:
            for found in one.update.announced:
                table[one.peer.key, found.family] |= set(found.nlri)
            for found in one.update.withdrawn:
                table[one.peer.key, found.family] -= set(found.nlri)
    assert told
    assert {place: len(table[place]) for place in told} == told


# ---- what vendors do


def test_ios_xr_has_peers_of_rd_instances_and_one_loc_rib_for_each_vrf() -> None:
    ups = [one for one in sent(IOS_XR_24_4) if isinstance(one, PeerUp)]
    assert Counter(one.peer.peer_type for one in ups) == {0: 5, 1: 20, 3: 12}
    loc_ribs = [one for one in ups if one.peer.peer_type == 3]
    assert (
        len({one.peer.key for one in loc_ribs}) == len({one.table_name for one in loc_ribs}) == 12
    )


def test_ios_xr_describes_itself_by_a_version_with_a_blank_before_it() -> None:
    (first,) = (one for one in sent(IOS_XR_7_10) if isinstance(one, Initiation))
    assert first.sys_descr == " 7.10.1.30I"


def test_ios_xr_has_srv6_services_in_its_vpn_routes() -> None:
    sids = {
        sid["sid"]
        for one in routes(sent(IOS_XR_7_10))
        if one.update.attributes is not None and one.update.attributes.prefix_sid is not None
        for sid in one.update.attributes.prefix_sid.get("srv6_l3_service", [])  # type: ignore[attr-defined]
    }
    assert "2001:db8:90::" in sids


def test_ios_xr_may_have_no_next_hop_in_a_loc_rib() -> None:
    """A next hop of no octets, which no peer may send (RFC 7606 7.11)."""
    reach = o.mp_reach(IPV6_UNICAST, b"", o.prefix("2001:db8::/32"))
    update = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach), o.peer(kind=3)))
    assert update.errors == []
    assert texts(update.announced) == ["2001:db8::/32"]


def test_ios_xr_may_have_a_next_hop_of_a_route_distinguisher_alone_in_a_loc_rib() -> None:
    """The routes of its VRFs, whose next hop is the router itself."""
    nlri = bytes.fromhex("78138811000101010a0100010b0b0b0b70138811000101010a010001016401")
    octets = o.update(o.ORIGIN + o.AS_PATH + o.mp_reach(VPNV4, bytes(8), nlri))
    update = update_of(o.route_monitoring(octets, o.peer(kind=3)))
    assert texts(update.announced) == ["1.1.10.1:1:11.11.11.11/32", "1.1.10.1:1:1.100.1.0/24"]
    assert update.attributes is not None
    assert (update.errors, update.attributes.next_hop) == ([], None)


def test_ios_xr_has_routes_before_their_peer_up() -> None:
    decoder = StreamDecoder()
    early = [
        one.peer.key not in decoder.peers
        for one in decoder.feed(real_capture(IOS_XR_24_4))
        if isinstance(one, RouteMonitoring)
    ]
    assert sum(early) == 20


def test_huawei_has_adj_rib_out_routes_for_a_peer_up_without_the_o_flag() -> None:
    decoder = StreamDecoder()
    out = [
        one.peer.key in decoder.peers
        for one in decoder.feed(real_capture(HUAWEI))
        if isinstance(one, RouteMonitoring) and one.peer.view.is_out
    ]
    assert len(out) == 136
    assert all(out)
    ups = [one for one in sent(HUAWEI) if isinstance(one, PeerUp)]
    assert not [one for one in ups if one.peer.flags & 0x10]


def test_huawei_has_a_message_type_of_its_own_which_is_passed_over() -> None:
    found = messages(o.bmp(100, b"\1\2\3") + o.bmp(o.INITIATION, o.tlv(2, b"edge1")))
    assert isinstance(found[0], UnknownMessage)
    assert (found[0].type, found[0].body) == (100, b"\1\2\3")
    assert isinstance(found[1], Initiation)


def test_huawei_sends_tlvs_after_an_update_and_they_are_kept() -> None:
    trailing = {one.trailing[:2] for one in routes(sent(HUAWEI_LOC_RIB)) if one.trailing}
    assert trailing == {b"\xea\x62"}


def test_bird_has_a_local_pref_on_routes_of_an_external_peer() -> None:
    """Mostly its own default, 100. Left out as it came in, and said so (RFC 7606 7.5)."""
    pre = [one for one in routes(sent(BIRD)) if one.peer.view is RibView.ADJ_RIB_IN_PRE]
    sets = [one.update.attributes for one in pre if one.update.attributes is not None]
    assert {one.local_pref for one in sets} == {None}
    assert {error.section for one in sets for error in one.discarded} == {"RFC 7606 7.5"}
    assert not [one for one in pre if one.update.errors]
    post = [one for one in routes(sent(BIRD)) if one.peer.view is RibView.ADJ_RIB_IN_POST]
    assert {one.update.attributes.local_pref for one in post if one.update.attributes} == {100, 222}


def test_bird_says_why_it_leaves() -> None:
    (last,) = (one for one in sent(BIRD) if isinstance(one, Termination))
    assert last.reason_text == "administratively closed"


def test_gobgp_says_which_notification_ended_a_peer() -> None:
    (down,) = (one for one in sent(GOBGP) if isinstance(one, PeerDown))
    assert down.reason_text == (
        "remote system closed, NOTIFICATION received: Cease / Peer De-configured"
    )


def test_frr_has_opens_of_no_more_than_a_header_in_its_peer_up() -> None:
    """Where it knows none (FRR 7.5); the peer is up, and what follows the OPENs is read."""
    empty = o.bgp(1, b"")
    found = message(o.peer_up(empty, empty, o.tlv(0, b"LG")))
    assert isinstance(found, PeerUp)
    assert (found.sent_open, found.received_open, found.strings) == (None, None, ["LG"])
    assert str(found.error).startswith("in peer up: in sent open: OPEN is shorter than 29 octets")


def test_frr_says_that_a_notification_was_sent_and_shows_none() -> None:
    """When the route to the peer is gone (FRR 7.5)."""
    found = message(o.bmp(o.PEER_DOWN, o.peer() + b"\1"))
    assert isinstance(found, PeerDown)
    assert (found.reason, found.notification) == (1, None)
    assert "in peer down: BGP header runs past" in str(found.error)


def test_a_termination_with_half_a_reason_shows_its_octets() -> None:
    (shown,) = described(o.bmp(o.TERMINATION, o.tlv(1, b"\3") + o.tlv(0, b"bye")))
    assert (shown.get("reason_code"), shown["reason"]) == (None, "bye")
    assert shown["information"] == [{"type": 1, "name": "reason", "value": "03"}]


def test_a_router_of_bmp_version_4_is_refused_with_what_to_configure() -> None:
    decoder = StreamDecoder()
    with pytest.raises(FramingError, match="BMP version 4 is not spoken here; configure version 3"):
        list(decoder.feed(o.bmp(o.INITIATION, o.tlv(2, b"edge1"), version=4)))


def test_prefixes_with_spare_bits_are_the_prefixes_that_they_mean() -> None:
    octets = o.update(o.MANDATORY, bytes((20, 198, 51, 0x6F)) + bytes((1, 0xFF)))
    assert texts(update_of(o.route_monitoring(octets)).announced) == [
        "198.51.96.0/20",
        "128.0.0.0/1",
    ]


def test_the_f_flag_says_that_a_loc_rib_is_filtered() -> None:
    """RFC 9069 4.2; the bit is that of the V flag of other peers."""
    found = message(o.route_monitoring(o.update(), o.peer(kind=3, flags=0x80)))
    header: PeerHeader = found.peer
    assert (header.is_filtered, header.flag_names, header.address) == (True, ["F"], bytes(4))
    other: PeerHeader = message(o.route_monitoring(o.update(), o.peer(flags=0xF0))).peer
    assert (other.is_filtered, other.flag_names) == (False, ["V", "L", "A", "O"])


def test_a_peer_up_carries_strings_labels_and_a_table_name() -> None:
    """RFC 9736 3.3."""
    tlvs = o.tlv(0, b"inet.0") + o.tlv(4, b"edge") + o.tlv(3, b"blue") + o.tlv(0, b"second")
    found = message(o.peer_up(tlvs=tlvs))
    assert (found.strings, found.admin_labels, found.table_name) == (
        ["inet.0", "second"],
        ["edge"],
        "blue",
    )
