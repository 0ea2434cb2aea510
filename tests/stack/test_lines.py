"""From the bytes that programs write to log events, and from those to what is shown."""

from __future__ import annotations

import os
from itertools import combinations
from typing import TYPE_CHECKING

import orjson
import pytest

from shared.stack.lines import Line, LineSplitter, parse, postgres, unexpected
from shared.stack.stream import LogStream

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_are_the_same_however_the_bytes_are_cut() -> None:
    data = b"one\ntwo\r\n\nthree and more\nno end"
    expected = [b"one", b"two", b"three and more", b"no end"]
    for cuts in combinations(range(len(data)), 3):
        splitter = LineSplitter()
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        pieces = [piece for piece in pieces if piece] + [b""]
        assert [line for piece in pieces for line in splitter.feed(piece)] == expected


def test_a_line_without_end_takes_no_more_memory_than_the_longest_line() -> None:
    splitter = LineSplitter(longest=10)
    for _ in range(1000):
        assert splitter.feed(b"x" * 100) == []
    assert splitter.feed(b"\nnext\n") == [b"x" * 10 + b" (cut)", b"next"]


def test_a_line_that_is_an_event_already_passes_unchanged() -> None:
    raw = b'{"event": "peer up",   "level": "info", "service": "ingest"}'
    line = parse("ingest", raw, unexpected)
    assert line is not None
    assert (line.raw, line.event, line.level) == (raw, "peer up", "info")


@pytest.mark.parametrize("raw", [b"Traceback ...", b"{not json", b'{"no": "event"}', b'"text"'])
def test_any_other_line_becomes_a_warning_with_the_line_in_it(raw: bytes) -> None:
    line = parse("ingest", raw, unexpected)
    assert line is not None
    assert orjson.loads(line.raw) == line.fields
    assert (line.event, line.level) == (raw.decode(), "warning")
    assert line.fields["service"] == "ingest"
    assert line.fields["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "level", "event"),
    [
        ("LOG:  database system is ready", "info", "database system is ready"),
        ("FATAL:  role does not exist", "error", "role does not exist"),
        ("PANIC:  could not write", "critical", "could not write"),
        ("DEBUG2:  commit", "debug", "commit"),
        ("ERROR:  duplicate key", "warning", "duplicate key"),
        ("\tSELECT 1", "info", "SELECT 1"),
        ("SELECT:  a statement's second line", "info", "SELECT:  a statement's second line"),
    ],
)
def test_a_line_of_postgres_has_its_level(text: str, level: str, event: str) -> None:
    assert postgres(text) == (level, event)


def written(path: Path, *, console: bool, lines: list[Line]) -> list[str]:
    """What a stream writes for these events."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        stream = LogStream(descriptor, console=console)
        for line in lines:
            stream.put(line)
    finally:
        os.close(descriptor)
    return path.read_text().splitlines()


def event(**fields: object) -> Line:
    fields = {"timestamp": "2026-01-02T03:04:05.678Z", "level": "info", **fields}
    return Line(fields, orjson.dumps(fields))


def test_json_is_written_as_it_came(tmp_path: Path) -> None:
    line = event(event="peer up", service="ingest")
    assert written(tmp_path / "log", console=False, lines=[line]) == [line.raw.decode()]


def test_a_terminal_shows_time_service_and_fields(tmp_path: Path) -> None:
    line = event(event="peer up", service="ingest", peer="192.0.2.1", version="1", logger="x")
    (shown,) = written(tmp_path / "log", console=True, lines=[line])
    assert shown.startswith("03:04:05 ingest   | [info     ] peer up")
    assert shown.endswith("peer=192.0.2.1")


def test_a_terminal_shows_a_traceback_line_by_line_with_the_service_before_each(
    tmp_path: Path,
) -> None:
    frame = {"filename": "app.py", "lineno": 7, "name": "main", "locals": {"x": "1"}}
    stack = {"exc_type": "ValueError", "exc_value": "no", "frames": [frame]}
    line = event(event="failed", service="routes", exception=[stack])
    first, where, what = written(tmp_path / "log", console=True, lines=[line])
    assert "failed" in first
    assert where == "03:04:05 routes   |   app.py:7 in main"
    assert what == "03:04:05 routes   | ValueError: no"


def test_lines_that_are_held_come_after_what_is_drawn(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY)
    stream = LogStream(descriptor, console=False)
    with stream.held():
        stream.put(event(event="held"))
        stream.text("an answer\n")
    os.close(descriptor)
    drawn, held = (tmp_path / "log").read_text().splitlines()
    assert drawn == "an answer"
    assert orjson.loads(held)["event"] == "held"
