"""What GCP says of backends and sessions, and what is made of it."""

from __future__ import annotations

import pytest

from services.failover.policy.model import Health
from services.failover.providers.gcp.readings import (
    BgpRule,
    Count,
    Groups,
    Rule,
    Session,
    endpoints,
    groups,
    sessions,
    together,
)

WELL, ILL, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN
HALF = Rule(min_fraction=0.5)
ZONE = "https://www.googleapis.com/compute/v1/projects/p/zones/us-east1-b/instanceGroups"


@pytest.mark.parametrize(
    ("rule", "well", "ill", "unknown", "expected"),
    [
        (HALF, 2, 2, 0, WELL),
        (HALF, 1, 2, 0, ILL),
        (HALF, 1, 1, 1, UNKNOWN),
        (HALF, 2, 0, 2, WELL),
        (HALF, 0, 3, 2, ILL),
        (HALF, 0, 0, 1, UNKNOWN),
        (HALF, 0, 0, 0, UNKNOWN),
        (Rule(min_count=3), 2, 0, 0, ILL),
        (Rule(min_count=3), 2, 5, 1, UNKNOWN),
        (Rule(min_fraction=1.0), 5, 0, 0, WELL),
        (Rule(min_fraction=0.1, min_count=0), 3, 27, 0, WELL),
        (Rule(), 1, 99, 0, WELL),
        (Rule(), 0, 99, 0, ILL),
    ],
)
def test_a_rule_counts_the_unknown_as_either(
    rule: Rule, well: int, ill: int, unknown: int, expected: Health
) -> None:
    assert rule.judge(Count(well, ill, unknown)) is expected


def test_a_count_says_what_is_not_known() -> None:
    assert str(Count.of([WELL, WELL, ILL, UNKNOWN])) == "2 of 4 healthy, 1 not known"
    assert str(Count(1, 1)) == "1 of 2 healthy"


# ---- backends


def test_a_group_without_health_status_is_unknown_and_not_healthy() -> None:
    assert endpoints({"kind": "compute#backendServiceGroupHealth"}) == [UNKNOWN]
    assert endpoints({"healthStatus": []}) == [UNKNOWN]


@pytest.mark.parametrize("state", ["DRAINING", "", None])
def test_a_health_state_that_is_not_known_is_unknown(state: str | None) -> None:
    assert endpoints({"healthStatus": [{"healthState": state}]}) == [UNKNOWN]


def test_an_ipv6_endpoint_has_its_own_state() -> None:
    assert endpoints({"healthStatus": [{"ipv6HealthState": "HEALTHY"}]}) == [WELL]


def test_the_same_endpoint_twice_counts_once_and_the_worse_word_of_it() -> None:
    one = {"instance": "i/1", "ipAddress": "10.0.0.2", "port": 443, "forwardingRule": "fr1"}
    two = {**one, "forwardingRule": "fr2"}
    listed = [
        {**one, "healthState": "HEALTHY"},
        {**one, "healthState": "UNHEALTHY"},
        {**one, "healthState": "HEALTHY"},
        {**two, "healthState": "HEALTHY"},
    ]
    assert endpoints({"healthStatus": listed}) == [ILL, WELL]


@pytest.mark.parametrize(
    ("group", "region"),
    [
        (f"{ZONE}/web", "us-east1"),
        ("/zones/europe-west10-a/networkEndpointGroups/neg", "europe-west10"),
        ("https://x/projects/p/regions/us-east1/instanceGroups/web", "us-east1"),
    ],
)
def test_a_group_s_region_is_in_its_url(group: str, region: str) -> None:
    service = {"backends": [{"group": group}]}
    assert groups(service, region) == Groups(counted=(group,))
    assert not groups(service, "us-east")


def test_global_endpoint_groups_are_in_no_region() -> None:
    service = {"backends": [{"group": "https://x/projects/p/global/networkEndpointGroups/g"}]}
    assert not groups(service, "global")


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ({"group": f"{ZONE}/web", "capacityScaler": 0}, "web is drained (capacityScaler 0)"),
        ({"group": f"{ZONE}/web", "capacityScaler": 0.0}, "web is drained (capacityScaler 0)"),
        ({"group": f"{ZONE}/web", "failover": True}, "web is a failover group"),
        (
            {"group": "/regions/us-east1/networkEndpointGroups/run"},
            "run is a regional endpoint group, which has no health checks",
        ),
    ],
)
def test_groups_that_say_nothing_are_left_out_and_told(
    backend: dict[str, object], reason: str
) -> None:
    service = {"backends": [backend, {"group": f"{ZONE}/main", "capacityScaler": 1}]}
    assert groups(service, "us-east1") == Groups((f"{ZONE}/main",), (reason,))


def test_a_service_without_backends_is_nowhere() -> None:
    assert not groups({"name": "empty"}, "us-east1")


def test_one_service_that_fails_is_enough() -> None:
    assert together({"a": WELL, "b": ILL, "c": UNKNOWN}) is ILL
    assert together({"a": WELL, "b": UNKNOWN}) is UNKNOWN
    assert together({"a": WELL, "b": WELL}) is WELL
    assert together({}) is UNKNOWN


# ---- BGP sessions


UP = {"name": "a", "status": "UP", "state": "Established", "uptimeSeconds": "600"}
LEARNED = {**UP, "numLearnedRoutes": 12}


def session(
    peer: dict[str, object], rule: BgpRule | None = None, before: int | None = None
) -> Session:
    [found] = sessions({"bgpPeerStatus": [peer]}, rule or BgpRule(), {"a": before})
    return found


@pytest.mark.parametrize(
    ("status", "state", "health"),
    [
        ("UP", "Established", WELL),
        ("DOWN", "The VPN Tunnel is not in Established state.", ILL),
        ("DOWN", "Idle", ILL),
        ("UNKNOWN", "Idle", UNKNOWN),
        ("NEW_STATUS", "Established", UNKNOWN),
        (None, "Established", UNKNOWN),
    ],
)
def test_the_status_decides_and_the_state_is_shown(
    status: str | None, state: str, health: Health
) -> None:
    found = session({**LEARNED, "status": status, "state": state})
    assert (found.health, found.detail) == (health, f"a {state}")


def test_an_uptime_that_went_back_is_a_session_that_was_down() -> None:
    found = session(LEARNED, before=9_000)
    assert found.health is ILL
    assert found.detail == "a Established, was down in between (up for 600 s, before for 9000 s)"


@pytest.mark.parametrize("before", [None, 570, 600])
def test_an_uptime_that_grew_or_is_new_is_fine(before: int | None) -> None:
    assert session(LEARNED, before=before).health is WELL


def test_a_session_over_which_nothing_is_learned_is_shown_and_down_if_wanted() -> None:
    for peer in (UP, {**UP, "numLearnedRoutes": 0}):
        assert session(peer).health is WELL
        assert session(peer).detail == "a Established, no routes learned"
        assert session(peer, BgpRule(needs_learned_routes=True)).health is ILL


def test_a_depreferenced_peer_is_shown_as_such() -> None:
    assert session({**LEARNED, "depreferenced": True}).detail == "a Established, depreferenced"


def test_only_named_peers_count_and_one_that_is_not_there_is_unknown() -> None:
    status = {"bgpPeerStatus": [LEARNED, {**LEARNED, "name": "b", "status": "DOWN"}]}
    found = sessions(status, BgpRule(names=frozenset({"a", "z"})), {})
    assert [(one.name, one.health) for one in found] == [("a", WELL), ("z", UNKNOWN)]
