"""What one test has started: stopped in reverse order, its output kept for the failure report."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar

from tests.routers.harness.loopback import LoopbackNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.routers.harness.process import Daemon


_STATION = 200  # the host number of the station in the lab's network


class Part(Protocol):
    """A router, a feeder or a station."""

    @property
    def daemons(self) -> Sequence[Daemon]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


P = TypeVar("P", bound=Part)


class Lab:
    """A directory, a loopback network and the parts that run there."""

    def __init__(self, directory: Path) -> None:
        self.network = LoopbackNetwork()
        self.station = (self.network.address(_STATION), self.network.free_port(_STATION))
        """Where the routers send their BMP, whether a station listens there yet or not."""
        self._directory = directory
        self._stack = ExitStack()
        self._daemons: list[Daemon] = []

    def directory(self, name: str) -> Path:
        """A new directory for one part."""
        path = self._directory / re.sub(r"[^\w.-]", "_", name)
        path.mkdir()
        return path

    def run(self, part: P) -> P:
        """Starts `part`; it is stopped with the lab, also when it fails half-way."""
        self._daemons += part.daemons
        self._stack.callback(part.stop)
        part.start()
        return part

    def stop(self) -> None:
        self._stack.close()

    def outputs(self) -> list[tuple[str, str]]:
        """The name and the last output of every process that was started."""
        return [(daemon.name, daemon.output()) for daemon in self._daemons if daemon.has_started]
