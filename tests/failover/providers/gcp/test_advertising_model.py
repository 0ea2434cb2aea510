"""Any router and any goal: the change is made as GCP makes it, and looked at as GCP looks at it."""

from __future__ import annotations

import copy
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from services.failover.providers.gcp.advertising import Goal, change, told
from tests.fakes import gcp_state
from tests.fakes.gcp_state import check_router, merge, normalised, peer

if TYPE_CHECKING:
    from services.failover.providers.gcp.compute import Resource

RANGES = ["10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]


def holders() -> st.SearchStrategy[Resource]:
    """The lists of a router or of a peer."""

    def custom(ranges: list[str], groups: list[str]) -> Resource:
        entries = [{"range": one, "description": f"of {one}"} for one in ranges]
        found: Resource = {"advertiseMode": "CUSTOM", "advertisedGroups": groups}
        return {**found, "advertisedIpRanges": entries} if entries else found

    ranges = st.lists(st.sampled_from(RANGES), unique=True)
    groups = st.sampled_from([[], ["ALL_SUBNETS"]])
    return st.just({"advertiseMode": "DEFAULT"}) | st.builds(custom, ranges, groups)


@st.composite
def routers(draw: st.DrawFn) -> Resource:
    """A router with up to three peers."""
    peers = [
        peer(f"peer-{number}", number, **draw(holders()))
        | {"enable": draw(st.sampled_from(["TRUE", "TRUE", "FALSE"]))}
        for number in range(draw(st.integers(0, 3)))
    ]
    return {"name": "rt", "bgp": {"asn": 64514, **draw(holders())}, "bgpPeers": peers}


goals = st.builds(
    Goal, st.sampled_from([ip_network(one) for one in RANGES]), st.booleans(), st.just(42)
)


def sessions(router: Resource) -> dict[str, tuple[set[str], bool]]:
    """By peer that is on: its custom ranges, and whether the subnets are announced."""
    return {
        one["name"]: (gcp_state.told(router, one), subnets(router, one))
        for one in router["bgpPeers"]
        if one["enable"] == "TRUE"
    }


def subnets(router: Resource, one: Resource) -> bool:
    holder = one if one["advertiseMode"] == "CUSTOM" else router["bgp"]
    return holder["advertiseMode"] == "DEFAULT" or "ALL_SUBNETS" in holder["advertisedGroups"]


@given(routers(), goals)
def test_a_change_reaches_its_goal_on_every_session_and_touches_nothing_else(
    router: Resource, goal: Goal
) -> None:
    before = copy.deepcopy(router)
    after: dict[str, Any] = merge(router, change(router, goal))
    check_router(after)
    assert router == before
    prefix = {str(goal.prefix)}
    expected = {
        name: (ranges | prefix if goal.advertised else ranges - prefix, has_subnets)
        for name, (ranges, has_subnets) in sessions(before).items()
    }
    assert sessions(after) == expected
    rest = ("advertiseMode", "advertisedGroups", "advertisedIpRanges")
    for old, new in zip(
        (before["bgp"], *before["bgpPeers"]), (after["bgp"], *after["bgpPeers"]), strict=True
    ):
        assert {k: v for k, v in old.items() if k not in rest} == {
            k: v for k, v in new.items() if k not in rest
        }


@given(routers(), goals)
def test_a_change_that_was_made_leaves_nothing_to_change(router: Resource, goal: Goal) -> None:
    after = normalised(merge(router, change(router, goal)))
    assert change(after, goal) == {}
    if any(one["enable"] == "TRUE" for one in after["bgpPeers"]) or not after["bgpPeers"]:
        assert told(after, goal.prefix) is goal.advertised


@given(routers(), goals)
def test_no_announcement_of_a_withdrawn_prefix_comes_back_with_a_peer(
    router: Resource, goal: Goal
) -> None:
    gone = Goal(goal.prefix, False, 42)
    after = merge(router, change(router, gone))
    for one in after["bgpPeers"]:
        one["enable"] = "TRUE"
        assert str(goal.prefix) not in gcp_state.told(after, one)
