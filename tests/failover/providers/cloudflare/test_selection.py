"""Which routes are ours, and what one bulk update of them leaves behind."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.failover.policy.model import Site
from services.failover.providers.cloudflare.routes import Penalty, Route, parse
from services.failover.providers.cloudflare.selection import (
    Groups,
    Priorities,
    SelectionError,
    select,
)
from tests.failover.providers.cloudflare.harness import (
    LOCAL,
    NEXT_HOP,
    PRIORITIES,
    REMOTE,
    route,
    selector,
)
from tests.fakes.cloudflare import FakeCloudflare

BOTH = [route(1, NEXT_HOP[LOCAL], 100), route(2, NEXT_HOP[REMOTE], 200)]
DESCRIPTIONS = st.sampled_from([None, "", "edge-primary", "our edge-", "Edge-", "other", "edge"])
PRIORITY = st.integers(1, 499_999) | st.sampled_from([100, 200, 500_100, 1_000_200])


@st.composite
def tables(draw: st.DrawFn) -> list[Route]:
    """Any routes: ours and others', tied, mixed and with penalties."""
    hops = st.sampled_from([*NEXT_HOP.values(), "10.9.9.9"])
    rows = draw(st.lists(st.tuples(hops, PRIORITY, DESCRIPTIONS), max_size=8))
    return [route(number, *row) for number, row in enumerate(rows)]


def priorities_after(groups: Groups, target: Site) -> dict[Site, list[int]]:
    """What a done update leaves, without penalties."""
    written = {row["id"]: row["priority"] for row in groups.changes(target, PRIORITIES)}
    return {
        site: [int(str(written.get(r.id, r.own_priority))) for r in groups.to[site]]
        for site in Site
    }


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_substring_is_refused_since_it_matches_every_route(empty: str) -> None:
    with pytest.raises(ValueError, match="empty DESCRIPTION_SUBSTRING"):
        selector(description_substring=empty)


def test_one_next_hop_for_both_sites_is_refused() -> None:
    same = dict.fromkeys(Site, ip_address("10.0.0.1"))
    with pytest.raises(ValueError, match="are the same"):
        selector(next_hops=same)


def test_a_null_description_matches_nothing_and_breaks_nothing() -> None:
    groups = select([*BOTH, route(3, "10.9.9.9", 100, None)], selector())
    assert [r.id for _, r in groups] == ["id1", "id2"]


def test_no_match_is_an_error_that_names_the_substring() -> None:
    with pytest.raises(SelectionError, match="'edge-' matches 0 routes"):
        select([route(1, NEXT_HOP[LOCAL], 100, "other")], selector())


def test_a_match_that_leads_to_neither_site_is_an_error_that_names_it() -> None:
    stray = route(3, "10.9.9.9", 100, "edge-third")
    with pytest.raises(SelectionError, match=r"neither.*id3 203\.0\.113\.0/24 via 10\.9\.9\.9"):
        select([*BOTH, stray], selector())


def test_a_next_hop_that_is_no_address_leads_to_neither_site() -> None:
    with pytest.raises(SelectionError, match="neither"):
        select([*BOTH, route(3, "tunnel-1", 100)], selector())


def test_next_hops_are_compared_as_addresses_and_not_as_text() -> None:
    hops = {LOCAL: ip_address("2001:db8::1"), REMOTE: ip_address("2001:db8::2")}
    routes = [route(1, "2001:DB8:0::1", 100), route(2, "2001:db8::0:2", 200)]
    assert select(routes, selector(next_hops=hops)).preferred is LOCAL


def test_a_site_without_a_route_is_an_error_that_names_it() -> None:
    with pytest.raises(SelectionError, match=r"remote site \(10\.0\.1\.1\)"):
        select(BOTH[:1], selector())


@pytest.mark.parametrize("expected", [1, 3])
def test_another_count_than_expected_is_an_error(expected: int) -> None:
    with pytest.raises(SelectionError, match=f"matches 2 routes, and {expected} are expected"):
        select(BOTH, selector(expected_routes=expected))


def test_more_routes_than_may_be_touched_are_an_error() -> None:
    with pytest.raises(SelectionError, match="at most 1 may be touched"):
        select(BOTH, selector(max_routes=1))


@pytest.mark.parametrize(
    ("preferred", "other"), [(100, 100), (200, 100), (0, 100), (100, 500_000), (500_000, 500_001)]
)
def test_priorities_that_tie_or_look_like_penalties_are_refused(preferred: int, other: int) -> None:
    with pytest.raises(ValueError, match="CLOUDFLARE_PRIMARY_PRIORITY"):
        Priorities(preferred, other)


@pytest.mark.parametrize(
    ("local", "remote", "preferred"),
    [
        ([100], [200], LOCAL),
        ([200], [100], REMOTE),
        ([100], [100], None),
        ([100, 200], [200, 100], None),
        ([100, 150], [150, 200], None),
    ],
)
def test_a_site_is_preferred_only_if_all_its_routes_are_lower(
    local: list[int], remote: list[int], preferred: Site | None
) -> None:
    routes = [route(n, NEXT_HOP[LOCAL], value) for n, value in enumerate(local)]
    routes += [route(n + 10, NEXT_HOP[REMOTE], value) for n, value in enumerate(remote)]
    groups = select(routes, selector())
    assert groups.preferred is preferred
    if preferred is None:
        assert "mixed, or tied" in groups.said()


@pytest.mark.parametrize(
    ("read", "penalty", "own"),
    [
        (100, Penalty.NONE, 100),
        (499_999, Penalty.NONE, 499_999),
        (500_100, Penalty.DEGRADED, 100),
        (1_000_100, Penalty.DOWN, 100),
    ],
)
def test_a_penalty_is_told_from_the_priority_that_was_set(
    read: int, penalty: Penalty, own: int
) -> None:
    found = route(1, NEXT_HOP[LOCAL], read)
    assert (found.penalty, found.own_priority) == (penalty, own)


def test_penalties_are_said_and_change_where_traffic_goes_but_not_what_is_preferred() -> None:
    groups = select([route(1, NEXT_HOP[LOCAL], 1_000_100), BOTH[1]], selector())
    assert groups.preferred is LOCAL
    assert groups.used is REMOTE
    assert "tunnels to the local site are down for Cloudflare (+1,000,000)" in groups.said()


def test_a_row_is_written_whole_and_only_its_priority_changes() -> None:
    row = {
        "id": "c4a7",
        "prefix": "203.0.113.0/24",
        "nexthop": "10.0.0.1",
        "priority": 100,
        "weight": 100,
        "scope": {"colo_names": ["den01"]},
        "description": "edge-",
        "a_field_of_tomorrow": [1],
    }
    read = {**row, "created_on": "2017", "modified_on": "2018", "null_is_left_out": None}
    assert list(parse(read).with_priority(200).items()) == list({**row, "priority": 200}.items())


@given(tables())
def test_a_selection_is_all_that_matches_or_an_error(table: list[Route]) -> None:
    ours = [r for r in table if "edge-" in r.description]
    leads_to = {r.nexthop for r in ours}
    if leads_to == set(NEXT_HOP.values()):
        assert {r.id for _, r in select(table, selector())} == {r.id for r in ours}
    else:
        with pytest.raises(SelectionError):
            select(table, selector())


@given(tables(), st.sampled_from(Site))
def test_one_update_leads_from_any_state_to_one_without_a_tie(
    table: list[Route], target: Site
) -> None:
    try:
        groups = select(table, selector())
    except SelectionError:
        return
    after = priorities_after(groups, target)
    assert set(after[target]) == {PRIORITIES.preferred}
    assert set(after[target.other]) == {PRIORITIES.other}


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.sampled_from(Site))
def test_the_traffic_never_passes_through_a_tie(more_local: list[bool], target: Site) -> None:
    fake = FakeCloudflare()
    prefixes = [f"192.0.2.{number}/32" for number in range(len(more_local))]
    for prefix, is_local in zip(prefixes, more_local, strict=True):
        fake.add(prefix, NEXT_HOP[LOCAL], 100 if is_local else 200, description="edge-")
        fake.add(prefix, NEXT_HOP[REMOTE], 200 if is_local else 100, description="edge-")
    groups = select([parse(row) for row in fake.routes.values()], selector())
    if rows := groups.changes(target, PRIORITIES):
        fake.write(rows)
        assert len(fake.history) == 1, "one request"
    for traffic in [*fake.history, fake.all_traffic()]:
        assert all(shares == {NEXT_HOP[target]: 1.0} for shares in traffic.values())


@given(tables(), st.sampled_from(Site))
def test_what_is_done_is_not_done_again(table: list[Route], target: Site) -> None:
    try:
        groups = select(table, selector())
    except SelectionError:
        return
    rows = {row["id"]: parse(row) for row in groups.changes(target, PRIORITIES)}
    done = select([rows.get(r.id, r) for r in table], selector())
    assert done.changes(target, PRIORITIES) == []
