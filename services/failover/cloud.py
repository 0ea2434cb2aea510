"""The providers as the settings name them: what is watched there, and what acts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.failover.policy.model import Site, StepKind
from services.failover.providers.announcing import Announcers
from services.failover.providers.cloudflare import client as cloudflare
from services.failover.providers.cloudflare import preflight as cloudflare_preflight
from services.failover.providers.cloudflare.actuator import CloudflareActuator
from services.failover.providers.cloudflare.selection import Priorities, Selector
from services.failover.providers.exabgp import observer as exabgp
from services.failover.providers.exabgp.actuator import ExaBgpAnnouncer
from services.failover.providers.exabgp.client import ExaBgp
from services.failover.providers.exabgp.pipes import Pipes
from services.failover.providers.exabgp.words import Announcement
from services.failover.providers.gcp import connect as gcp
from services.failover.providers.gcp import preflight as gcp_preflight
from services.failover.providers.gcp.auth import METADATA_HOST, from_file
from services.failover.providers.gcp.cloud_log import CloudLog
from services.failover.providers.gcp.cloud_router import CloudRouters, Patience, SiteRouter
from services.failover.providers.gcp.compute import RouterName
from services.failover.providers.gcp.observers import BackendsObserver, BgpObserver
from services.failover.providers.gcp.readings import Rule
from services.failover.providers.guard import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from services.failover.acting.actuator import Actuator
    from services.failover.inputs.observer import Observer
    from services.failover.providers.exabgp.observer import SessionsObserver
    from services.failover.providers.findings import Finding
    from services.failover.settings import FailoverSettings
    from shared.breaker import Registry


@dataclass(frozen=True, slots=True)
class Cloud:
    """GCP, Cloudflare, and an ExaBGP where a site has one."""

    announcers: Announcers
    tunnels: CloudflareActuator
    backends: Mapping[Site, BackendsObserver]
    sessions: Mapping[Site, Observer]
    """Whether each site's announcer has BGP sessions."""
    exabgp: Mapping[Site, SessionsObserver]
    """Of the sites that have one."""
    google: gcp.Connection
    cloudflare: cloudflare.CloudflareClient
    sites: Mapping[Site, SiteRouter]
    """Those that have a Cloud Router."""
    selector: Selector
    log: CloudLog | None
    """Google Cloud Logging; None: it is not told anything."""

    @property
    def actuators(self) -> Mapping[StepKind, Actuator]:
        """Who takes which step."""
        return {
            StepKind.ADVERTISE: self.announcers,
            StepKind.WITHDRAW: self.announcers,
            StepKind.PREFER: self.tunnels,
        }

    async def preflight(self) -> list[Finding]:
        """What the providers say before it matters; nothing is changed."""
        return [
            *await gcp_preflight.check(
                self.google.compute,
                self.sites,
                self.backends,
                permissions=self.google.permissions,
                resource_manager=self.google.resource_manager,
            ),
            *[await exabgp.check(observer) for observer in self.exabgp.values()],
            *await cloudflare_preflight.check(self.cloudflare, self.selector, _now),
            *([await self.log.check()] if self.log is not None else []),
        ]


def connected(
    settings: FailoverSettings,
    *,
    http: httpx.AsyncClient,
    breakers: Registry,
    generation: Callable[[], int | None],
) -> Cloud:
    """`generation` is that of the lease that is held now. Raises ConfigurationError."""
    limits = Limits(
        call_seconds=settings.failover_call_seconds,
        attempts=settings.max_retries + 1,
        initial_backoff=settings.initial_backoff_seconds,
        max_backoff=settings.max_backoff_seconds,
        total_seconds=settings.check_interval_seconds,
        failure_threshold=settings.circuit_breaker_threshold,
        recovery_timeout=settings.circuit_breaker_timeout_seconds,
    )
    origin = settings.failover_gcp_url
    metadata = METADATA_HOST if origin == gcp.ORIGIN else urlsplit(origin).netloc
    google = gcp.connect(
        from_file(settings.google_application_credentials, http, _now, metadata_host=metadata),
        http=http,
        clock=time.monotonic,
        now=_now,
        registry=breakers,
        limits=limits,
        origin=origin,
    )
    flare = cloudflare.connect(
        settings.cloudflare_account_id,
        settings.cloudflare_token,
        http=http,
        clock=time.monotonic,
        now=_now,
        limits=limits,
        registry=breakers,
        origin=settings.failover_cloudflare_url,
    )
    routers = _routers(settings)
    # A request is not carried out any more once nobody has waited for it for so long.
    landing = settings.failover_step_seconds
    cloud_routers = CloudRouters(
        google.compute,
        routers,
        generation=lambda: generation() or 0,
        patience=Patience(landing=landing),
    )
    clients = _exabgps(settings, limits, breakers)
    speakers = {
        site: exabgp.SessionsObserver(client, site=site, now=_now)
        for site, client in clients.items()
    }
    selector = Selector(
        settings.description_substring,
        {
            Site.LOCAL: ip_address(settings.primary_internal_ip),
            Site.REMOTE: ip_address(settings.secondary_internal_ip),
        },
        settings.failover_expected_routes,
        settings.failover_max_routes,
    )
    priorities = Priorities(
        settings.cloudflare_primary_priority, settings.cloudflare_secondary_priority
    )
    return Cloud(
        announcers=Announcers(
            {
                **dict.fromkeys(routers, cloud_routers),
                **{
                    site: ExaBgpAnnouncer(site, client, _announcement(settings, site))
                    for site, client in clients.items()
                },
            }
        ),
        tunnels=CloudflareActuator(flare, selector, priorities, landing=landing),
        backends=_backends(settings, google),
        sessions={
            **{
                site: BgpObserver(google.compute, site=site, router=router.name, now=_now)
                for site, router in routers.items()
            },
            **speakers,
        },
        exabgp=speakers,
        google=google,
        cloudflare=flare,
        sites=routers,
        selector=selector,
        log=_log(settings, google),
    )


def _routers(settings: FailoverSettings) -> dict[Site, SiteRouter]:
    named = {
        Site.LOCAL: (settings.local_bgp_region, settings.local_bgp_router),
        Site.REMOTE: (settings.remote_bgp_region, settings.remote_bgp_router),
    }
    return {
        site: SiteRouter(
            RouterName(settings.router_project, region, router),
            ip_network(settings.prefixes[site]),
        )
        for site, (region, router) in named.items()
        if settings.announcers[site] == "gcp" and region is not None and router is not None
    }


def _log(settings: FailoverSettings, google: gcp.Connection) -> CloudLog | None:
    if not settings.enable_gcp_logging:
        return None
    return CloudLog(
        google.logging(),
        project=settings.gcp_project,
        log_id=settings.failover_gcp_log_id,
        most=settings.failover_gcp_log_queue,
        origin=google.logging_origin,
    )


def _exabgps(settings: FailoverSettings, limits: Limits, breakers: Registry) -> dict[Site, ExaBgp]:
    return {
        site: ExaBgp(
            Pipes(path),
            site=site,
            limits=limits,
            registry=breakers,
            now=_now,
            clock=time.monotonic,
        )
        for site, path in settings.exabgp_pipes.items()
        if settings.announcers[site] == "exabgp"
    }


def _announcement(settings: FailoverSettings, site: Site) -> Announcement:
    return Announcement(
        ip_network(settings.prefixes[site]),
        settings.exabgp_next_hops[site],
        settings.exabgp_communities[site],
    )


def _backends(settings: FailoverSettings, google: gcp.Connection) -> dict[Site, BackendsObserver]:
    regions = {Site.LOCAL: settings.local_gcp_region, Site.REMOTE: settings.remote_gcp_region}
    return {
        site: BackendsObserver(
            google.compute,
            site=site,
            project=settings.gcp_project,
            region=region,
            now=_now,
            rule=Rule(min_fraction=settings.failover_min_healthy_fraction),
        )
        for site, region in regions.items()
    }


def _now() -> datetime:
    return datetime.now(UTC)
