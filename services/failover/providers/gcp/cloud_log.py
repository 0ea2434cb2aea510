"""Entries for Google Cloud Logging: kept in a queue that has a bound, and sent in batches.

Whoever writes an entry never waits. What cannot be sent yet is sent later with the same insertId,
by which Cloud Logging knows an entry that it has already; when the queue is full, the oldest go.
https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/write
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge

from services.failover.acting.exchanges import Call
from services.failover.providers.faults import CallError, Fault
from services.failover.providers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from services.failover.providers.calling import Caller

log = structlog.get_logger(__name__)

ORIGIN = "https://logging.googleapis.com"
BATCH = 200
"""Entries of one request: with all of them at their largest it is below the limit of 10 MB."""
_ENDED = Counter(
    "bgpilot_failover_gcp_log_entries_total",
    "Entries for Google Cloud Logging by what became of them",
    ["result"],
)
_QUEUED = Gauge("bgpilot_failover_gcp_log_queued", "Entries that are not sent yet")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry."""

    severity: str
    timestamp: str
    """RFC 3339."""
    payload: Mapping[str, object]
    labels: Mapping[str, str]
    insert_id: str

    def as_json(self) -> dict[str, object]:
        """It as the API has it."""
        return {
            "severity": self.severity,
            "timestamp": self.timestamp,
            "insertId": self.insert_id,
            "jsonPayload": dict(self.payload),
            "labels": dict(self.labels),
        }


class CloudLog:
    """The log of one process. `run` sends what is offered."""

    def __init__(
        self, call: Caller, *, project: str, log_id: str, most: int, origin: str = ORIGIN
    ) -> None:
        """`call` is one that serves nothing else, so that its breaker is its own.

        At most `most` entries wait.
        """
        self._call = call
        self._url = f"{origin.rstrip('/')}/v2/entries:write"
        self._name = f"projects/{project}/logs/{log_id}"
        self._project = project
        self._most = most
        self._waiting: deque[Entry] = deque()
        self._fails = False

    def offer(self, entry: Entry) -> None:
        """Keeps it to be sent. It may be called by any thread, and does not wait."""
        self._waiting.append(entry)
        self._keep_bound()

    async def run(self, *, every: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Sends what has come, every so many seconds, whatever becomes of it."""
        while True:
            await sleep(every)
            try:
                await self.flush()
            except Exception:
                log.exception("log entries cannot be sent")

    async def flush(self) -> bool:
        """Sends all that waits; False where it cannot be had, and waits on."""
        while self._waiting:
            count = min(BATCH, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            is_settled = False
            try:
                is_settled = await self._sent(batch)
            finally:
                if not is_settled:
                    self._waiting.extendleft(reversed(batch))
                    self._keep_bound()
            if not is_settled:
                return False
        _QUEUED.set(0)
        return True

    async def close(self, seconds: float) -> None:
        """Sends what is left, as long as there is time; the rest is lost and counted."""
        try:
            async with asyncio.timeout(seconds):
                await self.flush()
        except TimeoutError:
            pass
        if lost := len(self._waiting):
            self._waiting.clear()
            _ENDED.labels("dropped").inc(lost)
            _QUEUED.set(0)
            log.warning("log entries were not sent", entries=lost)

    async def check(self) -> Finding:
        """Whether entries would be taken: Cloud Logging looks at one, and keeps it not."""
        what = "Cloud Logging"
        probe = Entry("DEFAULT", "1970-01-01T00:00:00Z", {"message": "preflight"}, {}, "preflight")
        try:
            await self._call(self._writing([probe], is_dry=True))
        except CallError as error:
            return Finding(what, False, str(error), is_warning=True)
        return Finding(what, False, f"entries are written to {self._name}")

    async def _sent(self, batch: Sequence[Entry]) -> bool:
        """Whether there is nothing more to do for these; they may also be refused for good."""
        try:
            await self._call(self._writing(batch))
        except CallError as error:
            if not self._fails:
                log.warning("log entries cannot be sent", reason=str(error))
            self._fails = True
            if error.fault is not Fault.REFUSED:
                return False
            _ENDED.labels("refused").inc(len(batch))
            return True
        if self._fails:
            log.info("log entries can be sent again")
        self._fails = False
        _ENDED.labels("written").inc(len(batch))
        return True

    def _writing(self, batch: Sequence[Entry], *, is_dry: bool = False) -> Call:
        body: dict[str, object] = {
            "logName": self._name,
            "resource": {"type": "global", "labels": {"project_id": self._project}},
            "entries": [entry.as_json() for entry in batch],
            "partialSuccess": True,
        }
        if is_dry:
            body["dryRun"] = True
        return Call(f"entries.write of {len(batch)}", "POST", self._url, body, writes=not is_dry)

    def _keep_bound(self) -> None:
        while len(self._waiting) > self._most:
            self._waiting.popleft()
            _ENDED.labels("dropped").inc()
        _QUEUED.set(len(self._waiting))
