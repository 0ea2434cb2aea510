"""pmacct's BMP daemon, as something to be compared with."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("pmbmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
START_SECONDS = 20.0
SETTLED_SECONDS = 0.5

_CONFIGURATION = """\
daemonize: false
core_proc_name: bench
bmp_daemon_ip: 127.0.0.1
bmp_daemon_port: {port}
bmp_daemon_max_peers: 4
"""
_JSON_LOG = """\
bmp_daemon_msglog_file: {log}
bmp_daemon_msglog_output: json
"""


class Used(NamedTuple):
    """Seconds by the clock and of CPU for one connection, and the largest memory."""

    seconds: float
    cpu_seconds: float
    peak_rss_mb: int


def measure(directory: Path, stream: Path, *, log: bool) -> Used:
    """Play a stream to a pmbmpd of our own; with `log` it writes each route as JSON."""
    port = _free_port()
    configuration = _CONFIGURATION.format(port=port)
    if log:
        configuration += _JSON_LOG.format(log=directory / "bmp.log")
    (directory / "pmbmpd.conf").write_text(configuration)
    command = [str(PROGRAM), "-f", str(directory / "pmbmpd.conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            connection = _connected(child, port)
            process = psutil.Process(child.pid)
            before, started = _cpu_seconds(process), time.monotonic()
            play(connection, stream)
            seconds = time.monotonic() - started
            memory = round(process.memory_info().rss / 2**20)
            used = Used(seconds, _cpu_seconds(process) - before, memory)
        finally:
            child.send_signal(signal.SIGINT)  # it does not heed SIGTERM
    (directory / "bmp.log").unlink(missing_ok=True)
    return used


def play(connection: socket.socket, stream: Path, times: int = 1) -> None:
    """Send a stream, and come back when the station has read all of it and closed."""
    with connection:
        for _ in range(times):
            with stream.open("rb") as file:
                connection.sendfile(file)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _connected(child: subprocess.Popen[bytes], port: int) -> socket.socket:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            time.sleep(SETTLED_SECONDS)  # it sets up its buffers after it listens
            return connection
    raise SystemExit("pmbmpd did not start")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
