"""Whether GCP will do what is asked of it when it matters: asked before, without changing anything.

Reads are made as they will be made. A permission to write cannot be tried without writing, so
GCP is asked which ones we have.
https://cloud.google.com/resource-manager/reference/rest/v1/projects/testIamPermissions
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError
from services.failover.acting.exchanges import Call
from services.failover.policy.model import Health, Site
from services.failover.providers.findings import Finding
from services.failover.providers.gcp import attribution
from services.failover.providers.gcp.advertising import MAX_RANGES, announced, seen
from services.failover.providers.shapes import Fields, misfit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from services.failover.providers.calling import Caller
    from services.failover.providers.gcp.advertising import Network
    from services.failover.providers.gcp.cloud_router import SiteRouter
    from services.failover.providers.gcp.compute import Compute, Resource
    from services.failover.providers.gcp.observers import BackendsObserver

RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v1"
ROUTER_PERMISSIONS = (
    "compute.routers.get",
    "compute.routers.update",
    "compute.regionOperations.get",
)

_UNLISTED = (
    f"{attribution.LIST} is missing: a change that had no answer cannot be found, and for a day "
    "nothing is done that it could undo; nor can it be told who else changed a router"
)


async def check(
    compute: Compute,
    sites: Mapping[Site, SiteRouter],
    backends: Mapping[Site, BackendsObserver],
    *,
    permissions: Caller,
    resource_manager: str = RESOURCE_MANAGER,
) -> list[Finding]:
    """Everything that is found, faults and facts, in the order of the sites.

    `sites` are those that have a Cloud Router. `permissions` calls the Resource Manager, which is
    another service than the Compute API.
    """
    looks: list[Awaitable[list[Finding]]] = []
    for site in Site:
        looks.append(_backends(site, backends[site]))
        if site in sites:
            looks.append(_router(compute, site, sites[site]))
    projects = dict.fromkeys(router.name.project for router in sites.values())
    looks += [_permissions(permissions, resource_manager, project) for project in projects]
    return [finding for found in await asyncio.gather(*looks) for finding in found]


async def _backends(site: Site, observer: BackendsObserver) -> list[Finding]:
    reading = await observer.read()
    is_fault = reading.health is Health.UNKNOWN
    return [Finding(f"the {site.value} site's backends", is_fault, reading.detail)]


async def _router(compute: Compute, site: Site, router: SiteRouter) -> list[Finding]:
    what = f"the {site.value} site's router"
    try:
        resource, status = await asyncio.gather(
            compute.router(router.name), compute.router_status(router.name)
        )
        there = seen(status, router.prefix)
        return [
            Finding(what, is_fault, detail)
            for is_fault, detail in [
                (not there, f"{router.name} has {len(there)} BGP sessions that are up"),
                *_peculiarities(resource, router.prefix),
            ]
        ]
    except ActionError as error:
        return [Finding(what, True, str(error))]


def _peculiarities(router: Resource, prefix: Network) -> list[tuple[bool, str]]:
    """What will matter when it is changed: whether it is a fault, and a sentence."""
    found = []
    full = [
        name
        for name, each in announced(router).items()
        if len(each.ranges - {prefix}) >= MAX_RANGES
    ]
    if full:
        found.append((True, f"{', '.join(full)} has {MAX_RANGES} ranges and takes no more"))
    peers = [peer for peer in router.get("bgpPeers", []) if peer.get("enable") != "FALSE"]
    own = [peer for peer in peers if peer.get("advertiseMode") == "CUSTOM"]
    if own:
        names = ", ".join(str(peer.get("name")) for peer in own)
        found.append(
            (False, f"{names} has its own list, which is changed in place of the router's")
        )
    attached = [p for p in own if p.get("managementType") == "MANAGED_BY_ATTACHMENT"]
    if attached:
        names = ", ".join(str(peer.get("name")) for peer in attached)
        found.append(
            (True, f"{names} is managed by an interconnect attachment and has its own list")
        )
    if (router.get("bgp") or {}).get("advertiseMode") != "CUSTOM" and len(own) < len(peers):
        found.append(
            (False, "its mode is DEFAULT: the first change makes it CUSTOM and keeps its subnets")
        )
    return found


async def _permissions(caller: Caller, base: str, project: str) -> list[Finding]:
    what = f"permissions in the project {project}"
    url = f"{base}/projects/{project}:testIamPermissions"
    body = {"permissions": [*ROUTER_PERMISSIONS, attribution.LIST]}
    call = Call(f"projects.testIamPermissions of {project}", "POST", url, body)
    try:
        answer = await caller(call)
    except ActionError as error:
        # The service may be switched off in a project where all else works.
        return [Finding(what, False, f"they could not be asked for: {error}")]
    wrong = misfit(answer, Fields({"permissions": [str]}))
    if wrong is not None or not isinstance(answer, dict):
        return [Finding(what, False, f"they could not be asked for: {wrong}")]
    held = answer.get("permissions", [])
    missing = [permission for permission in ROUTER_PERMISSIONS if permission not in held]
    if missing:
        return [Finding(what, True, f"missing: {', '.join(missing)}")]
    if attribution.LIST not in held:
        return [Finding(what, False, _UNLISTED, is_warning=True)]
    return [Finding(what, False, "all that are needed are there")]
