"""One router's BMP connection: from its bytes to what the store is told."""

from __future__ import annotations

import logging
from functools import singledispatchmethod
from typing import TYPE_CHECKING

import structlog

from services.ingest import metrics
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
from services.ingest.faults import Faults
from services.ingest.filters import message_type
from services.ingest.flow import ConnectionFlow, Flows
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
    StreamDecoder,
    Termination,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.batcher import Batcher
    from services.ingest.registry import PeerSession, Registry
    from services.ingest.wire import RibView

log = structlog.get_logger(__name__)

PEER_EVENTS = ("peer_connected", "peer_disconnected", "BGP peer up", "BGP peer down")
"""What is logged when routers and their BGP peers come and go."""
# The longest Route Monitoring that RFC 4271 4.1 allows.
_DUMP_BYTES = 6 + 42 + 4096
_levels = logging.getLogger(__name__)
MAX_PEERS = 16_384
"""Peers of one connection that are up at a time: the decoder knows as many."""


class TooManyPeers(Exception):
    """The router says that more peers are up than any router has."""


class RouterConnection:
    """Decodes one connection and follows its peers. It does no socket I/O itself.

    Whatever a router gets wrong inside a message is logged and counted, and the connection goes
    on; only what is no BMP at all raises FramingError out of `receive`.
    """

    def __init__(
        self,
        address: str,
        *,
        connection_id: int,
        registry: Registry,
        batcher: Batcher,
        max_message: int,
        now_us: Callable[[], int],
        clock: Callable[[], float],
        complete_seconds: float,
        flows: Flows | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.address = address
        self._connection_id = connection_id
        self.messages = 0
        self._other_messages = 0
        self._registry = registry
        self._batcher = batcher
        self._decoder = StreamDecoder(max_message=max_message)
        self._now_us = now_us
        self._clock = clock
        self._complete_seconds = complete_seconds
        self._flows = flows or Flows()
        self._flow = ConnectionFlow(address)
        self._faults = faults or Faults()
        self._router_id: int | None = None
        self._sys_descr: str | None = None
        self._peers: dict[PeerKey, PeerSession] = {}
        self._taking_since: float | None = None
        self._taken_seconds = 0.0
        self._said: set[str] = set()
        self._log = log.bind(router=address)

    async def receive(self, data: bytes) -> None:
        """Takes the next bytes of the stream; returns when all they complete is handed on."""
        before = self.messages - self._other_messages
        read_at = self._taking_since = self._clock()
        try:
            await self._take(data, read_at)
        finally:
            self._taken_seconds += self._clock() - read_at
            self._taking_since = None
            monitoring = self.messages - self._other_messages
            metrics.MESSAGES.labels("RouteMonitoring").inc(monitoring - before)
            self._flow.messages = self.messages

    async def _take(self, data: bytes, read_at: float) -> None:
        is_debugging = _levels.isEnabledFor(logging.DEBUG)
        for message in self._decoder.feed(data):
            time_us = self._now_us()  # of each: the history is ordered by it
            if self._router_id is None:
                await self._begin(time_us)
            self.messages += 1
            if is_debugging:
                self._dump(message)
            if type(message) is RouteMonitoring:
                if message.update.errors:
                    self._note_faults(message)
                await self._add_routes(message, time_us, read_at)
            else:
                self._other_messages += 1
                metrics.MESSAGES.labels(type(message).__name__).inc()
                self._note_faults(message)
                await self._handle(message, time_us)
            if self._batcher.is_full:
                await self._batcher.wait_for_room()
        if self._router_id is not None:
            self._batcher.heard(self._router_id, self._now_us())

    def end(self, reason: str) -> None:
        """The connection is over: its sessions are lost to us."""
        self._flow.end()
        if (rest := self._decoder.close()) is not None:
            self._log.warning("connection ended inside a message", error=str(rest))
        if self._router_id is not None:
            sessions = self._registry.leave(self._router_id, self._peers)
            self._batcher.add_change(
                RouterDisconnected(
                    seq=self._batcher.next_seq(),
                    time_us=self._now_us(),
                    router_id=self._router_id,
                    connection_id=self._connection_id,
                    reason=reason,
                    sessions=sessions,
                )
            )

    @property
    def bgp_id(self) -> str | None:
        """The router's BGP identifier in its last OPEN that we know of."""
        return self._registry.bgp_ids.get(self.address)

    def feeds(self, peer_ids: set[int]) -> bool:
        """Whether one of these peers has a session on this connection."""
        return any(peer.peer_id in peer_ids for peer in self._peers.values())

    def expire(self) -> None:
        """Ends the waiting for End-of-RIBs of peers that had the time to send their tables.

        Many routers send none, or not for each family; what they did not send again is gone.
        """
        now = self._listened_seconds
        for header, peer in self._peers.items():
            if peer.complete_by is not None and peer.complete_by <= now:
                peer.complete_by = None
                self._log.info("table counts as complete", peer_id=peer.peer_id, key=header)
                self._complete(peer, None, None, self._now_us(), None)

    @property
    def _listened_seconds(self) -> float:
        """A clock that stands still while the router waits for us: its table may be under way."""
        now = self._clock() if self._taking_since is None else self._taking_since
        return now - self._taken_seconds

    async def _begin(self, time_us: int) -> None:
        # Not on connect: a port scan would leave routers behind.
        self._router_id = await self._registry.router(self.address)
        self._registry.join(self._router_id, self._peers)
        self._flows.add(self._flow)
        self._batcher.add_change(
            RouterConnected(
                seq=self._batcher.next_seq(),
                time_us=time_us,
                router_id=self._router_id,
                connection_id=self._connection_id,
            )
        )
        # In the words of RFC 7854 the router is the peer of our BMP session.
        self._log.info(f"BMP peer {self.address} has established a session", router_id=self.bgp_id)

    def _dump(self, message: AnyMessage) -> None:
        octets = self._decoder.octets_of(message)
        self._log.debug(
            "bmp_message_received",
            message_type=message_type(message),
            stream_offset=message.offset,
            length=message.length,
            data_hex=octets[:_DUMP_BYTES].hex(),
        )

    def _note_faults(self, message: AnyMessage) -> None:
        self._faults.note(self.address, message, lambda: self._decoder.octets_of(message))

    async def _add_routes(self, message: RouteMonitoring, time_us: int, read_at: float) -> None:
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
        assert self._router_id is not None  # noqa: S101 - `_begin` comes before every message
        if header.key not in self._peers and len(self._peers) >= MAX_PEERS:
            raise TooManyPeers(f"more than {MAX_PEERS} peers are up")
        peer = await self._registry.session(self._router_id, header, is_inferred=is_inferred)
        peer.complete_by = self._listened_seconds + self._complete_seconds
        peer.flow = self._flow.peer(header)
        self._peers[header.key] = peer
        return peer

    @singledispatchmethod
    async def _handle(self, message: AnyMessage, time_us: int) -> None:
        """Mirrored, malformed and unknown messages say nothing about routes that is kept."""

    @_handle.register(Initiation)
    async def _(self, message: Initiation, time_us: int) -> None:
        assert self._router_id is not None  # noqa: S101 - `_begin` comes before every message
        self._sys_descr = message.sys_descr
        self._batcher.add_word(
            RouterNamed(
                seq=self._batcher.next_seq(),
                router_id=self._router_id,
                sys_name=message.sys_name,
                sys_descr=message.sys_descr,
            )
        )
        self._say_once("router named itself", sys_name=message.sys_name, time_us=time_us)

    @_handle.register(PeerUp)
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
            self._registry.bgp_ids[self.address] = change.local_bgp_id
        self._log.info("BGP peer up", peer=header.address_text, asn=header.asn)

    @_handle.register(PeerDown)
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

    @_handle.register(Termination)
    async def _(self, message: Termination, time_us: int) -> None:
        self._say_once("router ends the connection", reason=message.reason_text, time_us=time_us)

    def _say_once(self, event: str, **fields: object) -> None:
        # These messages have no place to come again, so a router may send them without end.
        if event not in self._said:
            self._said.add(event)
            self._log.info(event, **fields)

    @_handle.register(StatisticsReport)
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
