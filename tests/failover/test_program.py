"""The log of the failover service in a file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from services.failover.__main__ import log_to
from shared import log
from shared.errors import ConfigurationError
from tests.failover.configured import configured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_lines_are_in_the_file_too_and_a_full_one_is_put_aside(tmp_path: Path) -> None:
    settings = configured(log_format="json", log_max_bytes=1_000, log_backup_count=2)
    log.configure("failover", settings)
    path = tmp_path / "failover.log"
    log_to(path, settings)
    for number in range(20):
        logging.getLogger("test").warning("line %d of some length", number)
    assert '"line 19 of some length"' in path.read_text()
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "failover.log",
        "failover.log.1",
        "failover.log.2",
    ]


def test_a_file_that_cannot_be_written_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    settings = configured()
    log.configure("failover", settings)
    with pytest.raises(ConfigurationError, match="LOG_FILE: "):
        log_to(tmp_path / "nowhere" / "failover.log", settings)
