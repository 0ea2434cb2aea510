"""A capture in one object: what came, how often, of which families and views."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from services.ingest.wire import (
    Initiation,
    MalformedMessage,
    RibView,
    RouteMonitoring,
    UnknownMessage,
    family_name,
)
from services.ingest.wire import families as f
from services.ingest.wire.bodies import INFORMATION_SYS_DESCR, INFORMATION_SYS_NAME
from services.ingest.wire.text import free_text

if TYPE_CHECKING:
    from services.ingest.wire import AnyMessage, NlriSet, PeerHeader, StreamDecoder
    from services.ingest.wire.context import Counters

_TEXT_LIMIT = 90
"""Characters of an Initiation's text that are shown."""

_TYPES = ("RM", "Stats", "PeerDown", "PeerUp", "Init", "Term", "Mirror")
_NAMED_TYPES = {
    "RouteMonitoring": "RM",
    "StatisticsReport": "Stats",
    "PeerDown": "PeerDown",
    "PeerUp": "PeerUp",
    "Initiation": "Init",
    "Termination": "Term",
    "RouteMirroring": "Mirror",
}
_PEER_TYPES = ("global", "rd", "local", "locrib")
_VIEWS = {
    RibView.ADJ_RIB_IN_PRE: "in-pre",
    RibView.ADJ_RIB_IN_POST: "in-post",
    RibView.ADJ_RIB_OUT_PRE: "out-pre",
    RibView.ADJ_RIB_OUT_POST: "out-post",
    RibView.LOC_RIB: "locrib",
}
_FAMILIES = {
    f.IPV4_UNICAST: "v4u",
    f.IPV6_UNICAST: "v6u",
    f.IPV4_LABELED_UNICAST: "v4lu",
    f.IPV6_LABELED_UNICAST: "v6lu",
}


def _family(family: int) -> str:
    return _FAMILIES.get(family) or family_name(family)


class Summary:
    """Counts the messages of a capture; `as_json` gives them."""

    def __init__(self) -> None:
        self._counters: set[Counters] = set()
        self._types: Counter[str] = Counter()
        self._announced: Counter[str] = Counter()
        self._withdrawn: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._views: Counter[str] = Counter()
        self._peer_types: Counter[str] = Counter()
        self._initiation: list[str] = []
        self._octets = 0
        self._without_peer_up = 0
        self._trailing = 0
        self._add_path = 0
        self._malformed = 0

    def add(self, message: AnyMessage, decoder: StreamDecoder) -> None:
        """Count one message of a decoder, which must not have decoded beyond it."""
        self._counters.add(decoder.counters)
        self._octets += message.length
        if isinstance(message, MalformedMessage | UnknownMessage):
            known = message.type < len(_TYPES)
            self._types[_TYPES[message.type] if known else f"type{message.type}"] += 1
        else:
            self._types[_NAMED_TYPES[type(message).__name__]] += 1
        peer: PeerHeader | None = getattr(message, "peer", None)
        if peer is not None:
            self._add_peer(peer)
        if isinstance(message, RouteMonitoring):
            self._without_peer_up += message.peer.key not in decoder.peers
            self._add_routes(message)
        elif isinstance(message, MalformedMessage) and message.type == 0:
            self._malformed += 1
            if peer is not None:
                self._views[_VIEWS[peer.view]] += 1
        elif isinstance(message, Initiation):
            wanted = (INFORMATION_SYS_DESCR, INFORMATION_SYS_NAME)
            texts = [free_text(value) for kind, value in message.tlvs if kind in wanted]
            self._initiation += [text[:_TEXT_LIMIT] for text in texts]

    def _add_peer(self, peer: PeerHeader) -> None:
        known = peer.peer_type < len(_PEER_TYPES)
        name = _PEER_TYPES[peer.peer_type] if known else f"type{peer.peer_type}"
        self._peer_types[name] += 1

    def _add_routes(self, message: RouteMonitoring) -> None:
        update = message.update
        self._views[_VIEWS[message.peer.view]] += 1
        self._trailing += bool(message.trailing)
        self._malformed += bool(update.errors)
        if update.end_of_rib is not None:
            self._ended[_family(update.end_of_rib)] += 1
        for routes in update.withdrawn:
            self._add_nlri(self._withdrawn, routes)
        for routes in update.announced:
            self._add_nlri(self._announced, routes)

    def _add_nlri(self, counter: Counter[str], routes: NlriSet) -> None:
        counter[_family(routes.family)] += len(routes.nlri)
        if routes.path_ids is not None:
            self._add_path += len(routes.path_ids)

    def as_json(self) -> dict[str, object]:
        """Every count; families, types and views that did not come are left out of theirs."""
        return {
            "bytes": self._octets,
            "messages": self._types.total(),
            "by_type": _sorted(self._types),
            "announced": _sorted(self._announced),
            "withdrawn": _sorted(self._withdrawn),
            "end_of_rib": _sorted(self._ended),
            "route_monitoring_by_rib": _sorted(self._views),
            "peer_header_type": _sorted(self._peer_types),
            "route_monitoring_without_peer_up": self._without_peer_up,
            "route_monitoring_with_trailing_tlvs": self._trailing,
            "add_path_nlri": self._add_path,
            "add_path_disagrees_with_open": sum(one.add_path_overridden for one in self._counters),
            "malformed_updates": self._malformed,
            "initiation": self._initiation,
        }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))
