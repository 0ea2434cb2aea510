"""Answers of the API as tables that fit a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "
_LEAST = 12
"""A column that may be cut keeps so many characters."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column of one row; what routers wrote must not command a terminal."""

    text: str
    color: str | None = None

    def __str__(self) -> str:
        return "".join(one if one.isprintable() else "?" for one in self.text)


@dataclass(frozen=True, slots=True)
class Column:
    """How a column behaves where the terminal is too narrow."""

    title: str
    cut: bool = False
    """Its middle may be left out, of one column: of an AS path, its two ends matter most."""
    drop: int = 0
    """Columns with the highest number are left out first, those with 0 never."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a table is shown."""

    width: int | None
    """None where it may be as wide as it likes: nobody wants a file with columns cut."""
    colors: bool

    @classmethod
    def of_process(cls) -> Screen:
        """Standard output; `COLUMNS` and https://no-color.org are honoured."""
        is_terminal = sys.stdout.isatty()
        fits = is_terminal or "COLUMNS" in os.environ
        return cls(
            width=shutil.get_terminal_size().columns if fits else None,
            colors=is_terminal
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb",
        )


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], screen: Screen) -> list[str]:
    """The lines of a table, its heading first; a column with nothing in it is not shown."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(column.title), *(len(row[at]) for row in texts))
        for at, column in enumerate(columns)
    ]
    used = [at for at in range(len(columns)) if any(row[at] for row in texts)]
    shown = _fit(columns, used, widths, screen.width)
    wanted = [widths[at] for at in shown]
    lines = [_line([Cell(columns[at].title) for at in shown], wanted)]
    for row, cells in zip(texts, rows, strict=True):
        cut = [_cut(row[at], widths[at]) for at in shown]
        colors = [cells[at].color if screen.colors else None for at in shown]
        lines.append(_line(list(map(Cell, cut, colors)), wanted))
    return lines


def _fit(
    columns: Sequence[Column], shown: list[int], widths: list[int], width: int | None
) -> list[int]:
    """Which columns are shown; `widths` of those that are cut are set to what is left for them."""
    if width is None:
        return shown
    cut = next((at for at, column in enumerate(columns) if column.cut), -1)
    while (surplus := _total(widths, shown) - width) > 0:
        droppable = [at for at in shown if columns[at].drop]
        if cut in shown and (widths[cut] - surplus >= _LEAST or not droppable):
            widths[cut] = max(widths[cut] - surplus, min(widths[cut], _LEAST))
            break
        if not droppable:
            break  # a terminal this narrow has to wrap its lines
        shown.remove(max(droppable, key=lambda at: columns[at].drop))
    return shown


def _total(widths: list[int], shown: list[int]) -> int:
    return sum(widths[at] for at in shown) + len(_GAP) * (len(shown) - 1)


def _cut(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    head, _, last = text.rpartition(" ")
    room = width - len(" … ") - len(last)
    if room > 0 and (start := f"{head} "[: room + 1].rpartition(" ")[0]):
        return f"{start} … {last}"
    kept = width - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def _line(cells: list[Cell], widths: list[int]) -> str:
    line, gap = "", 0
    for cell, width in zip(cells, widths, strict=True):
        if cell.text:
            line += " " * gap + (click.style(cell.text, fg=cell.color) if cell.color else cell.text)
            gap = 0
        gap += width - len(cell.text) + len(_GAP)
    return line


def span(seconds: float) -> str:
    """A time in its largest unit: `45s`, `12m`, `3h`, `5d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(int(seconds), 0)}s"


def freshness(as_of: datetime | None) -> str:
    """One line on how old the data of an answer is."""
    if as_of is None:
        return "no router has sent anything yet"
    age = (datetime.now(UTC) - as_of).total_seconds()
    return f"data as of {as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z, {span(age)} ago"
