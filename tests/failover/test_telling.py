"""What Google Cloud Logging is told of the log."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from services.failover.telling import CloudLogHandler, following, secrets_of
from shared import log
from shared.settings import LogSettings
from tests.failover.configured import configured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.failover.providers.gcp.cloud_log import Entry

LABELS = {"service": "failover"}


class Kept:
    """Implements what the handler needs of a `CloudLog`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def offer(self, entry: Entry) -> None:
        self.entries.append(entry)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """The log as a service has it, with a handler that keeps."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    config = structlog.get_config()
    log.configure("failover", LogSettings(_env_file=None, log_format="json"))
    root.handlers[0].setStream(io.StringIO())  # type: ignore[attr-defined]  # it is a StreamHandler
    kept: Any = Kept()
    secrets = ['an"odd secret', "hunter2", "543", "true"]
    root.addHandler(CloudLogHandler(kept, labels=LABELS, secrets=secrets))
    yield kept
    root.handlers[:] = before
    root.setLevel(level)
    structlog.configure(**config)


def test_an_event_is_an_entry_with_its_fields(kept: Kept) -> None:
    logger = structlog.get_logger("services.failover.control.controller")
    logger.warning("decision", state="both", rule="hold", sentence="nothing is known", alarm=True)
    [entry] = kept.entries
    assert (entry.severity, entry.labels) == ("WARNING", LABELS)
    assert entry.payload | {"pid": None} == {
        "message": "decision",
        "state": "both",
        "rule": "hold",
        "sentence": "nothing is known",
        "alarm": True,
        "level": "warning",
        "logger": "services.failover.control.controller",
        "service": "failover",
        "pid": None,
    }
    assert entry.timestamp.endswith("Z")


def test_each_entry_has_an_id_of_its_own(kept: Kept) -> None:
    logger = structlog.get_logger("shared.breaker.exposition")
    for _ in range(3):
        logger.info("circuit breaker")
    assert len({entry.insert_id for entry in kept.entries}) == 3


@pytest.mark.parametrize(
    "name", ["httpx", "services.ingest", "services.failover.providers.gcp.cloud_log"]
)
def test_what_others_say_and_what_it_says_of_itself_is_not_told(kept: Kept, name: str) -> None:
    structlog.get_logger(name).error("something")
    assert kept.entries == []


def test_no_secret_is_told(kept: Kept) -> None:
    structlog.get_logger("services.failover.x").error(
        "posture not read",
        reason='the answer has an"odd secret in it',
        api_token="as its name says",
        deep={"url": "postgresql://ada:hunter2@db/x"},
    )
    [entry] = kept.entries
    assert entry.payload["reason"] == "the answer has *** in it"
    assert entry.payload["api_token"] == "***"
    assert "hunter2" not in str(entry.payload)


def test_a_secret_that_is_like_a_number_or_a_word_of_json_spoils_no_entry(kept: Kept) -> None:
    structlog.get_logger("services.failover.x").info("step", port=5432, undo=True, said="543 true")
    [entry] = kept.entries
    payload = entry.payload
    assert (payload["port"], payload["undo"], payload["said"]) == (5432, True, "*** ***")


def test_half_of_a_character_is_told_as_a_question_mark(kept: Kept) -> None:
    structlog.get_logger("services.failover.x").info("step", reason="a \ud800 b")
    assert kept.entries[0].payload["reason"] == "a ? b"


def test_what_cannot_be_told_does_not_end_what_it_tells_of(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    structlog.get_logger("services.failover.x").info("step", number=1 << 80)
    structlog.get_logger("services.failover.x").info("step done")
    assert [entry.payload["message"] for entry in kept.entries] == ["step done"]


def test_an_error_is_told_with_its_traceback(kept: Kept) -> None:
    try:
        raise ValueError("hunter2 is wrong")
    except ValueError:
        structlog.get_logger("services.failover.x").exception("cycle failed")
    [entry] = kept.entries
    assert entry.severity == "ERROR"
    assert "ValueError: *** is wrong" in str(entry.payload["exception"])


def test_an_entry_without_end_is_cut(kept: Kept) -> None:
    structlog.get_logger("services.failover.x").info("step", evidence="x" * 100_000)
    [entry] = kept.entries
    assert set(entry.payload) == {"message", "left_out"}


def test_a_message_of_the_standard_library_is_told_as_its_text(kept: Kept) -> None:
    logging.getLogger("services.failover.x").info("%s of %s", 1, 2)
    assert kept.entries[0].payload["message"] == "1 of 2"


def test_all_secrets_of_the_settings_are_known() -> None:
    found = secrets_of(configured(database_url="postgresql://ada:hunter2@db/bgpilot"))
    assert found == ["postgresql://ada:hunter2@db/bgpilot", "a-token", "hunter2"]


async def test_without_it_the_log_stays_as_it_is() -> None:
    before = logging.getLogger().handlers[:]
    async with following(None, labels={}, secrets=[]):
        assert logging.getLogger().handlers == before
