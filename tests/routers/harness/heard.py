"""The tables that follow from the bytes of one router's BMP connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from services.ingest.wire import (
    PeerDown,
    PeerUp,
    RibView,
    RouteMonitoring,
    StreamDecoder,
    prefix_text,
)
from services.ingest.wire.text import address_text
from tests.routers.harness.table import Route, Table, as_path_of_json, communities, table

if TYPE_CHECKING:
    from services.ingest.wire import AnyMessage, NlriSet, PathAttributes

_View: TypeAlias = tuple[str, RibView]


class Heard:
    """What each peer has at the end of what was fed so far, by view."""

    def __init__(self) -> None:
        self.up: set[str] = set()
        """The addresses of the peers whose session is up."""
        self._decoder = StreamDecoder()
        self._tables: dict[_View, dict[tuple[str, int], Route]] = {}

    def feed(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self._take(message)

    def table(self, peer: str, view: RibView, family: str) -> Table:
        routes = self._tables.get((peer, view), {})
        return table(route for route in routes.values() if route.family == family)

    def _take(self, message: AnyMessage) -> None:
        if isinstance(message, RouteMonitoring):
            self._take_routes(message)
        elif isinstance(message, PeerUp | PeerDown):
            address = message.peer.address_text
            for view in RibView:
                self._tables.pop((address, view), None)
            if isinstance(message, PeerUp):
                self.up.add(address)
            else:
                self.up.discard(address)

    def _take_routes(self, message: RouteMonitoring) -> None:
        peer = message.peer
        routes = self._tables.setdefault((peer.address_text, peer.view), {})
        for withdrawn in message.update.withdrawn:
            for key in _keys(withdrawn):
                routes.pop(key, None)
        for announced in message.update.announced:
            for key in _keys(announced):
                if announced.attributes is not None:
                    routes[key] = _route(key[0], announced.attributes)


def _keys(nlri_set: NlriSet) -> list[tuple[str, int]]:
    path_ids = nlri_set.path_ids or [0] * len(nlri_set.nlri)
    prefixes = (prefix_text(nlri_set.family, nlri) for nlri in nlri_set.nlri)
    return list(zip(prefixes, path_ids, strict=True))


def _route(prefix: str, attributes: PathAttributes) -> Route:
    return Route(
        prefix=prefix,
        next_hop=address_text(attributes.next_hop or b""),
        as_path=as_path_of_json(attributes.as_path_json),
        origin=attributes.origin_text or "",
        med=attributes.med,
        communities=communities(attributes.communities_text),
        large_communities=communities(attributes.large_communities_text),
    )
