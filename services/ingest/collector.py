"""Puts the parts of the ingest service together, starts them in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import TYPE_CHECKING

import structlog
from prometheus_client import generate_latest

from services.ingest import metrics
from services.ingest.batcher import Batcher
from services.ingest.clock import SteadyClock
from services.ingest.connection import RouterConnection
from services.ingest.database import await_schema
from services.ingest.dialer import Dialer
from services.ingest.endurance import Endurance
from services.ingest.faults import Faults
from services.ingest.flow import Flows
from services.ingest.janitor import Janitor
from services.ingest.keeper import Keeper
from services.ingest.limits import Admission, Patience
from services.ingest.registry import Registry
from services.ingest.station import Station
from services.ingest.writer import Writer
from shared.contracts.stats import IngestStats
from shared.web.health import NotReady

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from services.ingest.settings import IngestSettings

log = structlog.get_logger(__name__)

_FLUSH_SECONDS = 30.0
"""At the stop: to hand on and to write what was read."""
_GIVE_UP_SECONDS = 5.0
_EXPIRE_SECONDS = 1.0
_REPORT_SECONDS = 10.0


class Collector:
    """The station, the batcher, the registry and the writer of one ingest process.

    It must be made inside a running event loop. `on_failure` is called when the writer meets
    what it cannot handle: a station that goes on would only look alive. `share` is which of how
    many such processes this is: each dials its own part of the routers.
    """

    def __init__(
        self,
        settings: IngestSettings,
        listener: socket.socket,
        *,
        on_failure: Callable[[], None],
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._settings = settings
        self._on_failure = on_failure
        self.batcher = Batcher(
            rows=settings.ingest_batch_rows,
            seconds=settings.ingest_batch_seconds,
            queue_batches=settings.ingest_queue_batches,
            clock=time.monotonic,
        )
        self.writer = Writer(
            settings.database_url,
            self.batcher,
            time.monotonic,
            on_taken_over=self._close_taken_over,
        )
        self._keeper = Keeper(settings.database_url, time.monotonic)
        self._janitor = Janitor(
            settings.database_url,
            routes=settings.route_retention,
            sessions=settings.session_retention,
        )
        self.station = Station(
            listener,
            new_connection=self._new_connection,
            admission=Admission(
                allowed=settings.ingest_allowed_routers,
                connections=settings.ingest_max_connections,
                connections_of_one=settings.ingest_max_connections_per_router,
            ),
            patience=Patience(
                settings.ingest_message_seconds, settings.ingest_idle_seconds or None
            ),
        )
        index, processes = share
        self._dialer = Dialer((settings.ingest_dial or ())[index::processes], self.station.serve)
        self._registry = Registry(settings.database_url)
        self._endurance = Endurance(
            self.station,
            settings.ingest_db_give_up_seconds,
            why_away=lambda: self.writer.reason or self._keeper.reason,
            is_written=lambda: self.batcher.is_idle,
            clock=time.monotonic,
        )
        self._connection_ids = count(1)
        self.flows = Flows()
        self._faults = Faults()
        self._now_us = SteadyClock()
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._waiting_for: str | None = "starting"
        metrics.PENDING.set_function(lambda: self.batcher.pending_routes)
        metrics.PENDING_BYTES.set_function(lambda: self.batcher.pending_octets)

    def start(self) -> None:
        """Begins to work, as soon as the database is there."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._note_end)

    async def stop(self) -> None:
        """Stops accepting, writes what was read, closes the database. Raises what made it stop.

        It takes at most 45 s: the flush, and 5 s for each connection to the database.
        """
        began, written = time.monotonic(), self.writer.committed_routes
        if self._task is not None and self._waiting_for is not None:
            self._task.cancel()  # it has not begun to listen
        await self._dialer.stop()
        await self.station.stop_accepting()
        log.info("shutdown: no new connections", open=self.station.connections)
        try:
            await self._flush(began + _FLUSH_SECONDS)
        finally:
            log.info("shutdown: connections to routers closed", count=self.station.close())
            await self._registry.close()
            log.info(
                "shutdown: database connections closed",
                committed_routes=self.writer.committed_routes - written,
                seconds=round(time.monotonic() - began, 3),
            )
        if self._failure is not None:
            raise self._failure  # so that whoever looks after this process starts it again

    async def _flush(self, deadline: float) -> None:
        if await self.station.finish(deadline - time.monotonic()):
            log.info("shutdown: all that was read is decoded", routes=self.batcher.pending_routes)
        else:
            log.warning("shutdown: not all that was read could be handed to the writer in time")
        self.batcher.close()
        if self._task is not None:
            await self._drain(self._task, deadline)

    async def stats(self) -> IngestStats:
        """How much was received, and how much of it is committed."""
        return IngestStats(
            connections=self.station.connections,
            connections_accepted=self.station.accepted,
            received_bytes=self.station.received_bytes,
            messages=self.station.messages,
            pending_routes=self.batcher.pending_routes,
            committed_routes=self.writer.committed_routes,
            committed_batches=self.writer.committed_batches,
            waiting_for=self.writer.reason,
        )

    async def metrics(self) -> bytes:
        """The page for Prometheus."""
        return generate_latest()

    async def check_station(self) -> Mapping[str, object]:
        """Readiness: do we listen for routers?"""
        if not self.station.is_listening:
            raise NotReady(self._waiting_for or "not listening for routers")
        if (reason := self._endurance.reason) is not None:
            raise NotReady(f"{reason}: routers are sent away")
        return {"connections": self.station.connections}

    async def check_database(self) -> Mapping[str, object]:
        """Readiness: can we write?"""
        if (reason := self._waiting_for or self.writer.reason or self._keeper.reason) is not None:
            raise NotReady(reason)
        return {"pending_routes": self.batcher.pending_routes}

    async def _run(self) -> None:
        await await_schema(self._settings.database_url, self._set_waiting_for)
        writer_id = await self._keeper.start()
        self.batcher.number_for(writer_id)
        await self.writer.connect(writer_id)
        await self._registry.load()
        await self.station.start()
        self._dialer.start()
        self._waiting_for = None
        tasks = (
            self._keeper.run(),
            self._janitor.run(),
            self._expire(),
            self._report(),
            self._endurance.run(),
        )
        keeping = [asyncio.create_task(task) for task in tasks]
        for task in keeping:
            task.add_done_callback(self._note_end)
        try:
            await self.writer.run()
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
        await self._janitor.close()
        await self._keeper.end()

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRE_SECONDS)
            for connection in self.station.open_connections():
                connection.expire()

    async def _report(self) -> None:
        began = time.monotonic()
        try:
            while True:
                await asyncio.sleep(_REPORT_SECONDS)
                now = time.monotonic()
                self.flows.report(now - began)
                self._now_us.watch()
                began = now
        finally:
            self.flows.report(time.monotonic() - began)

    def _close_taken_over(self, peer_ids: set[int]) -> None:
        for connection in self.station.open_connections():
            if connection.feeds(peer_ids):
                reason = "the router has a newer connection, to another ingest process"
                self.station.close_connection(connection, reason)

    async def _drain(self, task: asyncio.Task[None], deadline: float) -> None:
        left = max(deadline - time.monotonic(), 0.0)
        _, unfinished = await asyncio.wait([task], timeout=left)
        if unfinished:
            log.warning(
                "shutdown: not all could be written in time",
                pending_routes=self.batcher.pending_routes,
            )
            task.cancel()
            await asyncio.wait([task], timeout=_GIVE_UP_SECONDS)
        elif not task.cancelled() and (error := task.exception()) is not None:
            raise error
        else:
            log.info("shutdown: all that was decoded is committed")

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("writing failed, the service stops", exc_info=error)
            self._failure = self._failure or error
            self._on_failure()

    def _set_waiting_for(self, reason: str) -> None:
        self._waiting_for = reason

    def _new_connection(self, address: str) -> RouterConnection:
        return RouterConnection(
            address,
            connection_id=next(self._connection_ids),
            registry=self._registry,
            batcher=self.batcher,
            max_message=self._settings.ingest_max_message,
            now_us=self._now_us,
            clock=time.monotonic,
            complete_seconds=self._settings.ingest_table_seconds,
            flows=self.flows,
            faults=self._faults,
        )
