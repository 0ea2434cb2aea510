"""Finds the filters that a message is for, at the cost of those it is for and few others.

Each filter stands in one place, where only messages that are likely for it look: at its prefix,
at an AS of its path, at its peer, at its host. What names none of these is asked every time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from services.routes.live.filters import Filter
    from services.routes.live.message import Message, Network

Key = TypeVar("Key", bound="Hashable")

_Places = defaultdict[Key, set["Filter"]]


class Index:
    """A set of filters."""

    def __init__(self) -> None:
        self._by_prefix = {4: _Prefixes(32), 6: _Prefixes(128)}
        self._by_asn: _Places[int] = defaultdict(set)
        self._by_peer: _Places[str] = defaultdict(set)
        self._by_host: _Places[str] = defaultdict(set)
        self._others: set[Filter] = set()

    def add(self, wanted: Filter) -> None:
        """Adds one that is not there."""
        if wanted.prefix is not None:
            self._by_prefix[wanted.prefix.version].add(wanted, wanted.prefix)
        elif (asn := _asn(wanted)) is not None:
            self._by_asn[asn].add(wanted)
        elif wanted.peer is not None:
            self._by_peer[wanted.peer].add(wanted)
        elif wanted.host is not None:
            self._by_host[wanted.host].add(wanted)
        else:
            self._others.add(wanted)

    def remove(self, wanted: Filter) -> None:
        """Removes one that is there."""
        if wanted.prefix is not None:
            self._by_prefix[wanted.prefix.version].remove(wanted, wanted.prefix)
        elif (asn := _asn(wanted)) is not None:
            _remove(self._by_asn, asn, wanted)
        elif wanted.peer is not None:
            _remove(self._by_peer, wanted.peer, wanted)
        elif wanted.host is not None:
            _remove(self._by_host, wanted.host, wanted)
        else:
            self._others.remove(wanted)

    def of(self, message: Message) -> set[Filter]:
        """The filters that this message is for."""
        return {one for one in self._candidates(message) if one.accepts(message)}

    def _candidates(self, message: Message) -> Iterator[Filter]:
        yield from self._others
        yield from self._by_peer.get(message.peer, ())
        for host in message.hosts:
            yield from self._by_host.get(host, ())
        if self._by_asn:
            for asn in {asn for hop in message.path or () for asn in _members(hop)}:
                yield from self._by_asn.get(asn, ())
        if self._by_prefix[4] or self._by_prefix[6]:
            for network in message.networks:
                yield from self._by_prefix[network.version].of(network)


class _Prefixes:
    """Filters by their prefix, of one version of IP."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._by_length: dict[int, _Places[int]] = {}
        self._inside: list[tuple[int, int]] = []
        """Start and length of the prefixes whose less specifics are asked for, in order."""
        self._less_specific: _Places[tuple[int, int]] = defaultdict(set)

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def add(self, wanted: Filter, prefix: Network) -> None:
        places = self._by_length.setdefault(prefix.length, defaultdict(set))
        places[self._key(prefix, prefix.length)].add(wanted)
        if wanted.less_specific:
            place = (prefix.start, prefix.length)
            if place not in self._less_specific:
                insort(self._inside, place)
            self._less_specific[place].add(wanted)

    def remove(self, wanted: Filter, prefix: Network) -> None:
        places = self._by_length[prefix.length]
        _remove(places, self._key(prefix, prefix.length), wanted)
        if not places:
            del self._by_length[prefix.length]
        if wanted.less_specific:
            place = (prefix.start, prefix.length)
            _remove(self._less_specific, place, wanted)
            if place not in self._less_specific:
                del self._inside[bisect_left(self._inside, place)]

    def of(self, network: Network) -> Iterator[Filter]:
        for length, places in self._by_length.items():
            if length < network.length:
                for one in places.get(self._key(network, length), ()):
                    if one.more_specific:
                        yield one
            elif length == network.length:
                yield from places.get(self._key(network, length), ())
        if self._inside:
            yield from self._of_less_specific(network)

    def _of_less_specific(self, network: Network) -> Iterator[Filter]:
        end = network.start + (1 << (self._bits - network.length))
        for at in range(bisect_left(self._inside, (network.start, 0)), len(self._inside)):
            start, length = self._inside[at]
            if start >= end:
                return
            if length > network.length:
                yield from self._less_specific[start, length]

    def _key(self, network: Network, length: int) -> int:
        return network.start >> (self._bits - length)


def _asn(wanted: Filter) -> int | None:
    """An AS that every path has that the filter accepts."""
    pattern = wanted.path
    if pattern is None or pattern.is_negated:
        return None
    return min(pattern.asns, default=None)


def _members(hop: int | list[int]) -> list[int]:
    return hop if isinstance(hop, list) else [hop]


def _remove(places: _Places[Key], key: Key, wanted: Filter) -> None:
    places[key].remove(wanted)
    if not places[key]:
        del places[key]
