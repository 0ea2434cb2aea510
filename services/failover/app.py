"""The failover service."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, generate_latest

from services.failover import endpoints
from services.failover.building import build
from services.failover.control.forever import forever, is_overdue
from services.failover.control.housekeeping import keep_house
from services.failover.control.schedule import coming, scheduled
from services.failover.telling import following, secrets_of
from shared.breaker import Registry
from shared.breaker.exposition import BreakerCollector, log_transition
from shared.db.engine import create_engine
from shared.http import client
from shared.web.app import create_service
from shared.web.health import NotReady, own_metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import httpx
    from fastapi import FastAPI

    from services.failover.acting.lease import Lease
    from services.failover.building import Built
    from services.failover.settings import FailoverSettings

log = structlog.get_logger(__name__)

_CALLS_AT_ONCE = 32


def create_app(
    settings: FailoverSettings, *, transport: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    """Watches, decides and acts as long as its lifespan runs.

    `transport` stands for the network to the providers and to the routes service.
    """
    breakers = Registry()
    breakers.listeners.append(log_transition)
    of_breakers = CollectorRegistry()
    of_breakers.register(BreakerCollector(breakers))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = create_engine(
            settings.database_url,
            application="bgpilot failover",
            # A write of the journal keeps the lease's row from whoever wants to take it.
            idle_seconds=settings.failover_lease_seconds,
        )
        try:
            async with (
                _client(settings, transport) as http,
                _client(settings, transport, base_url=settings.failover_routes_url) as routes,
            ):
                built = build(settings, engine=engine, http=http, routes=routes, breakers=breakers)
                app.state.parts = built.parts
                app.state.started = time.monotonic()
                labels = {"service": "failover", "owner": built.lease.owner}
                async with (
                    following(built.cloud_log, labels=labels, secrets=secrets_of(settings)),
                    _running(built, settings),
                ):
                    yield
        finally:
            await engine.dispose()

    async def cycles() -> Mapping[str, object]:
        last = app.state.parts.controller.last
        at = last.situation.inputs.at if last is not None else None
        details = {"last_cycle": at.isoformat() if at is not None else None}
        if is_overdue(at, datetime.now(UTC), settings.check_interval_seconds):
            raise NotReady("no cycle has ended for a while: the log says why", **details)
        return details

    async def alive() -> Mapping[str, object]:
        ended = app.state.parts.controller.ended_at or app.state.started
        age = time.monotonic() - ended
        # A cycle that takes too long is ended after three intervals, so this one hangs for good.
        if age > 5 * settings.check_interval_seconds:
            raise NotReady("the cycles hang", cycle_age_s=round(age, 1))
        return {"cycle_age_s": round(age, 1)}

    async def lease() -> Mapping[str, object]:
        held = app.state.parts.leadership.generation
        return {"leads": held is not None, "generation": held}

    async def metrics() -> bytes:
        return await own_metrics() + generate_latest(of_breakers)

    app = create_service(
        "failover",
        description="Moves traffic between two sites, and sees that it moved.",
        lifespan=lifespan,
        endpoints=endpoints.ALL,
        checks={"cycles": cycles, "lease": lease},
        metrics=metrics,
        alive=alive,
    )
    return app


@contextlib.asynccontextmanager
async def _running(built: Built, settings: FailoverSettings) -> AsyncIterator[None]:
    """The lease is kept and the cycles come; what ends first is given up last."""
    await _asked_for(built.lease)
    keeping = asyncio.create_task(_kept(built.lease), name="lease")
    cycling = asyncio.create_task(
        forever(
            built.parts.controller,
            interval=settings.check_interval_seconds,
            clock=time.monotonic,
            sleep=asyncio.sleep,
        ),
        name="cycles",
    )
    looking = asyncio.create_task(_looked_before(built), name="preflight")
    schedule = scheduled(settings)
    tidying = asyncio.create_task(
        keep_house(built.parts.engine, now=built.parts.now, sleep=asyncio.sleep), name="house"
    )
    try:
        with coming(schedule, built.parts):
            yield
    finally:
        await _ended(looking)
        await _ended(tidying)
        await _ended(cycling)
        await built.parts.controller.stop()
        await _ended(keeping)


async def _looked_before(built: Built) -> None:
    """What will matter is looked at once, at the start."""
    try:
        findings = await built.parts.preflight()
    except Exception:
        log.exception("preflight failed")
        return
    for finding in findings:
        say = log.warning if finding.is_fault or finding.is_warning else log.info
        say("preflight", what=finding.what, fault=finding.is_fault, detail=finding.detail)


async def _asked_for(lease: Lease) -> None:
    """Before the first cycle, so that it is one of the process that acts, if that is to be."""
    try:
        await lease.once()
    except Exception:
        log.exception("lease cannot be had yet")


async def _kept(lease: Lease) -> None:
    """The lease, also where the schema is not there yet: the ingest service makes it."""
    while True:
        try:
            await lease.keep()
        except Exception:
            log.exception("lease cannot be kept")
        await asyncio.sleep(lease.seconds / 3)


def _client(
    settings: FailoverSettings, transport: httpx.AsyncBaseTransport | None, base_url: str = ""
) -> httpx.AsyncClient:
    return client(
        connect_timeout=settings.failover_call_seconds,
        read_timeout=settings.failover_call_seconds,
        max_connections=_CALLS_AT_ONCE,
        base_url=base_url,
        transport=transport,
    )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task had failed", task=task.get_name(), exc_info=error)
