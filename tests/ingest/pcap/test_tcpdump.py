"""What tcpdump writes of a real connection over loopback, read back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from services.ingest.decode import Decoding
from shared.errors import UserError
from tests.ingest.wire import octets as o

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TCPDUMP = shutil.which("tcpdump", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
EDITCAP = shutil.which("editcap")
STREAM = o.peer_up() + b"".join(
    o.announcement(o.MANDATORY, f"10.{n >> 8}.{n & 255}.0/24") for n in range(1500)
)
DEADLINE = 20.0


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        server = socket.create_server((request.param, 0), family=family)
    except OSError as error:
        pytest.skip(f"no listener on {request.param}: {error}")
    with server:
        yield server


def captured(listener: socket.socket, path: Path) -> bytes:
    """The file of a tcpdump that saw `STREAM` go to the listener."""
    if TCPDUMP is None:
        pytest.skip("tcpdump is not installed")
    port = listener.getsockname()[1]
    command = [TCPDUMP, "-i", "lo", "-U", "--immediate-mode", "-B", "32768", "-w", str(path)]
    command += ["-Z", "root"] if os.geteuid() == 0 else []
    with subprocess.Popen([*command, f"tcp port {port}"], stderr=subprocess.PIPE) as tcpdump:
        try:
            assert tcpdump.stderr is not None
            said = tcpdump.stderr.readline()
            if b"listening" not in said:
                pytest.skip(f"tcpdump may not capture here: {said.decode().strip()}")
            send(listener)
            await_all_of_it(path, port)
        finally:
            tcpdump.send_signal(signal.SIGINT)
    return path.read_bytes()


def send(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()[:2]) as router:
        station, _ = listener.accept()
        router.sendall(STREAM[:50_000])
        with station:
            taken = len(station.recv(1 << 20))
            router.sendall(STREAM[50_000:])
            router.shutdown(socket.SHUT_WR)
            while more := station.recv(1 << 20):
                taken += len(more)
    assert taken == len(STREAM)


def await_all_of_it(path: Path, port: int) -> None:
    """tcpdump writes what it has seen a little later."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if path.exists() and count(path.read_bytes(), port) == 1501:
            return
        time.sleep(0.05)
    pytest.fail("tcpdump has not written all messages")


def count(capture: bytes, port: int) -> int:
    try:
        batches = Decoding([capture], port=port).batches()
        return sum(len(list(batch.messages)) for batch in batches)
    except UserError:
        return 0


def test_a_capture_on_loopback_holds_every_message(listener: socket.socket, tmp_path: Path) -> None:
    decoding = Decoding([captured(listener, tmp_path / "lo.pcap")])
    assert sum(len(list(batch.messages)) for batch in decoding.batches()) == 1501
    assert (decoding.notes, decoding.is_whole) == ([], True)


@pytest.mark.skipif(EDITCAP is None, reason="editcap (Debian: wireshark-common) is not installed")
def test_the_same_as_pcapng_in_pieces_and_out_of_order(
    listener: socket.socket, tmp_path: Path
) -> None:
    captured(listener, tmp_path / "lo.pcap")
    port = listener.getsockname()[1]
    assert EDITCAP is not None
    for number, packets in (("1", "1-9"), ("2", "1-30")):  # the second repeats what the first has
        command = [EDITCAP, "-r", "-F", "pcapng", tmp_path / "lo.pcap", tmp_path / number, packets]
        subprocess.run(command, check=True, capture_output=True)
    rest = [EDITCAP, "-F", "pcapng", tmp_path / "lo.pcap", tmp_path / "3", "1-9"]
    subprocess.run(rest, check=True, capture_output=True)
    whole = b"".join((tmp_path / number).read_bytes() for number in "123")  # three sections
    assert count(whole, port) == 1501
