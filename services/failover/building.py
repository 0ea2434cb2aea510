"""Everything that a running service is made of, from its settings. Nothing is started here."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.failover import cron
from services.failover.acting.executor import Executor, Timing
from services.failover.acting.lease import Lease
from services.failover.acting.verification import BmpConfirmation, from_peers
from services.failover.cloud import Cloud, connected
from services.failover.control.controller import Controller
from services.failover.control.drift import DriftWatch
from services.failover.control.practising import Rules
from services.failover.control.standing import Standing
from services.failover.control.watching import Smoothing, Watch
from services.failover.inputs.bmp import PeersObserver, PrefixObserver
from services.failover.inputs.probes import Probe
from services.failover.parts import Parts
from services.failover.policy import windows
from services.failover.policy.model import Role, Site, StepKind
from services.failover.repository import acts
from services.failover.repository.journal import PostgresJournal
from services.failover.repository.lease_store import PostgresLeases
from shared.clients.routes import RoutesClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.failover.inputs.observer import Observer
    from services.failover.providers.gcp.cloud_log import CloudLog
    from services.failover.settings import FailoverSettings
    from shared.breaker import Registry

_POLL_SECONDS = 2.0
_CONFIRMING = (StepKind.CONFIRM_SEEN, StepKind.CONFIRM_MOVED)


@dataclass(frozen=True, slots=True)
class Built:
    """A service that is not started."""

    lease: Lease
    parts: Parts
    cloud_log: CloudLog | None


def build(
    settings: FailoverSettings,
    *,
    engine: AsyncEngine,
    http: httpx.AsyncClient,
    routes: httpx.AsyncClient,
    breakers: Registry,
) -> Built:
    """`http` is for the providers, `routes` has the routes service as its base."""
    lease = Lease(
        PostgresLeases(engine),
        owner=f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}",
        seconds=settings.failover_lease_seconds,
        clock=time.monotonic,
        sleep=asyncio.sleep,
    )
    cloud = connected(settings, http=http, breakers=breakers, generation=lambda: lease.generation)
    client = RoutesClient(routes)
    standing = Standing(
        cloud.announcers,
        cloud.tunnels,
        expected_routes=settings.failover_expected_routes,
        max_routes=settings.failover_max_routes,
        # The second time in a row it is too long, before all of the posture is.
        max_age=0.75 * settings.limits.max_posture_age,
        now=now,
    )
    executor = Executor(
        PostgresJournal(engine, lambda: lease.generation),
        cloud.actuators,
        BmpConfirmation(
            client,
            prefixes=settings.prefixes,
            selectors={site: from_peers(settings.peers[site]) for site in Site},
        ),
        timing=timing(settings),
        clock=time.monotonic,
        sleep=asyncio.sleep,
        new_id=lambda: str(uuid.uuid4()),
        may_go_on=lease.is_held,
    )

    async def acted(site: Site, since: datetime) -> bool:
        async with engine.connect() as conn:
            return await acts.acted(conn, site, since)

    controller = Controller(
        watch=Watch(
            list(observers(settings, cloud, client)),
            smoothing(settings),
            seconds=settings.failover_observer_seconds,
            now=now,
        ),
        providers=DriftWatch(standing, cloud.announcers, acted),
        engine=engine,
        executor=executor,
        leadership=lease,
        limits=settings.limits,
        reach=standing.unread,
        practice=practice_rules(settings),
    )
    return Built(
        lease,
        Parts(
            engine=engine,
            controller=controller,
            leadership=lease,
            actuators=cloud.actuators,
            breakers=breakers,
            preflight=cloud.preflight,
            now=now,
            practice_seconds=settings.failover_practice_seconds,
        ),
        cloud.log,
    )


def observers(
    settings: FailoverSettings, cloud: Cloud, client: RoutesClient
) -> Iterator[tuple[Role, Observer]]:
    """Everything that is looked at, with what it is evidence of."""
    for site in Site:
        peers = settings.peers[site]
        yield Role.SERVICE, cloud.backends[site]
        for url in settings.probes[site]:
            yield (
                Role.SERVICE,
                Probe(url, site=site, seconds=settings.failover_call_seconds, now=now),
            )
        yield Role.BGP, cloud.sessions[site]
        yield Role.BGP, PeersObserver(client, site=site, peers=peers, now=now)
        prefix = settings.prefixes[site]
        yield Role.BGP, PrefixObserver(client, site=site, peers=peers, prefix=prefix, now=now)


def smoothing(settings: FailoverSettings) -> Smoothing:
    """How much has to be seen before it is believed."""
    return Smoothing(
        rise=settings.failover_rise,
        fall=settings.failover_fall,
        max_age=timedelta(seconds=settings.failover_max_age_seconds),
        quorum=settings.failover_quorum,
    )


def timing(settings: FailoverSettings) -> Timing:
    """How patient a plan is; one that is older than all its steps may take is not carried on."""
    step, confirm = settings.failover_step_seconds, settings.failover_confirm_seconds
    return Timing(
        deadlines={kind: confirm if kind in _CONFIRMING else step for kind in StepKind},
        poll=min(_POLL_SECONDS, step / 20),
        plan=3 * step + 2 * confirm,
    )


def practice_rules(settings: FailoverSettings) -> Rules:
    """When there is no practice run."""
    return Rules(
        leg=timedelta(seconds=timing(settings).plan),
        blocked=windows.parsed(settings.failover_practice_blocked),
        zone=cron.zone(settings.failover_practice_timezone),
    )


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)
