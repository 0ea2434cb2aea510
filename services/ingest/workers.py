"""Several ingest processes on one BMP port, and what they are doing taken together."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import REGISTRY

from services.ingest import metrics
from services.ingest.exposition import together
from services.ingest.worker_link import WorkerSilent
from services.ingest.worker_process import WorkerProcess
from shared.backoff import Backoff
from shared.contracts.stats import IngestStats
from shared.errors import UserError
from shared.web.health import NotReady
from shared.web.serve import bind, listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

_GRACE_SECONDS = 54.0
"""From the order to stop to SIGKILL: a worker ends by itself before."""
_KILL_SECONDS = 2.0


class SharedPort:
    """A TCP port on which each worker listens with a socket of its own (SO_REUSEPORT).

    A worker that is dead has no socket, so that routers are connected to the others.
    """

    def __init__(self, host: str, port: int, *, variable: str) -> None:
        if port:
            # Whoever shares their port would let us in, although they are not ours.
            listen(host, port, variable=variable).close()
        self._host = host
        self._variable = variable
        self._place = bind(host, port, variable=variable, shared=True)
        self._number: int = self._place.getsockname()[1]

    def listen(self) -> socket.socket:
        """One more listening socket, or a UserError."""
        return listen(self._host, self._number, variable=self._variable, shared=True)

    def close(self) -> None:
        """Gives the port up; sockets that listen stay."""
        self._place.close()


class WorkerFailed(Exception):
    """A worker could not stop in order."""


class Workers:
    """Starts the worker processes, starts them again when they end, and asks them."""

    def __init__(self, count: int, port: SharedPort, backoff: Backoff | None = None) -> None:
        self._count = count
        self._port = port
        self._backoff = backoff or Backoff()
        self._running: dict[int, WorkerProcess] = {}
        self._absent = dict.fromkeys(range(count), "it is being started")
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._failed: list[str] = []

    def start(self) -> None:
        """Begins to start them."""
        if sys.platform != "linux":
            log.warning(
                "this system gives every connection to the same worker; others stand by",
                workers=self._count,
            )
        self._keepers = [asyncio.create_task(self._keep(index)) for index in range(self._count)]

    async def stop(self) -> None:
        """Lets every worker stop in order and waits for it; WorkerFailed where one could not."""
        began = time.monotonic()
        self._stopping.set()
        log.info("shutdown: workers are told to stop", count=len(self._running))
        for worker in self._running.values():
            worker.end()
        _, late = await asyncio.wait(self._keepers, timeout=_GRACE_SECONDS)
        if late:
            log.warning("shutdown: workers killed, they did not end in time", count=len(late))
            self.kill()
            await asyncio.wait(late, timeout=_KILL_SECONDS)
        self._port.close()
        seconds = round(time.monotonic() - began, 3)
        log.info("shutdown: all workers have ended", count=self._count, seconds=seconds)
        if self._failed:
            raise WorkerFailed("; ".join(self._failed))

    def kill(self) -> None:
        """Ends every worker at once."""
        for worker in list(self._running.values()):
            worker.kill()

    async def stats(self) -> IngestStats:
        """The workers' figures, added up; `waiting_for` names those that wait or do not answer."""
        answers, silent = await self._ask_all("stats")
        waiting = [f"worker {index}: {reason}" for index, reason in silent.items()]
        sums = dict.fromkeys(IngestStats.model_fields, 0)
        for index, figures in answers.items():
            if (reason := figures.pop("waiting_for")) is not None:
                waiting.append(f"worker {index}: {reason}")
            for name, value in figures.items():
                sums[name] += value
        return IngestStats.model_validate({**sums, "waiting_for": "; ".join(waiting) or None})

    async def metrics(self) -> bytes:
        """Everybody's page for Prometheus; the workers' series have a label `worker`."""
        pages, _ = await self._ask_all("metrics")
        # Our own of these stay at 0.
        own = [one for one in REGISTRY.collect() if not one.name.startswith("bgpilot_ingest_")]
        return together(own, pages)

    async def check_station(self) -> Mapping[str, object]:
        """Readiness: does every worker listen?"""
        return await self._check("station")

    async def check_database(self) -> Mapping[str, object]:
        """Readiness: can every worker write?"""
        return await self._check("database")

    async def _check(self, name: str) -> Mapping[str, object]:
        answers, reasons = await self._ask_all(name)
        for index, details in answers.items():
            if "reason" in details:
                reasons[index] = details["reason"]
        if reasons:
            raise NotReady(
                "; ".join(f"worker {index}: {why}" for index, why in sorted(reasons.items())),
                workers=answers,
            )
        return {"workers": answers}

    async def _ask_all(self, what: str) -> tuple[dict[int, Any], dict[int, str]]:
        """The answers, and for each worker that gave none the reason."""
        answers: dict[int, Any] = {}
        silent = dict(self._absent)

        async def ask(index: int, worker: WorkerProcess) -> None:
            try:
                answers[index] = await worker.ask(what)
            except WorkerSilent as error:
                silent[index] = str(error)

        await asyncio.gather(*(ask(index, worker) for index, worker in self._running.items()))
        return dict(sorted(answers.items())), silent

    async def _keep(self, index: int) -> None:
        """Runs a worker, and another one whenever it has ended, until all are to stop."""
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = await self._run(index)
            if self._stopping.is_set():
                return
            healthy = time.monotonic() - began >= self._backoff.healthy_after
            failures = 1 if healthy else failures + 1
            delay = self._backoff.delay(failures)
            metrics.WORKER_ENDS.labels(str(index)).inc()
            log.error("worker ended", worker=index, reason=reason, again_in_s=round(delay, 2))
            self._absent[index] = f"it ended with {reason} and is started again"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    async def _run(self, index: int) -> str:
        """Runs one worker to its end and says how that came."""
        try:
            with self._port.listen() as listener:
                worker = await WorkerProcess.start(index, self._count, listener)
        except (OSError, UserError) as error:
            return str(error)
        log.info("worker started", worker=index, pid=worker.pid)
        self._running[index] = worker
        self._absent.pop(index, None)
        if self._stopping.is_set():
            worker.end()
        status, how = await worker.ending()
        del self._running[index]
        if status and self._stopping.is_set():
            self._failed.append(f"worker {index} ended with {how}")
        return how
