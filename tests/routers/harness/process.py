"""Child processes that never outlive the test that started them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.routers.harness.waiting import NotYetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOP_WITHIN_S = 10.0


class Daemon:
    """One child process, its output kept in a file.

    The kernel ends it when the process that started it dies without a chance to call `stop`.
    """

    def __init__(
        self, name: str, command: Sequence[str], directory: Path, env: Mapping[str, str]
    ) -> None:
        self.name = name
        self.directory = directory
        self.log_path = directory / f"{name}.log"
        self._command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.directory,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ends the process and what it started: asked first, then forced."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _kill_group(process.pid)

    @property
    def has_started(self) -> bool:
        return self.log_path.exists()

    def check_alive(self) -> None:
        """Raises when the process has ended by itself: waiting on for it would be in vain."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(
                f"{self.name} ended with status {self._process.returncode}:\n{self.output()}"
            )

    def output(self, last: int = 8000) -> str:
        """The last characters of what the process has written so far."""
        return self.log_path.read_text(errors="replace")[-last:]

    def check_log(self, pattern: str) -> None:
        """Raises NotYetError until a line of the output matches."""
        self.check_alive()
        if not re.search(pattern, self.log_path.read_text(errors="replace")):
            raise NotYetError(f"{self.name} has not said {pattern!r} yet:\n{self.output()}")


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
