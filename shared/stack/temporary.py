"""A PostgreSQL server for as long as a test runs."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import UserError
from shared.stack import leash
from shared.stack.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_TIMEOUT = 30.0
_STOP_TIMEOUT = 10.0


@contextmanager
def temporary_postgres(*, throwaway: bool = True) -> Iterator[str]:
    """Starts a server in a fresh directory and gives the URL of its database `bgpilot`.

    The role may create databases. Nothing of it is left afterwards. One that is no `throwaway`
    has the settings of the product, for measuring.
    """
    with tempfile.TemporaryDirectory(prefix="bgpilot-") as directory:
        server = EmbeddedPostgres(Path(directory), throwaway=throwaway)
        server.prepare()
        with running(server, Path(directory) / "log"):
            yield server.dsn


@contextmanager
def running(server: EmbeddedPostgres, log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a prepared server, ready for connections in the `with` block; it logs to a file."""
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            leash.command(
                list(server.argv), stop_signal=server.stop_signal, account=server.account()
            ),
            env=server.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_ready(server, process, log_file)
        yield process
    finally:
        _stop(process)


def _await_ready(
    server: EmbeddedPostgres, process: subprocess.Popen[bytes], log_file: Path
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not server.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise UserError(f"PostgreSQL did not start: {log_file.read_text().strip()[-500:]}")
        time.sleep(0.01)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
