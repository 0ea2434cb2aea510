"""The upstream: a real FRR that sends BMP to us, and at each site a real GoBGP beside it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from services.failover.policy.model import Site
from tests.routers.harness.frr import FrrBgpd, FrrPeer
from tests.routers.harness.gobgp import GobgpFeeder
from tests.routers.harness.gobgp_config import GobgpPeer
from tests.routers.harness.table import Route
from tests.routers.harness.vty import VtyError

if TYPE_CHECKING:
    from tests.routers.harness.lab import Lab

PREFIX = "203.0.113.0/24"
UPSTREAM_ASN = 64500
SITE_ASN = 64514

_UPSTREAM = 1
_HOSTS = {Site.LOCAL: 2, Site.REMOTE: 3}  # host numbers in the lab's network
_NEXT_HOPS = {Site.LOCAL: "192.0.2.2", Site.REMOTE: "192.0.2.3"}
"""FRR ends a session over which it is told a next hop on loopback."""
_LOOK_S = 0.02


class SiteRouter:
    """The Cloud Router of one site, as its BGP neighbour knows it."""

    def __init__(self, speaker: GobgpFeeder, next_hop: str) -> None:
        self.address = speaker.address
        self._speaker = speaker
        self._route = Route(PREFIX, next_hop, (SITE_ASN,))

    def announce(self) -> None:
        self._speaker.announce([self._route])

    def withdraw(self) -> None:
        self._speaker.withdraw([self._route])


class Edge:
    """The upstream between its two sites."""

    def __init__(self, lab: Lab) -> None:
        listens = {
            site: (lab.network.address(host), lab.network.free_port(host))
            for site, host in _HOSTS.items()
        }
        upstream = (lab.network.address(_UPSTREAM), lab.network.free_port(_UPSTREAM))
        self.upstream = lab.run(
            FrrBgpd(
                lab.directory("upstream"),
                listen=upstream,
                asn=UPSTREAM_ASN,
                peers=[FrrPeer(address, SITE_ASN, port) for address, port in listens.values()],
                station=lab.station,
                hostname="upstream",
            )
        )
        speakers = {
            site: lab.run(
                GobgpFeeder(
                    lab.directory(site.value),
                    listen=listen,
                    api_port=lab.network.free_port(_HOSTS[site]),
                    asn=SITE_ASN,
                    router=GobgpPeer(upstream[0], UPSTREAM_ASN),
                )
            )
            for site, listen in listens.items()
        }
        self.sites = {
            site: SiteRouter(speaker, _NEXT_HOPS[site]) for site, speaker in speakers.items()
        }

    def sources(self) -> frozenset[Site]:
        """The sites that the upstream has the prefix from, in its own words."""
        addresses = {router.address: site for site, router in self.sites.items()}
        return frozenset(addresses[peer] for peer in self.upstream.sources(PREFIX))


@dataclass(frozen=True, slots=True)
class Sight:
    """From some moment on the upstream has the prefix from these sites."""

    at: float
    sources: frozenset[Site]


class Upstream(Protocol):
    """Somebody who has the prefix from sites."""

    def sources(self) -> frozenset[Site]: ...


class Watcher:
    """Asks the upstream again and again, and remembers each change."""

    def __init__(self, edge: Upstream) -> None:
        self.sights: list[Sight] = []
        self._edge = edge
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._error: OSError | VtyError | None = None

    def start(self) -> None:
        self._look()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def check(self) -> None:
        """The prefix was never gone from everywhere, and somebody looked all the time."""
        if self._error is not None:
            raise self._error
        assert self._thread.is_alive()
        gone = [sight.at for sight in self.sights if not sight.sources]
        assert not gone, f"the upstream had no route to {PREFIX} at {gone}: {self.sights}"

    def _watch(self) -> None:
        try:
            while not self._stop.wait(_LOOK_S):
                self._look()
        except (OSError, VtyError) as error:
            self._error = error

    def _look(self) -> None:
        sources = self._edge.sources()
        if not self.sights or self.sights[-1].sources != sources:
            self.sights.append(Sight(time.time(), sources))
