"""How many routes flow from each router and each of its BGP peers into the store.

Whoever decodes and whoever commits only add to plain numbers; now and then `Flows.report` says
what has changed since the last time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog

from services.ingest import metrics
from services.ingest.wire import EVPN, IPV4_UNICAST, IPV6_UNICAST, family_name

if TYPE_CHECKING:
    from services.ingest.wire import PeerHeader, PeerKey

log = structlog.get_logger(__name__)

_SHORT_NAMES = {IPV4_UNICAST: "ipv4", IPV6_UNICAST: "ipv6", EVPN: "evpn"}
_FORGET_AFTER = 60
"""Reports without news of a session that is over, although routes of it are not committed."""


class Count:
    """Routes of one family of one peer: what was received, and what of it is committed."""

    __slots__ = (
        "_committed_before",
        "_published",
        "_received_before",
        "announced",
        "committed",
        "family",
        "withdrawn",
    )

    def __init__(self, family: int) -> None:
        self.family = family
        self.announced = 0
        self.withdrawn = 0
        self.committed = 0
        self._published = (0, 0)
        self._received_before = 0
        self._committed_before = 0

    @property
    def received(self) -> int:
        """Announcements and withdrawals."""
        return self.announced + self.withdrawn

    @property
    def waiting(self) -> int:
        """Those that are not committed yet."""
        return self.received - self.committed

    def publish(self) -> None:
        """Adds to the counters for Prometheus, where one addition costs as much as a route."""
        announced, withdrawn = self._published
        self._published = (self.announced, self.withdrawn)
        label = metrics.family_label(self.family)
        metrics.ANNOUNCED.labels(label).inc(self.announced - announced)
        metrics.WITHDRAWN.labels(label).inc(self.withdrawn - withdrawn)

    def take(self) -> tuple[int, int]:
        """How many were received and committed since the last call."""
        received = self.received - self._received_before
        committed = self.committed - self._committed_before
        self._received_before, self._committed_before = self.received, self.committed
        return received, committed


class Share:
    """What one peer, or all of a connection, did in the time of one report."""

    def __init__(self) -> None:
        self.received = 0
        self.waiting = 0
        self.committed: Counter[int] = Counter()
        """By family."""

    @property
    def is_empty(self) -> bool:
        return not (self.received or self.committed)

    def add(self, other: Share) -> None:
        """Adds another peer's."""
        self.received += other.received
        self.waiting += other.waiting
        self.committed += other.committed

    def fields(self, seconds: float) -> dict[str, Any]:
        """What is logged; the families have what was committed of them."""
        processed = self.committed.total()
        by_name = dict.fromkeys(_SHORT_NAMES.values(), 0)
        for family, count in self.committed.items():
            by_name[_SHORT_NAMES.get(family) or family_name(family)] = count
        return {
            "received": self.received,
            "processed": processed,
            **by_name,
            "throughput_per_sec": round(processed / max(seconds, 0.001)),
            "waiting": self.waiting,
        }


class PeerFlow:
    """One BGP peer of one connection, through all its sessions there."""

    __slots__ = ("_counts", "_silent", "identity", "is_over")

    def __init__(self, identity: dict[str, Any] | None = None) -> None:
        self.identity = identity or {}
        """The fields that name it in a line of log."""
        self.is_over = False
        self._counts: dict[int, Count] = {}
        self._silent = 0

    def of(self, family: int) -> Count:
        """The count of one family."""
        count = self._counts.get(family)
        if count is None:
            count = self._counts[family] = Count(family)
        return count

    @property
    def is_done(self) -> bool:
        """Whether it is over and nothing more will come of it."""
        waiting = any(count.waiting for count in self._counts.values())
        return self.is_over and (not waiting or self._silent >= _FORGET_AFTER)

    def take(self) -> Share:
        """What it did since the last call."""
        share = Share()
        for family, count in self._counts.items():
            received, committed = count.take()
            share.received += received
            share.waiting += count.waiting
            if committed:
                share.committed[family] += committed
        self._silent = self._silent + 1 if share.is_empty else 0
        return share


class ConnectionFlow:
    """One BMP connection of one router."""

    def __init__(self, router: str) -> None:
        self._router = router
        self._peers: dict[PeerKey, PeerFlow] = {}
        self._messages_before = 0
        self.messages = 0
        """BMP messages of any kind."""
        self.is_over = False

    def peer(self, header: PeerHeader) -> PeerFlow:
        """The flow of a peer that has a session now."""
        flow = self._peers.get(header.key)
        if flow is None:
            flow = self._peers[header.key] = PeerFlow(_identity(header))
        flow.is_over = False
        return flow

    def end(self) -> None:
        """The connection is over, and its peers' sessions with it."""
        self.is_over = True
        for peer in self._peers.values():
            peer.is_over = True

    @property
    def is_done(self) -> bool:
        """Whether it is over and nothing more will come of it."""
        return self.is_over and not self._peers

    def report(self, seconds: float) -> None:
        """Logs what each peer and the whole connection did in so many seconds."""
        whole = Share()
        for peer in self._peers.values():
            share = peer.take()
            if not share.is_empty:
                log.info(
                    "route_stats", router=self._router, **peer.identity, **share.fields(seconds)
                )
            whole.add(share)
        messages = self.messages - self._messages_before
        self._messages_before = self.messages
        if messages or not whole.is_empty:
            log.info(
                "router_stats",
                router=self._router,
                peers=len(self._peers),
                messages=messages,
                **whole.fields(seconds),
            )
        self._peers = {key: peer for key, peer in self._peers.items() if not peer.is_done}


class Flows:
    """All connections of one process."""

    def __init__(self) -> None:
        self._connections: list[ConnectionFlow] = []

    def add(self, connection: ConnectionFlow) -> None:
        """Reports on one more, until it is over and what it brought is committed."""
        self._connections.append(connection)

    def report(self, seconds: float) -> None:
        """Logs a line of each peer and connection that did anything in the last seconds."""
        for connection in self._connections:
            connection.report(seconds)
        self._connections = [one for one in self._connections if not one.is_done]


def _identity(header: PeerHeader) -> dict[str, Any]:
    """Its address; and, where those are not the usual ones, its type and distinguisher."""
    identity: dict[str, Any] = {"peer": header.address_text, "asn": header.asn}
    if header.peer_type:
        identity |= {"peer_type": header.peer_type, "distinguisher": header.distinguisher_text}
    return identity
