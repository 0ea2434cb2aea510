"""The announcer of ExaBGP with a real one, whose peer is a real GoBGP."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.failover.acting.actuator import ActionError, Done, NotDone
from services.failover.policy.model import Health, Site, Step, StepKind
from services.failover.providers.exabgp.actuator import ExaBgpAnnouncer
from services.failover.providers.exabgp.client import ExaBgp
from services.failover.providers.exabgp.observer import SessionsObserver
from services.failover.providers.exabgp.pipes import Pipes
from services.failover.providers.exabgp.words import Announcement
from services.failover.providers.faults import CallError, CallUnknownError, Fault
from services.failover.providers.guard import Limits
from tests.routers.harness.exabgp_pipes import PipedExabgp
from tests.routers.harness.gobgp import GobgpMonitored
from tests.routers.harness.gobgp_config import GobgpPeer
from tests.routers.harness.installed import skip_without_routers
from tests.routers.harness.lab import Lab
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PREFIXES = {"ipv4_unicast": "203.0.113.0/24", "ipv6_unicast": "2001:db8:1::/48"}
# Not `self`: a router takes no route whose next hop is a loopback address.
NEXT_HOPS = {"ipv4_unicast": "192.0.2.9", "ipv6_unicast": "2001:db8::2"}
ADVERTISE, WITHDRAW = (Step(kind, Site.LOCAL) for kind in (StepKind.ADVERTISE, StepKind.WITHDRAW))
REQUEST_ID = "6f0d4a2e-0000-4000-8000-000000000001"
LIMITS = Limits(call_seconds=2.0, attempts=1)


class Edge:
    """A router, and the ExaBGP that announces to it."""

    def __init__(self, lab: Lab) -> None:
        router, here = lab.network.address(1), lab.network.address(2)
        port = lab.network.free_port(1)
        self.router = lab.run(
            GobgpMonitored(
                lab.directory("router"),
                listen=(router, port),
                api_port=lab.network.free_port(1),
                asn=65001,
                peers=[GobgpPeer(here, 65002)],
                station=lab.station,
            )
        )
        self.exabgp = lab.run(
            PipedExabgp(
                lab.directory("exabgp"),
                address=here,
                asn=65002,
                router=(router, port),
                peer_asn=65001,
            )
        )
        self.client = ExaBgp(
            Pipes(self.exabgp.pipe),
            site=Site.LOCAL,
            limits=LIMITS,
            registry=None,
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
        )
        self.observer = SessionsObserver(
            self.client, site=Site.LOCAL, now=lambda: datetime.now(UTC)
        )

    def announcer(self, family: str = "ipv4_unicast") -> ExaBgpAnnouncer:
        prefix = ip_network(PREFIXES[family])
        announcement = Announcement(prefix, NEXT_HOPS[family], ("65002:7", "65002:1:2"))
        return ExaBgpAnnouncer(Site.LOCAL, self.client, announcement)

    async def meet(self) -> None:
        """Returns once it can announce."""
        eventually(lambda: self.router.check_established(self.exabgp.address))
        while (await self.observer.read()).health is not Health.HEALTHY:
            await asyncio.sleep(0.05)

    def heard(self, family: str) -> list[tuple[str, str, frozenset[str], frozenset[str]]]:
        return [
            (route.prefix, route.next_hop, route.communities, route.large_communities)
            for route in self.router.received(self.exabgp.address, family)
        ]


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    skip_without_routers()
    lab = Lab(tmp_path)
    try:
        yield Edge(lab)
    finally:
        lab.stop()


def until(is_so: Callable[[], bool]) -> None:
    def look() -> None:
        if not is_so():
            raise NotYetError("not yet")

    eventually(look)


@pytest.mark.parametrize("family", PREFIXES)
async def test_the_peer_sees_the_prefix_come_and_go(edge: Edge, family: str) -> None:
    await edge.meet()
    it, prefix = edge.announcer(family), PREFIXES[family]
    assert isinstance(await it.verify(ADVERTISE), NotDone)

    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    assert isinstance(await it.verify(ADVERTISE), Done)
    until(lambda: bool(edge.heard(family)))
    ((heard, next_hop, communities, large),) = edge.heard(family)
    assert heard == prefix
    assert next_hop == NEXT_HOPS[family]
    assert set(communities) == {"65002:7"}
    assert set(large) == {"65002:1:2"}

    await it.apply(WITHDRAW, request_id=REQUEST_ID)
    assert isinstance(await it.verify(WITHDRAW), Done)
    until(lambda: not edge.heard(family))


async def test_what_one_prefix_does_leaves_the_other_alone(edge: Edge) -> None:
    await edge.meet()
    one, other = edge.announcer("ipv4_unicast"), edge.announcer("ipv6_unicast")
    for each in (one, other):
        await each.apply(ADVERTISE, request_id=REQUEST_ID)
    await one.apply(WITHDRAW, request_id=REQUEST_ID)
    assert isinstance(await other.verify(ADVERTISE), Done)
    until(lambda: not edge.heard("ipv4_unicast") and bool(edge.heard("ipv6_unicast")))


async def test_a_session_that_is_down_is_no_announcement(edge: Edge) -> None:
    await edge.meet()
    it = edge.announcer()
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    edge.router.shut(edge.exabgp.address)
    while (await edge.observer.read()).health is not Health.UNHEALTHY:
        await asyncio.sleep(0.05)
    seen = await it.verify(ADVERTISE)
    assert isinstance(seen, NotDone)
    assert seen.evidence["holding"], "it will announce it again when the session is back"
    edge.router.unshut(edge.exabgp.address)
    await edge.meet()
    assert isinstance(await it.verify(ADVERTISE), Done)


async def test_one_that_hangs_is_told_from_one_that_is_gone(edge: Edge) -> None:
    await edge.meet()
    it = edge.announcer()
    edge.exabgp.signal(signal.SIGSTOP)
    with pytest.raises(ActionError, match="no answer came from"):
        await it.verify(ADVERTISE)
    # What came too late is not taken for the answer to what is asked next.
    edge.exabgp.signal(signal.SIGCONT)
    for _ in range(3):
        assert isinstance(await it.verify(ADVERTISE), NotDone)
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    assert isinstance(await it.verify(ADVERTISE), Done)

    edge.exabgp.stop()
    with pytest.raises(CallError, match="nobody reads") as gone:
        await it.apply(WITHDRAW, request_id=REQUEST_ID)
    assert gone.value.fault is Fault.UNREACHABLE
    assert not isinstance(gone.value, CallUnknownError)


async def test_what_it_was_told_while_it_was_stopped_is_done_before_it_can_be_looked_at(
    edge: Edge,
) -> None:
    await edge.meet()
    it = edge.announcer()
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    (withdrawal,) = await it.preview(WITHDRAW)
    edge.exabgp.signal(signal.SIGSTOP)
    pipe = os.open(withdrawal.url, os.O_WRONLY | os.O_NONBLOCK)
    os.write(pipe, f"{withdrawal.body}\n".encode())
    os.close(pipe)
    with pytest.raises(ActionError, match="no answer came from"):
        await it.verify(ADVERTISE)
    edge.exabgp.signal(signal.SIGCONT)
    assert isinstance(await it.verify(ADVERTISE), NotDone)
    until(lambda: not edge.heard("ipv4_unicast"))


async def test_after_a_restart_what_it_was_told_is_gone_and_that_is_seen(edge: Edge) -> None:
    await edge.meet()
    it = edge.announcer()
    await it.apply(ADVERTISE, request_id=REQUEST_ID)
    edge.exabgp.stop()
    edge.exabgp.start()
    until(lambda: not edge.heard("ipv4_unicast"))
    while (await edge.observer.read()).health is not Health.HEALTHY:
        await asyncio.sleep(0.05)
    assert (await it.announcing()).advertised == {Site.LOCAL: False}
