"""One router on its connection: its name, its peers and their routes, as the store is told."""

from __future__ import annotations

from functools import singledispatchmethod
from typing import TYPE_CHECKING

import structlog

from services.ingest.changes import (
    PeerCameUp,
    PeerWentDown,
    RouterConnected,
    RouterDisconnected,
    RouterNamed,
    StatisticsReported,
    TableComplete,
)
from services.ingest.facts import came_up, ip_text, statistics_of
from services.ingest.quirks import own_asn_in_front
from services.ingest.wire import (
    AnyMessage,
    Initiation,
    PeerDown,
    PeerHeader,
    PeerKey,
    PeerUp,
    RouteMonitoring,
    StatisticsReport,
    Termination,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.batcher import Batcher
    from services.ingest.flow import ConnectionFlow
    from services.ingest.registry import PeerSession, Registry
    from services.ingest.wire import RibView

log = structlog.get_logger(__name__)

PEER_EVENTS = ("peer_connected", "peer_disconnected", "BGP peer up", "BGP peer down")
"""What is logged when routers and their BGP peers come and go."""
MAX_PEERS = 16_384
"""Peers of one connection that are up at a time: the decoder knows as many."""


class TooManyPeers(Exception):
    """The router says that more peers are up than any router has."""


class Router:
    """Follows one router from its first message to the end of the connection.

    `listened_seconds` is a clock that stands still while the router waits for us.
    """

    def __init__(
        self,
        router_id: int,
        address: str,
        *,
        connection_id: int,
        registry: Registry,
        batcher: Batcher,
        flow: ConnectionFlow,
        listened_seconds: Callable[[], float],
        complete_seconds: float,
    ) -> None:
        self.router_id = router_id
        self._address = address
        self._connection_id = connection_id
        self._registry = registry
        self._batcher = batcher
        self._flow = flow
        self._listened_seconds = listened_seconds
        self._complete_seconds = complete_seconds
        self._sys_descr: str | None = None
        self._peers: dict[PeerKey, PeerSession] = {}
        self._said: set[str] = set()
        self._log = log.bind(router=address)

    def begin(self, time_us: int) -> None:
        """It has said its first message."""
        self._registry.join(self.router_id, self._peers)
        self._batcher.add_change(
            RouterConnected(
                seq=self._batcher.next_seq(),
                time_us=time_us,
                router_id=self.router_id,
                connection_id=self._connection_id,
            )
        )
        # In the words of RFC 7854 the router is the peer of our BMP session.
        self._log.info(
            f"BMP peer {self._address} has established a session",
            router_id=self._registry.bgp_ids.get(self._address),
        )

    def end(self, reason: str, time_us: int) -> None:
        """The connection is over: its sessions are lost to us."""
        sessions = self._registry.leave(self.router_id, self._peers)
        self._batcher.add_change(
            RouterDisconnected(
                seq=self._batcher.next_seq(),
                time_us=time_us,
                router_id=self.router_id,
                connection_id=self._connection_id,
                reason=reason,
                sessions=sessions,
            )
        )

    def feeds(self, peer_ids: set[int]) -> bool:
        """Whether one of these peers has a session here."""
        return any(peer.peer_id in peer_ids for peer in self._peers.values())

    def expire(self, now_us: Callable[[], int]) -> None:
        """Ends the waiting for End-of-RIBs of peers that had the time to send their tables.

        Many routers send none, or not for each family; what they did not send again is gone.
        """
        now = self._listened_seconds()
        for header, peer in self._peers.items():
            if peer.complete_by is not None and peer.complete_by <= now:
                peer.complete_by = None
                self._log.info("table counts as complete", peer_id=peer.peer_id, key=header)
                self._complete(peer, None, None, now_us(), None)

    async def add_routes(self, message: RouteMonitoring, time_us: int, read_at: float) -> None:
        """Takes the routes of a Route Monitoring, read off the socket at `read_at`."""
        update = message.update
        peer = self._peers.get(message.peer.key)
        if peer is None:
            if not update.announced:
                return  # a withdrawal that came after its Peer Down brings no peer back
            peer = await self._infer(message.peer, time_us)
        view = message.peer.view
        for routes in (*update.withdrawn, *update.announced):
            if not peer.has_rib(view, routes):
                await self._registry.rib(peer, view, routes)
        router_time_us = message.peer.timestamp_us
        if update.end_of_rib is not None:
            self._complete(peer, update.end_of_rib, view, time_us, router_time_us or None)
        else:
            if self._batcher.is_settled(peer.peer_id):
                await self._batcher.wait_for_turn(peer.peer_id)
            self._batcher.add_update(peer, view, update, time_us, router_time_us, read_at=read_at)

    def _complete(
        self,
        peer: PeerSession,
        family: int | None,
        view: RibView | None,
        time_us: int,
        router_time_us: int | None,
    ) -> None:
        self._batcher.add_change(
            TableComplete(
                seq=self._batcher.next_seq(),
                time_us=time_us,
                router_time_us=router_time_us,
                peer_id=peer.peer_id,
                session=peer.session,
                family=family,
                view=view,
                is_expired=family is None,
            )
        )

    async def _infer(self, header: PeerHeader, time_us: int) -> PeerSession:
        peer = await self._new_session(header, is_inferred=True)
        self._batcher.add_change(
            PeerCameUp(
                seq=self._batcher.next_seq(),
                peer_id=peer.peer_id,
                session=peer.session,
                time_us=time_us,
                router_time_us=header.timestamp_us or None,
                asn=header.asn,
                bgp_id=ip_text(header.bgp_id),
                is_inferred=True,
            )
        )
        self._log.info(
            "BGP peer up", peer=header.address_text, asn=header.asn, inferred="routes, no peer up"
        )
        return peer

    async def _new_session(self, header: PeerHeader, *, is_inferred: bool) -> PeerSession:
        if header.key not in self._peers and len(self._peers) >= MAX_PEERS:
            raise TooManyPeers(f"more than {MAX_PEERS} peers are up")
        peer = await self._registry.session(self.router_id, header, is_inferred=is_inferred)
        peer.complete_by = self._listened_seconds() + self._complete_seconds
        peer.flow = self._flow.peer(header)
        self._peers[header.key] = peer
        return peer

    @singledispatchmethod
    async def handle(self, message: AnyMessage, time_us: int) -> None:
        """Takes any other message.

        Mirrored, malformed and unknown messages say nothing about routes that is kept.
        """

    @handle.register(Initiation)
    async def _(self, message: Initiation, time_us: int) -> None:
        self._sys_descr = message.sys_descr
        self._batcher.add_word(
            RouterNamed(
                seq=self._batcher.next_seq(),
                router_id=self.router_id,
                sys_name=message.sys_name,
                sys_descr=message.sys_descr,
            )
        )
        self._say_once("router named itself", sys_name=message.sys_name, time_us=time_us)

    @handle.register(PeerUp)
    async def _(self, message: PeerUp, time_us: int) -> None:
        header = message.peer
        ends = (message.local_address, message.local_port, message.remote_port)
        peer = self._peers.get(header.key)
        if peer is not None and peer.ends == ends:
            # Huawei says it for each RIB view, and of its Loc-RIB for each family.
            self._log.debug("peer up again", peer=header.address_text)
            return
        if peer is not None and not peer.is_inferred:
            self._go_down(peer, header, time_us, None, "a new session began without a peer down")
        if peer is None or not peer.is_inferred:
            peer = await self._new_session(header, is_inferred=False)
        # Else it comes after its routes, and must not end the session that they belong to.
        peer.is_inferred = False
        peer.ends = ends
        peer.own_asn = own_asn_in_front(self._sys_descr, message)
        await self._batcher.wait_for_turn(peer.peer_id)
        change = came_up(message, peer, seq=self._batcher.next_seq(), time_us=time_us)
        self._batcher.add_change(change)
        if change.local_bgp_id is not None:
            self._registry.bgp_ids[self._address] = change.local_bgp_id
        self._log.info("BGP peer up", peer=header.address_text, asn=header.asn)

    @handle.register(PeerDown)
    async def _(self, message: PeerDown, time_us: int) -> None:
        header = message.peer
        peer = self._peers.pop(header.key, None)
        if peer is None:
            # FRR says so of every configured peer that was never up.
            self._log.debug("peer down for a peer that was not up", peer=header.address_text)
            return
        reason = message.reason_text
        self._go_down(peer, header, time_us, message.reason, reason)
        self._log.info(
            "BGP peer down", peer=header.address_text, code=message.reason, reason=reason
        )

    def _go_down(
        self, peer: PeerSession, header: PeerHeader, time_us: int, code: int | None, reason: str
    ) -> None:
        self._batcher.add_change(
            PeerWentDown(
                seq=self._batcher.next_seq(),
                peer_id=peer.peer_id,
                session=peer.session,
                time_us=time_us,
                router_time_us=header.timestamp_us or None,
                reason_code=code,
                reason=reason,
            )
        )

    @handle.register(Termination)
    async def _(self, message: Termination, time_us: int) -> None:
        self._say_once("router ends the connection", reason=message.reason_text, time_us=time_us)

    def _say_once(self, event: str, **fields: object) -> None:
        # These messages have no place to come again, so a router may send them without end.
        if event not in self._said:
            self._said.add(event)
            self._log.info(event, **fields)

    @handle.register(StatisticsReport)
    async def _(self, message: StatisticsReport, time_us: int) -> None:
        peer = self._peers.get(message.peer.key)
        if peer is not None and (values := statistics_of(message)):
            self._batcher.add_word(
                StatisticsReported(
                    seq=self._batcher.next_seq(),
                    peer_id=peer.peer_id,
                    session=peer.session,
                    time_us=time_us,
                    router_time_us=message.peer.timestamp_us or None,
                    values=values,
                )
            )
