"""Failover services as processes over one database: which of them leads, and how they are hurt."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.routers.harness.process import Daemon
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.routers.harness.lab import Lab

_ROOT = Path(__file__).resolve().parents[3]
_HOST = 1  # in the lab's network
_ANSWER_WITHIN_S = 5.0

TIMES = {
    "CHECK_INTERVAL_SECONDS": "0.5",
    "MAX_RETRIES": "0",
    "INITIAL_BACKOFF_SECONDS": "0.1",
    "MAX_BACKOFF_SECONDS": "0.1",
    "FAILOVER_CALL_SECONDS": "0.4",
    "FAILOVER_OBSERVER_SECONDS": "0.45",
    "FAILOVER_MAX_AGE_SECONDS": "1",
    "FAILOVER_RISE": "1",
    "FAILOVER_FALL": "1",
    "FAILOVER_HOLD_DOWN_SECONDS": "0",
    "FAILOVER_WARM_UP_CYCLES": "0",
    "FAILOVER_STEP_SECONDS": "3",
    "FAILOVER_CONFIRM_SECONDS": "2.5",
    "FAILOVER_LEASE_SECONDS": "1",
    "CIRCUIT_BREAKER_TIMEOUT_SECONDS": "0.5",
}
"""What takes minutes elsewhere takes seconds here."""


class Replica:
    """One process of the failover service."""

    def __init__(self, lab: Lab, name: str, settings: Mapping[str, str]) -> None:
        address, port = lab.network.address(_HOST), lab.network.free_port(_HOST)
        environment = {
            **settings,
            **TIMES,
            "FAILOVER_HTTP_HOST": address,
            "FAILOVER_HTTP_PORT": str(port),
            "LOG_FORMAT": "json",
            "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path]),
        }
        command = [sys.executable, "-m", "services.failover"]
        self.name = name
        self._daemon = Daemon(name, command, lab.directory(name), env=environment)
        self._api = httpx.Client(
            base_url=f"http://{address}:{port}", timeout=_ANSWER_WITHIN_S, trust_env=False
        )

    @property
    def daemons(self) -> tuple[Daemon]:
        return (self._daemon,)

    @property
    def pid(self) -> int | None:
        return self._daemon.pid

    def start(self) -> None:
        """It is not waited for: see `check_ready`."""
        self._daemon.start()

    def stop(self) -> None:
        self.signal(signal.SIGCONT)
        self._daemon.stop()
        self._api.close()

    def restart(self) -> None:
        """Starts another one in the place of one that was told to end."""
        self._daemon.stop()
        self._daemon.start()

    def signal(self, number: signal.Signals) -> None:
        self._daemon.signal(number)

    def output(self) -> str:
        return self._daemon.output()

    def check_ready(self) -> None:
        """Raises NotYetError until its cycles have begun."""
        self._daemon.check_alive()
        try:
            answer = self._api.get("/readyz")
        except httpx.TransportError as error:
            raise NotYetError(f"{self.name} does not answer yet: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise NotYetError(f"{self.name} is not ready: {answer.text}")

    def until_ready(self) -> None:
        eventually(partial(Replica.check_ready, self))

    def asks(self, method: str, path: str, **sent: Any) -> Any:
        """The data of an answer that must be good."""
        answer = self._api.request(method, f"/api/v1/failover{path}", **sent)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["data"]
