"""RFC 7606: what each of its clauses leads to (the clauses are in rfc7606_clauses.py)."""

from __future__ import annotations

import pytest

from services.ingest.wire import MalformedMessage, RouteMonitoring, StreamDecoder
from services.ingest.wire.attribute_codes import OPTIONAL_TRANSITIVE as BOTH
from services.ingest.wire.errors import Approach, WireError
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import messages, texts
from tests.ingest.wire.rfc7606_clauses import (
    DISCARD,
    KEEP,
    LOCAL_PREF,
    NLRI,
    REACH,
    RESET,
    ROUTE,
    ROUTE6,
    ROWS,
    UNUSED,
    WITHDRAW,
    Row,
    announce,
    beside,
)


def judged(row: Row, decoder: StreamDecoder | None = None) -> RouteMonitoring | MalformedMessage:
    octets = o.route_monitoring(row.message, o.peer(flags=row.flags))
    *_, found = messages(row.peer_up, octets, decoder=decoder)
    assert isinstance(found, RouteMonitoring | MalformedMessage)
    return found


def errors_of(found: RouteMonitoring | MalformedMessage) -> list[WireError]:
    if isinstance(found, MalformedMessage):
        return [found.error]
    attributes = found.update.attributes
    return [*found.update.errors, *(attributes.discarded if attributes else ())]


def outcome_of(found: RouteMonitoring | MalformedMessage) -> str:
    if isinstance(found, MalformedMessage):
        return RESET
    update = found.update
    if any(error.approach is Approach.TREAT_AS_WITHDRAW for error in update.errors):
        return WITHDRAW
    if update.errors:
        return DISCARD
    return UNUSED if update.attributes and update.attributes.discarded else KEEP


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_clause_has_its_outcome(row: Row) -> None:
    assert outcome_of(judged(row)) == row.outcome


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_clause_has_its_outcome_again_for_the_same_octets(row: Row) -> None:
    """Attributes are decoded once; what they lead to is not forgotten."""
    decoder = StreamDecoder()
    judged(row, decoder)
    assert outcome_of(judged(row._replace(peer_up=b""), decoder)) == row.outcome


@pytest.mark.parametrize("row", [row for row in ROWS if row.outcome != KEEP], ids=str)
def test_each_error_names_its_section_its_place_and_its_attribute(row: Row) -> None:
    found = judged(row)
    cited = row.cites or row.clause
    errors = [error for error in errors_of(found) if error.section.endswith(cited)]
    if row.outcome == RESET and not errors:  # 3 i and 3 j are carried out by 5.3
        errors = [error for error in errors_of(found) if error.section == "RFC 7606 5.3"]
    assert errors
    assert all(error.approach for error in errors)
    assert all(error.context for error in errors)
    assert all(0 <= error.offset <= found.length for error in errors)
    if row.attribute is not None:
        assert row.attribute in [error.attribute for error in errors]


@pytest.mark.parametrize("row", [row for row in ROWS if row.outcome == WITHDRAW], ids=str)
def test_what_is_withdrawn_is_every_route_that_was_announced(row: Row) -> None:
    found = judged(row)
    assert isinstance(found, RouteMonitoring)
    assert found.update.announced == []
    assert found.update.attributes is None
    assert {*texts(found.update.withdrawn)} <= {ROUTE, ROUTE6}
    assert found.update.withdrawn


@pytest.mark.parametrize("row", [row for row in ROWS if row.outcome == RESET], ids=str)
def test_the_connection_goes_on_after_what_would_reset_a_session(row: Row) -> None:
    decoder = StreamDecoder()
    found = judged(row, decoder)
    assert isinstance(found, MalformedMessage)
    assert found.error.approach is Approach.SESSION_RESET
    (next_one,) = messages(o.announcement(), decoder=decoder)
    assert isinstance(next_one, RouteMonitoring)
    assert texts(next_one.update.announced) == [ROUTE]


def test_both_families_are_withdrawn_where_one_next_hop_is_broken() -> None:
    """RFC 7606 2: all routes that the UPDATE contains."""
    octets = o.update(o.ORIGIN + o.AS_PATH + o.attribute(3, b"") + REACH, NLRI)
    (found,) = messages(o.route_monitoring(octets))
    assert isinstance(found, RouteMonitoring)
    assert found.update.announced == []
    assert {*texts(found.update.withdrawn)} == {ROUTE, ROUTE6}
    assert len(found.update.errors) == 1


def test_a_route_is_withdrawn_whatever_was_withdrawn_beside_it() -> None:
    octets = o.update(o.attribute(1, b"") + o.AS_PATH + o.NEXT_HOP, NLRI, o.prefix("10.0.0.0/8"))
    (found,) = messages(o.route_monitoring(octets))
    assert isinstance(found, RouteMonitoring)
    assert texts(found.update.withdrawn) == ["10.0.0.0/8", ROUTE]


@pytest.mark.parametrize("flags", [0x40, 0x10, 0x50])
def test_the_router_s_own_tables_may_lack_a_next_hop(flags: int) -> None:
    """FRR 8.0 writes post-policy and Loc-RIB routes so; they are in use all the same."""
    row = Row("3 d", "no NEXT_HOP", announce(o.ORIGIN + o.AS_PATH), KEEP, flags=flags)
    decoder = StreamDecoder()
    assert outcome_of(judged(row, decoder)) == KEEP
    assert outcome_of(judged(row._replace(flags=0), decoder)) == WITHDRAW


def test_attr_sets_inside_one_another_end_somewhere() -> None:
    inner = bytes(4)
    for _ in range(60):
        inner = bytes(4) + o.attribute(128, inner, BOTH)
    (found,) = messages(o.route_monitoring(beside(o.attribute(128, inner, BOTH))))
    assert outcome_of(found) == WITHDRAW  # type: ignore[arg-type]
    assert "one inside another too often" in str(found.update.errors[0])  # type: ignore[union-attr]


def test_the_first_of_two_counts() -> None:
    (found,) = messages(o.route_monitoring(beside(LOCAL_PREF, o.attribute(5, bytes(4)))))
    assert isinstance(found, RouteMonitoring)
    assert found.update.attributes is not None
    assert found.update.attributes.local_pref == 100
