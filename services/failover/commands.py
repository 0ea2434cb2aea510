"""`bgpilot failover`: are the settings right, and where is the traffic?"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click
import httpx
from pydantic import SecretStr, ValidationError

from services.failover import cron
from services.failover.cloud import connected
from services.failover.policy.model import Site
from services.failover.settings import FailoverSettings
from shared import http
from shared.breaker import Registry
from shared.clients.settings import ClientSettings
from shared.contracts.envelope import Envelope
from shared.contracts.failover import StatusBody
from shared.contracts.problem import Problem
from shared.errors import UserError
from shared.settings import SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.failover.providers.findings import Finding


class _WithoutDatabase(FailoverSettings):
    """`bgpilot up` without DATABASE_URL says where its own database is."""

    database_url: SecretStr = SecretStr("postgresql:///bgpilot")


@click.group()
def failover() -> None:
    """Move traffic between two sites, and see that it moved."""


@failover.command("check-config")
@click.option("--preflight", is_flag=True, help="Ask GCP and Cloudflare, too; nothing is changed.")
def check_config(*, preflight: bool) -> None:
    """Say all that is wrong with the settings, or what they come to.

    Exit code: 0 where all is right, 1 where something has to be put right.
    """
    try:
        settings = load(_WithoutDatabase)
    except SettingsError as error:
        click.echo(f"{len(error.faults)} faults:" if len(error.faults) > 1 else "1 fault:")
        for fault in error.faults:
            click.echo(f"  {fault}")
        sys.exit(1)
    for line in summary(settings):
        click.echo(line)
    if preflight and not _passed(asyncio.run(_preflight(settings))):
        sys.exit(1)


@failover.command()
def status() -> None:
    """Ask the gateway where the traffic is, why, and what that rests on."""
    for line in told(asyncio.run(_status(load(ClientSettings).bgpilot_url))):
        click.echo(line)


def summary(settings: FailoverSettings) -> Iterator[str]:
    """What would be done, in sentences."""
    hops = {Site.LOCAL: settings.primary_internal_ip, Site.REMOTE: settings.secondary_internal_ip}
    for site in Site:
        announcer = _announcer(settings, site)
        yield (
            f"{site.value}: {settings.prefixes[site]} is announced by {announcer}; tunnels to "
            f"{hops[site]}; seen over BMP from {', '.join(settings.peers[site])}"
        )
    yield (
        f"every {settings.check_interval_seconds:g} s; a site is believed ill after "
        f"{settings.failover_fall} looks and well after {settings.failover_rise}; traffic moves "
        f"{settings.failover_hold_down_seconds:g} s later, at most {settings.failover_max_flips} "
        f"times in {settings.failover_flip_window_seconds:g} s, and back "
        + ("by hand" if settings.failover_failback == "manual" else "by itself")
    )
    yield (
        f"routes of Cloudflare whose description has {settings.description_substring!r} get the "
        f"priority {settings.cloudflare_primary_priority} to the site that is preferred, "
        f"{settings.cloudflare_secondary_priority} to the other"
    )
    if settings.failover_practice_cron:
        yield _practice(settings)
    if not settings.failover_withdraw:
        yield "the old site stays announced: only the preference moves"


def _announcer(settings: FailoverSettings, site: Site) -> str:
    if settings.announcers[site] == "exabgp":
        words = [f"ExaBGP at {settings.exabgp_pipes[site]}.in"]
        words.append(f"with the next hop {settings.exabgp_next_hops[site]}")
        if communities := settings.exabgp_communities[site]:
            words.append(f"and the communities {' '.join(communities)}")
        return " ".join(words)
    regions = {Site.LOCAL: settings.local_bgp_region, Site.REMOTE: settings.remote_bgp_region}
    routers = {Site.LOCAL: settings.local_bgp_router, Site.REMOTE: settings.remote_bgp_router}
    return f"{routers[site]} in {regions[site]} of {settings.router_project}"


def told(status: StatusBody) -> Iterator[str]:
    """A status in lines."""
    yield ("ALARM: " if status.is_alarm else "") + f"{status.sentence} ({status.rule})"
    if status.plan_alarm is not None:
        yield f"ALARM: {status.plan_alarm}; POST /api/v1/failover/ack when somebody has looked"
    for kind, sites in status.inputs.items():
        for site, found in sites.items():
            yield f"{site} {kind}: {found.health}"
            for one in found.readings:
                yield f"  {one.observer} {one.health}, {one.age_s:.0f} s ago: {one.detail}"
    if status.practice is not None:
        yield f"practice run by {status.practice.owner} ({status.practice.state})"
    if status.plan_in_flight is not None:
        yield f"under way: {status.plan_in_flight.reason}"
        for step in status.plan_in_flight.steps:
            yield f"  {step.kind} {step.site}: {step.state}"


def _practice(settings: FailoverSettings) -> str:
    zone = cron.zone(settings.failover_practice_timezone)
    trigger = cron.parsed(settings.failover_practice_cron, zone)
    following = trigger.get_next_fire_time(None, datetime.now(zone))
    blocked = settings.failover_practice_blocked
    return (
        f"practice runs ({settings.failover_practice_mode}, for "
        f"{settings.failover_practice_seconds:g} s) at {settings.failover_practice_cron!r}"
        + (f", but not at {blocked}" if blocked else "")
        + f"; the next at {following}"
    )


def _passed(findings: list[Finding]) -> bool:
    for finding in findings:
        word = "FAULT" if finding.is_fault else "warning" if finding.is_warning else "ok"
        click.echo(f"{word}: {finding.what}: {finding.detail}")
    return not any(finding.is_fault for finding in findings)


async def _preflight(settings: FailoverSettings) -> list[Finding]:
    async with http.client(
        connect_timeout=settings.failover_call_seconds,
        read_timeout=settings.failover_call_seconds,
    ) as client:
        cloud = connected(settings, http=client, breakers=Registry(), generation=lambda: None)
        return await cloud.preflight()


async def _status(url: str) -> StatusBody:
    async with http.client(connect_timeout=5.0, read_timeout=30.0, base_url=url) as client:
        try:
            answer = await client.get("/api/v1/failover")
        except httpx.HTTPError as error:
            raise UserError(
                f"no gateway answers at {url} ({type(error).__name__}): say in BGPILOT_URL where "
                "it is"
            ) from None
    try:
        if answer.status_code != httpx.codes.OK:
            raise UserError(Problem.model_validate_json(answer.content).detail)
        return Envelope[StatusBody].model_validate_json(answer.content).data
    except ValidationError:
        raise UserError(
            f"{url} answers otherwise than this version of bgpilot expects: use the one that the "
            "server has"
        ) from None
