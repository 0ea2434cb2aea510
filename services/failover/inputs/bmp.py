"""What our own BMP feed shows of a site: its BGP peers, and the prefix that comes from them.

A site is known by the addresses of its routers, as those that speak BMP to us have them as peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.failover.policy.model import Health, Reading, Role
from shared.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from services.failover.policy.model import Site
    from shared.clients.routes import RoutesClient

_MOST_PEERS = 100_000
"""The list cannot be asked for addresses, and one peer that is left out would not be known."""
_MOST_ROUTES = 1_000
_HEALTHS = {"up": Health.HEALTHY, "down": Health.UNHEALTHY, "lost": Health.UNKNOWN}


class PeersObserver:
    """Whether a site has a BGP session, by those at its other end."""

    name = "bmp_peer"

    def __init__(
        self,
        routes: RoutesClient,
        *,
        site: Site,
        peers: Sequence[str],
        now: Callable[[], datetime],
    ) -> None:
        self.site = site
        self._routes = routes
        self._peers = frozenset(peers)
        self._now = now

    async def read(self) -> Reading:
        """One session that is up is enough; a peer that no router tells of is not known."""
        try:
            answer = await self._routes.peers((), _MOST_PEERS)
        except UserError as error:
            return self._reading(Health.UNKNOWN, str(error))
        found = {(peer.router, peer.address): peer for peer in answer.data}
        ours = [peer for (_, address), peer in found.items() if address in self._peers]
        absent = self._peers - {peer.address for peer in ours}
        healths = [_HEALTHS[peer.state] for peer in ours] + [Health.UNKNOWN] * len(absent)
        said = [f"{peer.address} is {peer.state} at {peer.router}" for peer in ours]
        said += [f"no router tells of {address}" for address in sorted(absent)]
        return self._reading(_best(healths), "; ".join(said))

    def _reading(self, health: Health, detail: str) -> Reading:
        return Reading(self.name, self.site, Role.BGP, health, self._now(), detail)


class PrefixObserver:
    """Whether the prefix is seen from a site. That it is not says nothing: it may be withdrawn."""

    name = "bmp_prefix"

    def __init__(
        self,
        routes: RoutesClient,
        *,
        site: Site,
        peers: Sequence[str],
        prefix: str,
        now: Callable[[], datetime],
    ) -> None:
        self.site = site
        self._routes = routes
        self._peers = frozenset(peers)
        self._prefix = prefix
        self._now = now

    async def read(self) -> Reading:
        """See `Observer`."""
        asked = [("prefix", self._prefix), ("match", "exact"), ("state", "active")]
        asked += [("peer", address) for address in sorted(self._peers)]
        try:
            answer = await self._routes.routes(asked, _MOST_ROUTES)
        except UserError as error:
            return self._reading(Health.UNKNOWN, str(error))
        seen = sorted({route.peer.address for route in answer.data})
        if not seen:
            return self._reading(Health.UNKNOWN, f"{self._prefix} is not seen from it")
        return self._reading(Health.HEALTHY, f"{self._prefix} is seen from {', '.join(seen)}")

    def _reading(self, health: Health, detail: str) -> Reading:
        return Reading(self.name, self.site, Role.BGP, health, self._now(), detail)


def _best(healths: Sequence[Health]) -> Health:
    if Health.HEALTHY in healths:
        return Health.HEALTHY
    return Health.UNKNOWN if Health.UNKNOWN in healths or not healths else Health.UNHEALTHY
