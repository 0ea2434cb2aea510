"""No test waits between attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stamina

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def retries_at_once() -> Iterator[None]:
    """As many attempts as a caller makes, and no time between them."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
