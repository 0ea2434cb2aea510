"""Fixtures of the stack's tests."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory that is removed at once: a database takes 40 MB.

    It is not below pytest's own, whose mode every session that starts sets again. That takes away
    the right that root has given to the account of PostgreSQL to pass through it.
    """
    with TemporaryDirectory(prefix="bgpilot-") as directory:
        yield Path(directory).resolve()
