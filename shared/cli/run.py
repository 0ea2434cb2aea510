"""How every program of bgpilot ends when a person has to act."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, TypeVar

from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def as_program(main: Callable[[], Result]) -> Callable[[], Result]:
    """One sentence on standard error and exit code 1, no traceback, for a UserError."""

    @functools.wraps(main)
    def run() -> Result:
        try:
            return main()
        except UserError as error:
            sys.stderr.write(f"bgpilot: {error}\n")
            sys.exit(1)

    return run
