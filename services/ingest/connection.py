"""One router's BMP connection: from its bytes to what the store is told."""

from __future__ import annotations

import ipaddress
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

import structlog

from services.ingest import metrics
from services.ingest.changes import (
    PeerCameUp,
    PeerWentDown,
    RouterConnected,
    RouterDisconnected,
    RouterNamed,
    TableComplete,
)
from services.ingest.quirks import own_asn_in_front
from services.ingest.wire import (
    AnyMessage,
    Initiation,
    MalformedMessage,
    PeerDown,
    PeerHeader,
    PeerKey,
    PeerUp,
    RouteMonitoring,
    StreamDecoder,
    Termination,
    family_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.batch import Batcher
    from services.ingest.registry import PeerSession, Registry
    from services.ingest.wire import Open, RibView

log = structlog.get_logger(__name__)

_HEX_BYTES = 256
# RFC 7911 4.
_ADD_PATH = {1: "receive", 2: "send", 3: "both"}


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
    ) -> None:
        self.address = address
        self._connection_id = connection_id
        self.messages = 0
        self._registry = registry
        self._batcher = batcher
        self._decoder = StreamDecoder(max_message=max_message)
        self._now_us = now_us
        self._clock = clock
        self._complete_seconds = complete_seconds
        self._router_id: int | None = None
        self._sys_descr: str | None = None
        self._peers: dict[PeerKey, PeerSession] = {}
        self._log = log.bind(router=address)

    async def receive(self, data: bytes) -> None:
        """Takes the next bytes of the stream; returns when all they complete is handed on."""
        time_us = self._now_us()
        for message in self._decoder.feed(data):
            if self._router_id is None:
                await self._begin(time_us)
            self.messages += 1
            metrics.messages(type(message).__name__).inc()
            if type(message) is RouteMonitoring:
                await self._add_routes(message, time_us)
            else:
                await self._handle(message, time_us)
            await self._batcher.wait_for_room()
        if self._router_id is not None:
            self._batcher.heard(self._router_id, time_us)

    def end(self, reason: str) -> None:
        """The connection is over: its sessions are lost to us."""
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

    def feeds(self, peer_ids: set[int]) -> bool:
        """Whether one of these peers has a session on this connection."""
        return any(peer.peer_id in peer_ids for peer in self._peers.values())

    def expire(self) -> None:
        """Ends the waiting for End-of-RIBs of peers that had the time to send their tables.

        Many routers send none, or not for each family; what they did not send again is gone.
        """
        now = self._clock()
        for header, peer in self._peers.items():
            if peer.complete_by is not None and peer.complete_by <= now:
                peer.complete_by = None
                self._log.info("table counts as complete", peer_id=peer.peer_id, key=header)
                self._complete(peer, None, None, self._now_us(), None)

    async def _begin(self, time_us: int) -> None:
        # Not on connect: a port scan would leave routers behind.
        self._router_id = await self._registry.router(self.address)
        self._registry.join(self._router_id, self._peers)
        self._batcher.add_change(
            RouterConnected(
                seq=self._batcher.next_seq(),
                time_us=time_us,
                router_id=self._router_id,
                connection_id=self._connection_id,
            )
        )

    async def _add_routes(self, message: RouteMonitoring, time_us: int) -> None:
        update = message.update
        for error in update.errors:
            metrics.MALFORMED.labels("RouteMonitoring").inc()
            self._log.warning(
                "malformed update",
                peer=message.peer.address_text,
                error=str(error),
                approach=error.approach and error.approach.label,
                attribute=error.attribute,
            )
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
            self._batcher.add_update(peer, view, update, time_us, router_time_us)

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
                bgp_id=_ip(header.bgp_id),
                is_inferred=True,
            )
        )
        self._log.info("peer inferred: routes without a peer up", peer=header.address_text)
        return peer

    async def _new_session(self, header: PeerHeader, *, is_inferred: bool) -> PeerSession:
        assert self._router_id is not None  # noqa: S101 - `_begin` comes before every message
        peer = await self._registry.session(self._router_id, header, is_inferred=is_inferred)
        peer.complete_by = self._clock() + self._complete_seconds
        self._peers[header.key] = peer
        return peer

    @singledispatchmethod
    async def _handle(self, message: AnyMessage, time_us: int) -> None:
        """Statistics, mirrored and unknown messages: counted, and shown when debugging."""
        self._log.debug("message", type=type(message).__name__, time_us=time_us)

    @_handle.register(Initiation)
    async def _(self, message: Initiation, time_us: int) -> None:
        assert self._router_id is not None  # noqa: S101 - `_begin` comes before every message
        self._sys_descr = message.sys_descr
        self._batcher.add_change(
            RouterNamed(
                seq=self._batcher.next_seq(),
                router_id=self._router_id,
                sys_name=message.sys_name,
                sys_descr=message.sys_descr,
            )
        )
        self._log.info("router named itself", sys_name=message.sys_name, time_us=time_us)

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
        received = message.received_open
        self._batcher.add_change(
            PeerCameUp(
                seq=self._batcher.next_seq(),
                peer_id=peer.peer_id,
                session=peer.session,
                time_us=time_us,
                router_time_us=header.timestamp_us or None,
                asn=header.asn,
                bgp_id=_ip(header.bgp_id),
                is_inferred=False,
                table_name=message.table_name,
                local_asn=message.sent_open.asn if message.sent_open else None,
                local_bgp_id=_ip(message.sent_open.bgp_id) if message.sent_open else None,
                local_address=_ip(message.local_address),
                local_port=message.local_port,
                remote_port=message.remote_port,
                hold_time=received.hold_time if received else None,
                capabilities=_capabilities(received) if received else {},
            )
        )
        self._log.info(f"BMP peer {header.address_text} has established a session", asn=header.asn)

    @_handle.register(PeerDown)
    async def _(self, message: PeerDown, time_us: int) -> None:
        header = message.peer
        peer = self._peers.pop(header.key, None)
        if peer is None:
            # FRR says so of every configured peer that was never up.
            self._log.debug("peer down for a peer that was not up", peer=header.address_text)
            return
        self._go_down(peer, header, time_us, message.reason, message.reason_text)
        self._log.info(
            "peer down", peer=header.address_text, code=message.reason, reason=message.reason_text
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
        self._log.info("router ends the connection", reason=message.reason_text, time_us=time_us)

    @_handle.register(MalformedMessage)
    async def _(self, message: MalformedMessage, time_us: int) -> None:
        metrics.MALFORMED.labels(str(message.type)).inc()
        self._log.error(
            "malformed message",
            error=str(message.error),
            offset=message.offset,
            data_hex=message.frame[:_HEX_BYTES].hex(),
            time_us=time_us,
        )


def _capabilities(message: Open) -> dict[str, Any]:
    """What the peer can do (RFC 5492): what we read of it by name, and every one by its code."""
    return {
        "families": [family_name(family) for family in message.families],
        "add_path": {
            family_name(family): _ADD_PATH.get(mode, str(mode))
            for family, mode in message.add_path.items()
        },
        "codes": [{"code": code, "value": value.hex()} for code, value in message.capabilities],
    }


def _ip(address: bytes) -> str:
    return str(ipaddress.ip_address(address))
