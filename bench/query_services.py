"""The gateway, the routes service and ingest as processes of their own, over one database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import httpx

from bench.captures import ROOT
from bench.service import BMP_PORT, connect, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Part(NamedTuple):
    module: str
    port: int
    ready: str


# The gateway is ready when all services are: not before ingest runs.
_PARTS = {
    "gateway": _Part("gateway", 28080, "/livez"),
    "ingest": _Part("services.ingest", 28081, "/readyz"),
    "routes": _Part("services.routes", 28082, "/readyz"),
}
GATEWAY_PORT = _PARTS["gateway"].port
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


@contextmanager
def running(dsn: str, *names: str) -> Iterator[None]:
    """These services, ready."""
    with ExitStack() as stack:
        for name in names:
            child = stack.enter_context(_process(name, dsn))
            _await_ready(name, child)
        yield


@contextmanager
def loading(table: Path) -> Iterator[None]:
    """A router that sends its table to ingest, again and again, as fast as it is read."""
    router = connect()

    def work() -> None:
        with suppress(OSError):  # closed at the end
            while True:
                send(router, table)

    sender = threading.Thread(target=work)
    sender.start()
    try:
        yield
    finally:
        router.shutdown(socket.SHUT_RDWR)
        sender.join()
        router.close()


def committed_routes() -> int:
    """How many routes ingest has committed since it started."""
    answer = httpx.get(f"http://127.0.0.1:{_PARTS['ingest'].port}/api/v1/ingest/stats", timeout=30)
    routes: int = answer.json()["data"]["committed_routes"]
    return routes


@contextmanager
def _process(name: str, dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    settings = {}
    for part, (_, port, _) in _PARTS.items():
        settings[f"{part.upper()}_HTTP_PORT"] = str(port)
        settings[f"GATEWAY_{part.upper()}_URL"] = f"http://127.0.0.1:{port}"
    child = subprocess.Popen(
        [sys.executable, "-m", _PARTS[name].module],
        cwd=ROOT,
        env={
            **os.environ,
            **settings,
            "DATABASE_URL": dsn,
            "INGEST_BMP_PORT": str(BMP_PORT),
            "LOG_LEVEL": "ERROR",
        },
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Linux shares the processor between sessions; these are strangers
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def _await_ready(name: str, child: subprocess.Popen[bytes]) -> None:
    part = _PARTS[name]
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{part.port}{part.ready}").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"the {name} service did not get ready")
