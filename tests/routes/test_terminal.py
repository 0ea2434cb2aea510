"""Tables that fit, and nothing in them that a terminal would obey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st

from services.routes.terminal import Cell, Column, Screen, freshness, span, table

WIDE = Screen(width=None, colors=False)
COLUMNS = (
    Column("prefix"),
    Column("router", drop=1),
    Column("as path", cut=True),
    Column("age", drop=2),
)
ROW = (
    Cell("192.0.2.0/24"),
    Cell("edge-1"),
    Cell("64501 64502 64503 64504 64505 64506"),
    Cell("3h"),
)


def narrow(width: int) -> list[str]:
    return table(COLUMNS, [ROW], Screen(width=width, colors=False))


def test_columns_are_aligned_and_lines_have_no_blanks_at_their_end() -> None:
    rows = [(Cell("a"), Cell("bbb")), (Cell("aaaa"), Cell("b"))]
    assert table([Column("one"), Column("two")], rows, WIDE) == [
        "one   two",
        "a     bbb",
        "aaaa  b",
    ]


def test_a_column_with_nothing_in_it_is_not_shown() -> None:
    rows = [(Cell("a"), Cell(""), Cell("c"))]
    assert table([Column("one"), Column("two"), Column("three")], rows, WIDE) == [
        "one  three",
        "a    c",
    ]


def test_nothing_is_cut_where_nobody_looks() -> None:
    assert table(COLUMNS, [ROW], WIDE)[1] == (
        "192.0.2.0/24  edge-1  64501 64502 64503 64504 64505 64506  3h"
    )


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (62, "192.0.2.0/24  edge-1  64501 64502 64503 64504 64505 64506  3h"),
        (50, "192.0.2.0/24  edge-1  64501 64502 … 64506      3h"),
        (36, "192.0.2.0/24  edge-1  64501 … 64506"),
        (30, "192.0.2.0/24  64501 … 64506"),
        (10, "192.0.2.0/24  64501 …64506"),
    ],
)
def test_a_narrow_terminal_loses_the_middle_of_the_path_and_then_columns(
    width: int, line: str
) -> None:
    heading, shown = narrow(width)
    assert shown == line
    assert ("router" in heading) == ("edge-1" in line)


@given(st.integers(1, 80), st.lists(st.text(max_size=30), min_size=4, max_size=4))
def test_whatever_the_width_every_line_fits_unless_nothing_can_be_left_out(
    width: int, texts: list[str]
) -> None:
    lines = table(COLUMNS, [tuple(map(Cell, texts))], Screen(width=width, colors=False))
    least = max(len(texts[0]), len("prefix")) + 2 + 12
    assert all(len(line) <= max(width, least) for line in lines)


@given(st.lists(st.text(max_size=12), min_size=4, max_size=4))
def test_colours_change_nothing_else(texts: list[str]) -> None:
    rows = [tuple(Cell(text, "red") for text in texts)]
    plain = table(COLUMNS, rows, WIDE)
    painted = table(COLUMNS, rows, Screen(width=None, colors=True))
    assert [unstyle(line) for line in painted] == plain
    assert (painted != plain) == any(texts)


def test_what_a_router_wrote_does_not_command_the_terminal() -> None:
    (_, line) = table([Column("name")], [(Cell("edge\x1b[2J\r\n\u202eevil"),)], WIDE)
    assert line == "edge?[2J???evil"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (7199, "1h"), (86_400, "1d"), (-5, "0s")],
)
def test_a_time_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_freshness_is_one_line() -> None:
    moment = datetime.now(UTC) - timedelta(hours=2, minutes=1)
    assert freshness(moment) == f"data as of {moment:%Y-%m-%d %H:%M:%S}Z, 2h ago"
    assert freshness(None) == "no router has sent anything yet"
