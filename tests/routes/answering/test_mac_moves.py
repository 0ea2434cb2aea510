"""The moves of a MAC address (RFC 7432 15), out of events in any order of arrival."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from services.routes.answering.mac_moves import Event, Key, Move, Place, Sweep, Told, moves

START = datetime(2026, 1, 1, tzinfo=UTC)
RIB, OTHER_RIB = 1, 2
OBSERVERS = {RIB: "leaf", OTHER_RIB: "leaf"}


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def says(second: int, pe: int, *, session: int = 1, rib: int = RIB, **different: Any) -> Event:
    """PE number `pe` announces the address."""
    place = Place(rib, f"203.0.113.{pe}", different.pop("esi", None))
    told = Told(place, rib, different.pop("domain", "tag 0"), **different)
    return Event(at(second), second, session, Key(rib, pe, None), told)


def withdraws(second: int, pe: int, *, session: int = 1, rib: int = RIB) -> Event:
    return Event(at(second), second, session, Key(rib, pe, None), None)


def sweep(second: int, session: int, *ribs: int) -> Sweep:
    return Sweep(at(second), second, session, frozenset(ribs or (RIB,)))


def told(found: list[Move]) -> list[tuple[int, str, str]]:
    """When, from and to: the last octets of the next hops."""
    return [
        (
            int((move.time - START).total_seconds()),
            (move.origin.place.next_hop or "").rpartition(".")[2],
            (move.to.place.next_hop or "").rpartition(".")[2],
        )
        for move in found
    ]


def test_the_lowest_address_counts_where_numbers_are_equal() -> None:
    happened = [says(1, 30), says(2, 10), says(3, 9), withdraws(4, 30)]
    assert told(moves(happened, OBSERVERS)) == [(4, "30", "9")]


def test_a_static_address_stays_whatever_number_another_has() -> None:
    found = moves([says(1, 1, sticky=True), says(2, 2, sequence=9), withdraws(3, 1)], OBSERVERS)
    assert told(found) == [(3, "1", "2")]


def test_a_lower_number_moves_nothing() -> None:
    assert moves([says(1, 1, sequence=5), says(2, 2, sequence=4)], OBSERVERS) == []


def test_the_order_of_arrival_does_not_matter() -> None:
    happened = [
        says(1, 1),
        says(2, 2, sequence=1),
        withdraws(3, 1),
        says(4, 1, sequence=2),
        sweep(5, 2),
        says(6, 2, session=2),
    ]
    expected = [(2, "1", "2"), (4, "2", "1"), (6, "1", "2")]
    for seed in range(20):
        shuffled = random.Random(seed).sample(happened, len(happened))  # noqa: S311 - a test's
        assert told(moves(shuffled, OBSERVERS)) == expected


def test_what_an_old_session_still_says_is_not_heard() -> None:
    found = moves([says(1, 1, session=2), says(2, 1, session=1, sequence=8)], OBSERVERS)
    assert found == []
    late = [says(1, 1, session=2), sweep(2, 2), says(3, 2, session=1, sequence=8)]
    assert moves(late, OBSERVERS) == []


def test_a_table_without_the_address_takes_it_from_that_rib_alone() -> None:
    happened = [
        says(1, 1),
        says(2, 1, rib=OTHER_RIB),
        sweep(3, 2, RIB),
        says(4, 2, rib=OTHER_RIB, sequence=1),
    ]
    first, second = moves(happened, OBSERVERS)
    assert first.changed == ["peer"]
    assert second.changed == ["next_hop"]


def test_routers_that_see_the_same_are_asked_each_by_itself() -> None:
    happened = [
        says(1, 1),
        says(1, 1, rib=OTHER_RIB),
        says(2, 2, sequence=1),
        says(5, 2, sequence=1, rib=OTHER_RIB),
    ]
    assert told(moves(happened, {RIB: "one", OTHER_RIB: "other"})) == [
        (2, "1", "2"),
        (5, "1", "2"),
    ]


@pytest.mark.parametrize("seed", range(30))
def test_moves_lead_from_each_place_to_the_next(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's
    happened: list[Event | Sweep] = []
    for second in range(200):
        pe, rib = chance.randrange(4), chance.choice([RIB, OTHER_RIB])
        happened.append(
            withdraws(second, pe, rib=rib)
            if chance.random() < 0.4
            else says(second, pe, rib=rib, sequence=chance.randrange(4))
        )
    found = moves(happened, OBSERVERS)
    for before, after in pairwise(found):
        assert before.to.place == after.origin.place
        assert before.time < after.time
    assert all(move.changed for move in found)
