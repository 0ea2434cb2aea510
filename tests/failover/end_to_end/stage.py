"""The whole of it: upstream, sites, providers, bgpilot's services, and somebody who watches."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio.from_thread import start_blocking_portal

from services.failover.policy.model import Site
from tests.databases import new_database
from tests.failover.end_to_end.clouds import Clouds
from tests.failover.end_to_end.edge import PREFIX, Edge, Watcher
from tests.failover.end_to_end.replicas import Replica
from tests.failover.end_to_end.store import Store, gaps
from tests.failover.end_to_end.timeline import Timeline
from tests.routers.harness.station import Station
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyio.from_thread import BlockingPortal

    from tests.routers.harness.lab import Lab

_WITHIN_S = 20.0


@dataclass
class Stage:
    """Two replicas of the failover service, of which either may lead."""

    portal: BlockingPortal
    """To where the providers live."""
    edge: Edge
    clouds: Clouds
    station: Station
    store: Store
    replicas: tuple[Replica, Replica]
    watcher: Watcher
    timeline: Timeline

    # ---- what happens

    def settle(self) -> None:
        """Everything is well, one site serves, nobody has anything to look at."""
        self.heal()
        for replica in self.replicas:
            replica.until_ready()
        self.asks("POST", "/ack", json={"reason": "the next test"})
        eventually(self._check_at_rest, _WITHIN_S)
        self.timeline = Timeline(self.store)
        self.clouds.forget()

    def heal(self) -> None:
        """The providers are well, and do what they are told."""
        self.timeline.note("all is well again at the providers")
        self.portal.call(self.clouds.heal)

    def break_site(self, site: Site) -> None:
        """Its backends fail."""
        self.timeline.note(f"the backends of the {site.value} site fail")
        self.clouds.set_backends(site, "UNHEALTHY")

    def signal_leader(self, number: signal.Signals) -> Replica:
        """Whoever holds the lease gets a signal; who that is."""
        leader = self.leader()
        self.timeline.note(f"{leader.name}, which leads, gets {number.name}")
        leader.signal(number)
        return leader

    def replace_leader(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Whoever holds the lease is ended; another process starts in its place."""
        self.signal_leader(number).restart()

    def switch(self, site: Site) -> None:
        """An operator moves the traffic, as soon as that may be asked for."""
        asked = {"from": site.other.value, "to": site.value, "reason": "a test", "owner": "ada"}
        self.timeline.note(f"an operator wants the traffic at the {site.value} site")
        self.until(lambda status: status["posture"]["active"] == site.other.value)
        self.asks("POST", "/switchover", json=asked)

    # ---- what is so

    def serving(self) -> Site:
        """The only site that the upstream has the prefix from, and Cloudflare sends traffic to."""
        sources = self.edge.sources()
        if len(sources) != 1:
            raise NotYetError(f"the upstream has {PREFIX} from {sources}")
        (site,) = sources
        for prefix, shares in self.clouds.traffic().items():
            if shares != {site: 1.0}:
                raise NotYetError(f"{PREFIX} is at {site}, the traffic of {prefix} at {shares}")
        return site

    def leader(self) -> Replica:
        """Whoever holds the lease, as soon as somebody does."""

        def find() -> Replica:
            pid = self.store.leader()
            for replica in self.replicas:
                if replica.pid == pid:
                    return replica
            raise NotYetError(f"the lease is with {pid}")

        return eventually(find, _WITHIN_S)

    def other_than(self, leader: Replica) -> Replica:
        """The other replica."""
        (other,) = (replica for replica in self.replicas if replica is not leader)
        return other

    def until_leads(self, replica: Replica) -> None:
        """Returns once this one holds the lease."""

        def check() -> None:
            if self.store.leader() != replica.pid:
                raise NotYetError(f"{replica.name} does not lead")

        eventually(check, _WITHIN_S)

    def asks(self, method: str, path: str, **sent: Any) -> Any:
        """What the leader answers."""
        return self.leader().asks(method, path, **sent)

    def plans(self) -> list[dict[str, Any]]:
        """Those that began since the test did, the newest first, as the database has them."""
        query = "SELECT * FROM failover.plan WHERE begun_at >= $1 ORDER BY begun_at DESC"
        return self.store.rows(query, self.timeline.began)

    def until_ended(self) -> dict[str, Any]:
        """The last plan of this test, once it has ended."""

        def check() -> dict[str, Any]:
            plans = self.plans()
            if not plans or plans[0]["state"] == "running":
                raise NotYetError(f"plans: {plans}")
            return plans[0]

        return eventually(check, _WITHIN_S)

    def until_moved(self, site: Site) -> dict[str, Any]:
        """The plan of this test that has moved the traffic to this site."""

        def check() -> dict[str, Any]:
            plan = self.until_ended()
            if (plan["state"], plan["target"], self.serving()) != ("done", site.value, site):
                raise NotYetError(f"the last plan is {plan['state']}: {plan['detail']}")
            return plan

        return eventually(check, _WITHIN_S)

    def until_says(self, rule: str) -> dict[str, Any]:
        """What the leader says once it decides by this rule."""
        return self.until(lambda status: status["rule"] == rule)

    def until_knows(self, site: Site, health: str) -> None:
        """Returns once the leader takes the site's service for healthy, unhealthy or unknown."""
        self.until(lambda status: status["inputs"]["service"][site.value]["health"] == health)

    def until_cycles(self, more: int) -> None:
        """Returns once whoever leads has looked so many times more."""
        for _ in range(more):
            self.until(partial(_is_later, self.asks("GET", "")["at"]))

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What the leader says once it is what is wanted."""

        def check() -> dict[str, Any]:
            status: dict[str, Any] = self.asks("GET", "")
            if not wanted(status):
                raise NotYetError(f"{status['rule']}: {status['sentence']}")
            return status

        return eventually(check, _WITHIN_S)

    def check_always_reachable(self) -> None:
        """The prefix was never withdrawn everywhere, and traffic never led to where it was."""
        self.watcher.check()
        assert not self.clouds.astray
        heard = self.store.heard()
        assert heard
        assert not (gone := gaps(heard)), f"BMP: no route to {PREFIX} after {gone}"

    def told(self) -> str:
        """The timeline."""
        sites = {router.address: site for site, router in self.edge.sites.items()}
        return self.timeline.text(list(self.watcher.sights), sites)

    def told_in_full(self) -> list[tuple[str, str]]:
        """The timeline, and what the replicas have said last."""
        said = [(f"output of {one.name}", one.output()) for one in self.replicas]
        return [("timeline", self.told()), *said]

    def _check_at_rest(self) -> None:
        self.serving()
        status = self.asks("GET", "")
        if status["rule"] not in ("all_well", "failback_is_manual") or status["plan_in_flight"]:
            raise NotYetError(f"{status['rule']}: {status['sentence']}")


def _is_later(than: str, status: dict[str, Any]) -> bool:
    return bool(status["at"] > than)


@contextlib.contextmanager
def staged(lab: Lab, dsn: str) -> Iterator[Stage]:
    """Everything runs, and the local site serves, within this context."""
    with contextlib.ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        url = stack.enter_context(portal.wrap_async_context_manager(new_database(dsn)))
        settings = {"INGEST_BATCH_SECONDS": "0.05"}
        station = lab.run(Station(lab.directory("station"), lab.station, url, settings))
        edge = Edge(lab)
        clouds = Clouds(edge.sites)
        providers = stack.enter_context(portal.wrap_async_context_manager(clouds.served()))
        store = Store(portal, url)
        stack.callback(store.close)
        stack.callback(lab.stop)  # before what its parts need
        store.prepare()
        of_replicas = providers | {
            "DATABASE_URL": url,
            "PRIMARY_PREFIX": PREFIX,
            "FAILOVER_ROUTES_URL": station.routes_url,
            "FAILOVER_LOCAL_PEERS": edge.sites[Site.LOCAL].address,
            "FAILOVER_REMOTE_PEERS": edge.sites[Site.REMOTE].address,
        }
        first, second = (lab.run(Replica(lab, name, of_replicas)) for name in ("one", "other"))
        watcher = Watcher(edge)
        stack.callback(watcher.stop)
        it = Stage(portal, edge, clouds, station, store, (first, second), watcher, Timeline(store))
        eventually(it.serving)
        watcher.start()
        yield it
