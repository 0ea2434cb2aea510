"""What the supervisor has to know of a program that it runs."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from shared.stack.lines import PlainLine, unexpected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


class Address(NamedTuple):
    """Something that a person can open or connect to, for the start-up lines."""

    what: str
    where: str


@dataclass(frozen=True)
class Component:
    """One program: how it is started, when it is ready and how it is stopped.

    Components are started in the order of their needs and stopped in the reverse of their list.
    """

    name: str
    argv: tuple[str, ...]
    is_ready: Callable[[], Awaitable[bool]] | None = None
    """Asked again and again after the start. None: the program does its work and ends."""
    needs: tuple[str, ...] = ()
    """Names of the components that have to be ready before."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the program."""
    addresses: tuple[Address, ...] = ()
    prepare: Callable[[], None] | None = None
    """Done in a thread before each start; may raise UserError."""
    account: Callable[[], tuple[int, int] | None] = lambda: None
    """uid and gid to run as, asked for after `prepare`; None: as the supervisor."""
    stop_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 60.0
    """Not ready after so long means that the start-up failed."""
    grace_seconds: float = 15.0
    """From the stop signal to SIGKILL."""
    plain_line: PlainLine = unexpected
    """How to read the lines of the program that are not JSON."""
    draws: bool = False
    """Its standard error is for the terminal, such as a progress bar, not for the log."""
