"""Child processes that never outlive the test that started them."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Where programs are looked for: Debian has ExaBGP where ordinary users do not look."""

_STOP_WITHIN_S = 10.0


class Daemon:
    """One child process, its output kept in a file.

    The kernel ends it when the process that started it dies without a chance to call `stop`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        directory: Path,
        *,
        env: Mapping[str, str] | None = None,
        noise: str | None = None,
    ) -> None:
        """`noise` is what lines of the output have in common that nobody needs to read."""
        self.name = name
        self._directory = directory
        self._log_path = directory / f"{name}.log"
        self._noise = noise
        self._command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        self._env = {**os.environ, "PATH": SEARCH_PATH, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
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
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _kill_group(process.pid)

    @property
    def pid(self) -> int | None:
        """None: it was not started, or was stopped."""
        return self._process.pid if self._process is not None else None

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal, also one that it does not hear."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def has_started(self) -> bool:
        return self._log_path.exists()

    def check_alive(self) -> None:
        """Raises when the process has ended by itself: waiting on for it would be in vain."""
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(
                f"{self.name} ended with status {self._process.returncode}:\n{self.output()}"
            )

    def output(self, last: int = 8000) -> str:
        """The last characters of what the process has written so far."""
        lines = self._log_path.read_text(errors="replace").splitlines()
        told = [line for line in lines if self._noise is None or self._noise not in line]
        return "\n".join(told)[-last:]


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
