"""Traps of a Cloud Router: each of them has withdrawn somebody's routes."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.failover.acting.actuator import ActionError
from services.failover.providers.gcp.advertising import (
    Goal,
    change,
    check_touches_only,
    merged,
    seen,
    told,
)
from tests.failover.providers.gcp.harness import PREFIX, custom
from tests.fakes.gcp_state import peer

if TYPE_CHECKING:
    from services.failover.providers.gcp.compute import Resource

ADVERTISED, WITHDRAWN = Goal(PREFIX, True, 42), Goal(PREFIX, False, 42)
OURS = str(PREFIX)
OTHER = "198.51.100.0/24"


def router(*peers: Resource, **bgp: object) -> Resource:
    """A router of the mode DEFAULT, unless told otherwise."""
    return {"name": "rt", "bgp": {"asn": 64514, **bgp}, "bgpPeers": list(peers)}


def test_the_way_from_default_to_custom_keeps_the_subnets() -> None:
    body = change(router(peer("a")), ADVERTISED)
    assert body["bgp"]["advertisedGroups"] == ["ALL_SUBNETS"]


def test_a_custom_router_without_subnets_gets_none() -> None:
    body = change(router(peer("a"), **custom(OTHER, groups=())), ADVERTISED)
    assert body["bgp"]["advertisedGroups"] == []


def test_the_last_range_is_taken_away_with_an_explicit_empty_list() -> None:
    body = change(router(peer("a"), **custom(OURS)), WITHDRAWN)
    assert body == {
        "bgp": {
            "advertiseMode": "CUSTOM",
            "advertisedGroups": ["ALL_SUBNETS"],
            "advertisedIpRanges": [],
        }
    }


def test_a_withdrawal_does_not_go_back_to_default() -> None:
    before = router(peer("a"), **custom(OURS))
    assert merged(before, change(before, WITHDRAWN))["bgp"]["advertiseMode"] == "CUSTOM"


def test_ranges_of_others_stay_as_they_are_with_their_descriptions() -> None:
    before = router(peer("a"), **custom(OTHER, OURS))
    body = change(before, WITHDRAWN)
    assert body["bgp"]["advertisedIpRanges"] == [{"range": OTHER, "description": "kept"}]


def test_fields_of_the_router_that_are_not_ours_are_not_sent() -> None:
    assert change(router(peer("a")), ADVERTISED).keys() == {"bgp"}
    assert "asn" not in change(router(peer("a")), ADVERTISED)["bgp"]


@pytest.mark.parametrize("written", ["203.0.113.0/24", "203.0.113.77/24"])
def test_ranges_are_compared_as_networks_and_not_as_text(written: str) -> None:
    assert change(router(peer("a"), **custom(OTHER, written)), ADVERTISED) == {}


def test_an_ipv6_prefix_is_found_however_it_is_written() -> None:
    goal = Goal(ip_network("2001:db8::/48"), True, 1)
    assert change(router(peer("a"), **custom("2001:0DB8:0::/48")), goal) == {}


def test_a_custom_peer_s_own_list_is_changed_in_a_copy_of_all_peers() -> None:
    a, b = peer("a", custom_field=1, **custom(OTHER)), peer("b", 2, advertisedRoutePriority=100)
    body = change(router(a, b, **custom(OURS)), ADVERTISED)
    assert body.keys() == {"bgpPeers"}
    added = {"range": OURS, "description": "fo:gen=42"}
    assert body["bgpPeers"] == [
        {**a, "advertisedIpRanges": [{"range": OTHER, "description": "kept"}, added]},
        b,
    ]


def test_the_router_s_list_is_not_changed_where_no_peer_inherits_it() -> None:
    assert change(router(peer("a", **custom())), ADVERTISED).keys() == {"bgpPeers"}


def test_a_withdrawal_takes_the_prefix_off_every_list() -> None:
    before = router(peer("a", **custom(OURS)), peer("b", 2, enable="FALSE", **custom(OURS)))
    before["bgp"] |= custom(OURS)
    after = merged(before, change(before, WITHDRAWN))
    lists = [after["bgp"], *after["bgpPeers"]]
    assert [holder["advertisedIpRanges"] for holder in lists] == [[], [], []]


def test_no_peer_is_switched_off_or_on() -> None:
    a = peer("a", enable="FALSE", **custom())
    assert change(router(a, peer("b", 2, **custom())), ADVERTISED)["bgpPeers"][0] == a


def test_a_peer_that_google_manages_is_not_edited_unless_told() -> None:
    attached = peer("a", managementType="MANAGED_BY_ATTACHMENT", **custom())
    with pytest.raises(ActionError, match="managed by an interconnect attachment"):
        change(router(attached), ADVERTISED)
    assert change(router(attached), Goal(PREFIX, True, 42, edits_attachments=True))


def test_a_managed_peer_that_inherits_is_in_nobody_s_way() -> None:
    attached = peer("a", managementType="MANAGED_BY_ATTACHMENT")
    assert change(router(attached), ADVERTISED).keys() == {"bgp"}


def test_a_session_s_range_number_201_is_refused() -> None:
    ranges = [str(one) for one in ip_network("10.0.0.0/16").subnets(new_prefix=24)]
    with pytest.raises(ActionError, match="number 201, and a session announces at most 200"):
        change(router(peer("a"), **custom(*ranges[:200])), ADVERTISED)
    assert change(router(peer("a"), **custom(*ranges[:199])), ADVERTISED)


def test_what_a_later_generation_announced_is_not_withdrawn() -> None:
    lists = custom(OURS)
    lists["advertisedIpRanges"][0]["description"] = "fo:svc=edge;gen=43"
    with pytest.raises(ActionError, match="generation 43, and this is generation 42"):
        change(router(peer("a"), **lists), WITHDRAWN)


@pytest.mark.parametrize("description", ["fo:gen=42", "fo:gen=7", "by hand", "", None])
def test_what_an_earlier_one_or_a_person_announced_is_withdrawn(description: str | None) -> None:
    lists = custom(OURS)
    lists["advertisedIpRanges"][0]["description"] = description
    assert change(router(peer("a"), **lists), WITHDRAWN)


def test_a_range_that_cannot_be_understood_stops_every_change() -> None:
    with pytest.raises(ActionError, match="'everything' that cannot be understood"):
        change(router(peer("a"), **custom("everything")), ADVERTISED)


@pytest.mark.parametrize(
    "after",
    [
        router(peer("a")),
        router(peer("a"), **custom(OURS)),
        router(peer("a"), **custom(OURS, OTHER, groups=())),
        router(peer("a"), **custom(OURS, OTHER, "192.0.2.0/24")),
    ],
)
def test_a_change_that_would_touch_what_is_not_ours_is_refused(after: Resource) -> None:
    with pytest.raises(ActionError, match="not ours to change"):
        check_touches_only(PREFIX, router(peer("a"), **custom(OTHER)), after)


def test_a_change_that_would_lose_a_peer_is_refused() -> None:
    before = router(peer("a"), peer("b", 2))
    with pytest.raises(ActionError, match="add or delete BGP peers"):
        check_touches_only(PREFIX, before, router(peer("a")))


def test_some_sessions_are_neither_all_nor_none() -> None:
    assert told(router(peer("a", **custom(OURS)), peer("b", 2)), PREFIX) is None
    assert told(router(peer("a", **custom(OURS))), PREFIX) is True
    assert told(router(peer("a")), PREFIX) is False
    assert told(router(**custom(OURS)), PREFIX) is True


def test_only_sessions_that_are_up_are_evidence() -> None:
    routes = [{"destRange": OTHER}, {"destRange": OURS}]
    peers = [
        {"name": "a", "status": "UP", "advertisedRoutes": routes},
        {"name": "b", "status": "UP"},
        {"name": "c", "status": "DOWN", "advertisedRoutes": routes},
        {"name": "d", "status": "UNKNOWN"},
    ]
    assert seen({"bgpPeerStatus": peers}, PREFIX) == {"a": True, "b": False}
    assert seen({}, PREFIX) == {}


def test_a_merge_patch_follows_the_rfc() -> None:
    # RFC 7396, appendix A.
    assert merged({"a": "b", "b": "c"}, {"a": None}) == {"b": "c"}
    assert merged({"a": ["b"]}, {"a": "c"}) == {"a": "c"}
    assert merged({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert merged({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert merged({"e": None}, {"a": 1}) == {"e": None, "a": 1}
    assert merged({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}
