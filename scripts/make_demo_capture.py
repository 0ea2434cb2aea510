"""Makes shared/stack/demo.bmp.gz: what a real router sends to its BMP station.

    python -m scripts.make_demo_capture

FRR runs between three neighbours (ExaBGP, ExaBGP and GoBGP) in a network namespace of its own, so
that they can have addresses of documentation space. It connects to a recorder, which keeps the
bytes as they come: the whole table at first, then changes and withdrawals, a session that goes
down and comes back, and one that stays down. What the neighbours announce follows from a seed;
the order in which FRR passes it on, and its timestamps, are FRR's.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from scripts.demo_edge import ADDRESSES, SCENES, DemoEdge
from scripts.demo_tables import Tables
from tests.routers.harness.heard import Heard
from tests.routers.harness.lab import Lab
from tests.routers.harness.process import SEARCH_PATH
from tests.routers.harness.waiting import NotYetError

_OUTPUT = Path(__file__).resolve().parents[1] / "shared" / "stack" / "demo.bmp.gz"
_STATION = ("127.0.0.1", 11019)
_INSIDE = "BGPILOT_DEMO_NAMESPACE"
_SCENE_WITHIN_S = 120.0
_POLL_S = 0.5


class Recorder:
    """A BMP station that only listens; it keeps the bytes of one connection."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.heard = Heard()
        self.ended = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            self.received += chunk
            self.heard.feed(chunk)
        writer.close()
        self.ended.set()

    async def all_of(self, edge: DemoEdge) -> None:
        """Waits until everything that happened at the edge has been received."""
        deadline = time.monotonic() + _SCENE_WITHIN_S
        while True:
            try:
                return edge.check_heard(self.heard)
            except NotYetError:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_POLL_S)


async def record(lab: Lab, seed: int) -> bytes:
    """Runs the routers through every scene and returns what FRR sent."""
    edge = await asyncio.to_thread(DemoEdge, lab, _STATION, Tables(seed))
    await asyncio.to_thread(edge.load)
    recorder = Recorder()
    async with await asyncio.start_server(recorder.accept, *_STATION):
        await recorder.all_of(edge)
        click.echo(f"the whole table: {len(recorder.received):,} bytes")
        for scene in SCENES:
            await asyncio.to_thread(scene, edge)
            await recorder.all_of(edge)
            click.echo(f"{scene.__name__.replace('_', ' ')}: {len(recorder.received):,} bytes")
        await asyncio.to_thread(edge.check_router_agrees, recorder.heard)
        capture = bytes(recorder.received)
        await asyncio.to_thread(lab.stop)
        await recorder.ended.wait()
    return capture


def enter_namespace() -> None:
    """Starts this script again in a network namespace, where it may add addresses."""
    unshare = [_program("unshare"), "--net", "--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    command = [*unshare, sys.executable, "-m", "scripts.make_demo_capture", *sys.argv[1:]]
    os.environ[_INSIDE] = "1"
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def add_addresses() -> None:
    ip = _program("ip")
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    for address in ADDRESSES:
        subprocess.run([ip, "address", "add", address, "dev", "lo"], check=True)


def _program(name: str) -> str:
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise click.ClickException(f"{name} is not installed (Debian: util-linux, iproute2)")
    return path


@click.command(help=__doc__)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=_OUTPUT)
@click.option("--seed", default=1, show_default=True)
def main(output: Path, seed: int) -> None:
    if _INSIDE not in os.environ:
        enter_namespace()
    add_addresses()
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(Path(directory))
        try:
            capture = asyncio.run(record(lab, seed))
        except BaseException:
            for name, text in lab.outputs():
                click.echo(f"--- output of {name}\n{text}", err=True)
            raise
        finally:
            lab.stop()
    output.write_bytes(gzip.compress(capture, 9, mtime=0))
    click.echo(f"{output.name}: {len(capture):,} bytes, {output.stat().st_size:,} compressed")


if __name__ == "__main__":
    main()
