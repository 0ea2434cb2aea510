"""The fake GCP and the fake Cloudflare as servers; a Cloud Router speaks through a real GoBGP."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from services.failover.policy.model import Site
from tests.failover.end_to_end.edge import PREFIX
from tests.fakes import cloudflare, gcp
from tests.fakes.trouble import Trouble
from tests.gateway.harness.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.failover.end_to_end.edge import SiteRouter
    from tests.fakes.gcp_state import Change

ROUTERS = {Site.LOCAL: gcp.LOCAL, Site.REMOTE: gcp.REMOTE}
NEXT_HOPS = {Site.LOCAL: "10.0.0.1", Site.REMOTE: "10.0.1.1"}
LONGER = "203.0.113.128/25"
"""A second prefix within ours, so that there are two routes to each site, which can be halved."""

PUT = f"/client/v4/accounts/{cloudflare.ACCOUNT}/magic/routes"
"""Where Cloudflare takes a bulk update."""

_OPERATION_SECONDS = 0.1


def patch(site: Site) -> str:
    """Where GCP takes a change of a site's router."""
    project, region, router = ROUTERS[site]
    return f"/compute/v1/projects/{project}/regions/{region}/routers/{router}"


class Clouds:
    """Both providers. They live in an event loop of their own, and tests reach into them."""

    def __init__(self, speakers: Mapping[Site, SiteRouter]) -> None:
        self._speakers = speakers
        self._speaking = {site: asyncio.Lock() for site in Site}
        self.gcp = gcp.FakeGcp(hook=self._speak)
        gcp.two_sites(self.gcp, PREFIX)
        self.gcp.state.operation_seconds = _OPERATION_SECONDS
        self.cloudflare = cloudflare.FakeCloudflare()
        for prefix in (PREFIX, LONGER):
            cloudflare.two_sites(self.cloudflare, prefix, *NEXT_HOPS.values())
        self.cloudflare.after_write = self._check_traffic
        self.astray: list[str] = []
        """When traffic was led to a site that did not announce the prefix."""

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[dict[str, str]]:
        """The settings of a failover service that has to do with them."""
        async with serving(self.gcp) as google, serving(self.cloudflare, lifespan="off") as flare:
            yield {
                "GCP_PROJECT": gcp.PROJECT,
                "LOCAL_GCP_REGION": gcp.LOCAL[1],
                "REMOTE_GCP_REGION": gcp.REMOTE[1],
                "LOCAL_BGP_REGION": gcp.LOCAL[1],
                "LOCAL_BGP_ROUTER": gcp.LOCAL[2],
                "REMOTE_BGP_REGION": gcp.REMOTE[1],
                "REMOTE_BGP_ROUTER": gcp.REMOTE[2],
                "FAILOVER_GCP_URL": f"http://127.0.0.1:{google}",
                "CLOUDFLARE_ACCOUNT_ID": cloudflare.ACCOUNT,
                "CLOUDFLARE_API_TOKEN": cloudflare.TOKEN,
                "DESCRIPTION_SUBSTRING": "edge-",
                "PRIMARY_INTERNAL_IP": NEXT_HOPS[Site.LOCAL],
                "SECONDARY_INTERNAL_IP": NEXT_HOPS[Site.REMOTE],
                "FAILOVER_CLOUDFLARE_URL": f"http://127.0.0.1:{flare}",
            }

    async def _speak(self, change: Change) -> None:
        """What a Cloud Router tells its sessions, in the order in which it does."""
        (site,) = (
            site for site, key in ROUTERS.items() if key[1:] == (change.region, change.router)
        )
        self._check_traffic()
        async with self._speaking[site]:
            speaker = self._speakers[site]
            speak = speaker.announce if change.announced else speaker.withdraw
            await asyncio.to_thread(speak)

    def _check_traffic(self) -> None:
        """Whenever somebody announces or withdraws, or a preference is changed."""
        routers = self.gcp.state.routers
        announcing = {site for site, key in ROUTERS.items() if PREFIX in routers[key].announced}
        for prefix, shares in self.traffic().items():
            if not shares.keys() <= announcing:
                self.astray.append(f"{prefix} to {shares}, announced by {announcing}")

    # ---- what goes wrong

    def set_backends(self, site: Site, state: str) -> None:
        """All backends of a site are HEALTHY or UNHEALTHY."""
        project, region, _ = ROUTERS[site]
        self.gcp.state.set_health(gcp.group(project, region), [state, state])

    def lie(self, site: Site) -> None:
        """The site's router says yes, and no session hears of it."""
        self.gcp.state.routers[ROUTERS[site]].deaf = True

    def trouble(self, match: str, **kind: bool | float | None) -> Trouble:
        """Trouble for the next request that matches, at whichever provider."""
        met = Trouble(match, **kind)  # type: ignore[arg-type]  # the fields that tests name
        self.gcp.troubles.append(met)
        self.cloudflare.troubles.append(met)
        return met

    async def heal(self) -> None:
        """Everything is well again, and sessions hear what they should have heard before."""
        for site, key in ROUTERS.items():
            self.set_backends(site, "HEALTHY")
            router = self.gcp.state.routers[key]
            if router.deaf:
                router.deaf = False
                for name, session in router.sessions.items():
                    await self.gcp.state.set_session(key, name, session)
        self.end_troubles()

    def end_troubles(self) -> None:
        """All requests arrive, and are answered."""
        self.gcp.troubles.clear()
        self.cloudflare.troubles.clear()
        self.cloudflare.faults.clear()

    # ---- what can be seen

    def traffic(self) -> dict[str, dict[Site, float]]:
        """By prefix, the share of each site."""
        sites = {address: site for site, address in NEXT_HOPS.items()}
        return {
            prefix: {sites[address]: share for address, share in shares.items()}
            for prefix, shares in self.cloudflare.all_traffic().items()
        }

    def forget(self) -> None:
        """What was asked until now."""
        self.gcp.asked.clear()
        self.cloudflare.requests.clear()

    def writes(self) -> list[str]:
        """All requests that were to change something: those to GCP, and then the others."""
        put = [f"{sent.method} {sent.path}" for sent in self.cloudflare.requests]
        return [one for one in (*self.gcp.asked, *put) if one.startswith(("PATCH ", "PUT "))]
