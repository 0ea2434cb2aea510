"""The other end of the pipes: it answers as ExaBGP 4.2 does, or as a test wants it to."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEADER = "Peer            AS        up/down state       |     #sent     #recvd"
SILENT: list[str] = []


class Speaker:
    """Keeps routes, and answers each command once, in the order in which they came."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "exabgp")
        self.peers = ["192.0.2.1"]
        self.routes: set[str] = set()
        self.heard: list[str] = []
        self.instead: deque[list[str] | None] = deque()
        """What is said to the next commands in place of the answer; None: the answer."""
        self.late: list[str] = []
        """What is said before the next answer: left over from somebody else."""
        self.stops_at: str | None = None
        """It is stopped when it comes to such a command, as by SIGSTOP; what is written waits."""
        self._waiting: deque[str] = deque()
        self.hook: Callable[[str, bool], None] = lambda prefix, is_announced: None
        os.mkfifo(f"{self.path}.in")
        os.mkfifo(f"{self.path}.out")
        self._rest = b""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """As long as it runs."""
        pipe = os.open(f"{self.path}.in", os.O_RDWR | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe, self._read, pipe)
        try:
            yield
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)

    def _read(self, pipe: int) -> None:
        *lines, self._rest = (self._rest + os.read(pipe, 65_536)).split(b"\n")
        self._waiting += [line.decode() for line in lines]
        self.go_on()

    def go_on(self) -> None:
        """Carries out what waits, until it is to stop."""
        while self._waiting and not (self.stops_at and self._waiting[0].startswith(self.stops_at)):
            command = self._waiting.popleft()
            self.heard.append(command)
            instead = self.instead.popleft() if self.instead else None
            answer = self._answer(command) if instead is None else instead
            self._say([*self.late, *answer])
            self.late = []

    def _say(self, lines: list[str]) -> None:
        if lines:
            # Who asked reads it at that time, as ExaBGP's own helper has it.
            pipe = os.open(f"{self.path}.out", os.O_WRONLY | os.O_NONBLOCK)
            os.write(pipe, "".join(f"{line}\n" for line in lines).encode())
            os.close(pipe)

    def _answer(self, command: str) -> list[str]:
        match command.split():
            case ["show", "neighbor", "summary"]:
                up = [
                    f"{peer:<15} 65001     0:00:04 established     1     0" for peer in self.peers
                ]
                return [HEADER, *up, "done"]
            case ["show", "adj-rib", "out"]:
                told = [
                    f"neighbor {peer} ipv{6 if ':' in route else 4} unicast {route} next-hop self"
                    for peer in self.peers or ["192.0.2.1"]
                    for route in sorted(self.routes)
                ]
                return [*told, "done"]
            case ["announce", "route", prefix, *_]:
                self.routes.add(prefix)
                self.hook(prefix, True)
                return ["done"]
            case ["withdraw", "route", prefix, *_]:
                self.routes.discard(prefix)
                self.hook(prefix, False)
                return ["done"]
            case _:
                return ["error"]
