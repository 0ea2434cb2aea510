"""How every program of bgpilot ends when a person has to act."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, TypeVar

from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

INTERRUPTED = 130
"""The exit code after a Ctrl-C: 128 and the number of SIGINT, as shells have it."""


def as_program(main: Callable[[], Result]) -> Callable[[], Result]:
    """One sentence on standard error and exit code 1, no traceback, for a UserError.

    A Ctrl-C that the program does not handle itself ends it without a word, with exit code 130.
    """

    @functools.wraps(main)
    def run() -> Result:
        try:
            return main()
        except UserError as error:
            sys.stderr.write(f"bgpilot: {error}\n")
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    return run
