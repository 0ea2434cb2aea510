"""The moves of a MAC address, out of what routers said of it (RFC 7432 15).

A router with two neighbours may have the same routes from both, and every PE of a segment may
announce it; neither is a move. So an address stays where it is until its route from there is gone
or one with a higher sequence number comes. Each router and RIB view is an observer of its own,
since what one of them sees says nothing about another; and in each bridge domain the same address
is another host's.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping
    from datetime import datetime


class Place(NamedTuple):
    """Where a route says that the address is."""

    peer_id: int
    next_hop: str | None
    esi: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """A route of the address, as it was announced."""

    place: Place
    rib_id: int
    domain: str
    sequence: int | None = None
    sticky: bool = False
    rd: str | None = None
    vni: int | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        """A static address outranks, then the higher sequence number (RFC 7432 15, 15.2)."""
        return self.sticky, self.sequence or 0

    @property
    def next_hop_order(self) -> tuple[int, bytes]:
        """Of equal sequence numbers the PE with the lowest address counts (RFC 7432 15)."""
        packed = ipaddress.ip_address(self.place.next_hop or "0.0.0.0").packed  # noqa: S104 - none
        return len(packed), packed


class Key(NamedTuple):
    """Which route of which RIB it is."""

    rib_id: int
    nlri_id: int
    path_id: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """An announcement, or a withdrawal where `told` is None."""

    time: datetime
    seq: int
    session: int
    key: Key
    told: Told | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """From now on the routes of sessions before `session` are gone, in these RIBs."""

    time: datetime
    seq: int
    session: int
    rib_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Move:
    """The address was at `origin` and is at `to` now."""

    time: datetime
    origin: Told
    to: Told

    @property
    def changed(self) -> list[str]:
        """What is different about the place."""
        pairs = zip(("peer", "next_hop", "esi"), self.origin.place, self.to.place, strict=True)
        return [name for name, before, after in pairs if before != after]


def moves(happened: Iterable[Event | Sweep], observers: Mapping[int, Hashable]) -> list[Move]:
    """The moves in the order of time; `observers` says of each RIB whose it is."""
    watching: dict[Hashable, _Observer] = defaultdict(_Observer)
    found: list[Move] = []
    for one in sorted(happened, key=lambda one: (one.time, one.seq)):
        rib_ids = one.rib_ids if isinstance(one, Sweep) else (one.key.rib_id,)
        # In the order of the RIBs, so that equal times give equal answers.
        for observer in dict.fromkeys(observers[rib_id] for rib_id in sorted(rib_ids)):
            found += watching[observer].see(one)
    return found


@dataclass(slots=True)
class _Observer:
    """What is announced in one router's view, and where the address is by that."""

    announced: dict[Key, tuple[int, Told]] = field(default_factory=dict)
    """Each with its session."""
    oldest: dict[int, int] = field(default_factory=dict)
    """The oldest session that counts, by RIB."""
    at: dict[str, Told] = field(default_factory=dict)
    """The last known place, by bridge domain."""

    def see(self, one: Event | Sweep) -> Iterator[Move]:
        """What moved because of this."""
        touched = self._sweep(one) if isinstance(one, Sweep) else self._tell(one)
        for domain in sorted({told.domain for told in touched}):
            before = self.at.get(domain)
            now = self._settle(domain, before)
            if now is not None:
                self.at[domain] = now
                if before is not None and before.place != now.place:
                    yield Move(one.time, before, now)

    def _sweep(self, sweep: Sweep) -> list[Told]:
        for rib_id in sweep.rib_ids:
            self.oldest[rib_id] = max(self.oldest.get(rib_id, 0), sweep.session)
        gone = [
            key
            for key, (session, _) in self.announced.items()
            if session < self.oldest.get(key.rib_id, 0)
        ]
        return [self.announced.pop(key)[1] for key in gone]

    def _tell(self, event: Event) -> list[Told]:
        """Gives what is touched: the route as it was, and as it is."""
        session, before = self.announced.get(event.key, (0, None))
        if event.session < max(session, self.oldest.get(event.key.rib_id, 0)):
            return []  # of a connection that lingers: a newer session has spoken
        self.announced.pop(event.key, None)
        if event.told is not None:
            self.announced[event.key] = (event.session, event.told)
        return [one for one in (before, event.told) if one is not None]

    def _settle(self, domain: str, before: Told | None) -> Told | None:
        """Where the address is now; None where nobody says so, and the last place is remembered."""
        told = [one for _, one in self.announced.values() if one.domain == domain]
        if not told:
            return None
        highest = max(one.rank for one in told)
        best = [one for one in told if one.rank == highest]
        if before is not None:
            best = [one for one in best if one.place == before.place] or best
        return min(best, key=lambda one: one.next_hop_order)
