"""Logs: one JSON object per line, for our events and for libraries' alike."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from shared import log
from shared.settings import LogSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def json_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_event_carries_what_a_log_store_needs(
    json_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("ingest", LogSettings(log_format="json"))
    with structlog.contextvars.bound_contextvars(request_id="abc12345"):
        structlog.get_logger("test.events").info("peer up", peer="192.0.2.1")
    (line,) = lines(capsys)
    assert line["event"] == "peer up"
    assert line["peer"] == "192.0.2.1"
    assert line["service"] == "ingest"
    assert line["level"] == "info"
    assert line["logger"] == "test.events"
    assert line["request_id"] == "abc12345"
    assert str(line["timestamp"]).endswith("Z")
    assert line["version"]


def test_a_library_logs_in_the_same_form(
    json_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("routes", LogSettings(log_format="json"))
    logging.getLogger("uvicorn.error").warning("it %s", "happened", extra={"color_message": "x"})
    (line,) = lines(capsys)
    assert line["event"] == "it happened"
    assert line["service"] == "routes"
    assert "color_message" not in line


def test_a_traceback_stays_inside_its_line(
    json_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("ingest", LogSettings(log_format="json"))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        structlog.get_logger().exception("it failed")
    (line,) = lines(capsys)
    exceptions = line["exception"]
    assert isinstance(exceptions, list)
    assert exceptions[0]["exc_value"] == "two\nlines"


def test_local_variables_are_not_logged(json_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("ingest", LogSettings(log_format="json"))
    password = "hunter2 in a local variable"  # noqa: F841 - it must not appear
    try:
        raise ValueError("no")
    except ValueError:
        structlog.get_logger().exception("it failed")
    assert "hunter2" not in capsys.readouterr().out


def test_the_level_is_respected(json_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("ingest", LogSettings(log_format="json", log_level="WARNING"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]
