"""Which messages of a capture are wanted: by peer, prefix, message type, errors."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from services.ingest.describe import type_name
from services.ingest.wire import (
    IPV4_UNICAST,
    IPV6_UNICAST,
    Initiation,
    MalformedMessage,
    MessageType,
    PeerDown,
    PeerUp,
    RouteMirroring,
    RouteMonitoring,
    StatisticsReport,
    Termination,
    UnknownMessage,
    Update,
    describe_nlri,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.ingest.wire import AnyMessage, NlriSet, WireError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TYPES: dict[type, MessageType] = {
    Initiation: MessageType.INITIATION,
    Termination: MessageType.TERMINATION,
    PeerUp: MessageType.PEER_UP,
    PeerDown: MessageType.PEER_DOWN,
    StatisticsReport: MessageType.STATISTICS_REPORT,
    RouteMonitoring: MessageType.ROUTE_MONITORING,
    RouteMirroring: MessageType.ROUTE_MIRRORING,
}
_ERRORED_PDU = 0  # RFC 7854 4.7
_AFI_OF_PLAIN = {IPV4_UNICAST: 4, IPV6_UNICAST: 6}


class Peer(NamedTuple):
    """A peer as a person names it: by its address or by its AS number."""

    address: bytes | None
    asn: int | None


class Filter(NamedTuple):
    """What a message must meet to be shown: every field that says something, any value of it.

    A prefix is met by a route to it or to a part of it.
    """

    peers: tuple[Peer, ...] = ()
    prefixes: tuple[Network, ...] = ()
    types: tuple[str, ...] = ()
    errors: bool = False

    def wants(self, message: AnyMessage) -> bool:
        return (
            (not self.types or message_type(message) in self.types)
            and (not self.peers or self._is_of_peer(message))
            and (not self.errors or has_error(message))
            and (not self.prefixes or self._has_route(message))
        )

    def _is_of_peer(self, message: AnyMessage) -> bool:
        peer = getattr(message, "peer", None)
        return peer is not None and any(
            wanted.asn == peer.asn if wanted.address is None else wanted.address == peer.address
            for wanted in self.peers
        )

    def _has_route(self, message: AnyMessage) -> bool:
        return any(
            self._covers(routes)
            for update in _updates(message)
            for routes in (*update.announced, *update.withdrawn)
        )

    def _covers(self, routes: NlriSet) -> bool:
        version = _AFI_OF_PLAIN.get(routes.family)
        if version is None:
            found = (describe_nlri(routes.family, nlri).get("prefix") for nlri in routes.nlri)
            return any(
                _is_within(ipaddress.ip_network(str(prefix)), wanted)
                for prefix in found
                if prefix is not None
                for wanted in self.prefixes
            )
        return any(
            _is_octets_within(nlri, wanted)
            for wanted in self.prefixes
            if wanted.version == version
            for nlri in routes.nlri
        )


def message_type(message: AnyMessage) -> str:
    """The type of a message in the words that are printed."""
    if isinstance(message, MalformedMessage | UnknownMessage):
        return type_name(message.type)
    return type_name(_TYPES[type(message)])


def has_error(message: AnyMessage) -> bool:
    """Whether anything in it, or in a message that it mirrors, is not as the RFCs have it."""
    if isinstance(message, RouteMirroring) and _ERRORED_PDU in message.information:
        return True
    return any(errors_of(message))


def errors_of(message: AnyMessage) -> Iterator[WireError]:
    """What is wrong with it, and with the messages that it mirrors."""
    for update in _updates(message):
        yield from update.errors
    for one in message.mirrored if isinstance(message, RouteMirroring) else (message,):
        error: WireError | None = getattr(one, "error", None)
        if error is not None:
            yield error


def _updates(message: AnyMessage) -> Iterator[Update]:
    if isinstance(message, RouteMonitoring):
        yield message.update
    elif isinstance(message, RouteMirroring):
        for one in message.mirrored:
            if isinstance(one.message, Update):
                yield one.message


def _is_within(prefix: Network, wanted: Network) -> bool:
    if isinstance(prefix, ipaddress.IPv4Network):
        return isinstance(wanted, ipaddress.IPv4Network) and prefix.subnet_of(wanted)
    return isinstance(wanted, ipaddress.IPv6Network) and prefix.subnet_of(wanted)


def _is_octets_within(nlri: bytes, wanted: Network) -> bool:
    """The same for the canonical octets of a prefix: full tables have a million of them."""
    bits = wanted.prefixlen
    if nlri[0] < bits:
        return False
    size = wanted.max_prefixlen
    address = int.from_bytes(nlri[1:], "big") << (size - 8 * (len(nlri) - 1))
    return (address ^ int(wanted.network_address)) >> (size - bits) == 0
