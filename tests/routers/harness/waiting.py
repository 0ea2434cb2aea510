"""Waiting for a thing to become true, by asking again until it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_S = 0.05


class NotYetError(AssertionError):
    """What was asked for is not there yet; the message says what is there instead."""


def eventually(check: Callable[[], T], within: float = 60.0) -> T:
    """Returns what `check` returns as soon as it raises no AssertionError.

    `within` is in seconds. At the deadline the last AssertionError is the one that is raised, so a
    failure shows the last difference that was seen.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            return check()
        except AssertionError as error:
            if time.monotonic() >= deadline:
                error.add_note(f"still so after {within:g} s")
                raise
        time.sleep(POLL_S)
