"""What a router said at moments of a day, to be compared with what bgpilot says of them later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from tests.routers.harness.edge import (
    FAMILIES,
    RIBS,
    Router,
    router_received,
    said,
    station_agrees,
    station_has_none,
)
from tests.routers.harness.table import Table, check_same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.routers.harness.edge import Edge
    from tests.routers.harness.station import Station

View: TypeAlias = tuple[str, str, str]
"""A peer's address, a RIB, a family."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a router had at a time."""

    what: str
    time: datetime
    tables: Mapping[View, Table]

    def check(self, station: Station) -> None:
        """The API says the same of that time, now that it is past."""
        time = self.time.isoformat().replace("+00:00", "Z")
        for (peer, rib, family), told in self.tables.items():
            there = station.table(peer=peer, rib=rib, family=family, timestamp=time)
            check_same(told, there, f"{self.what}, at {time}: {family} of {peer} in {rib}")


def take(what: str, router: Router, peers: Iterable[str], ribs: Iterable[str] = RIBS) -> Moment:
    """This moment, in the router's own words. The station must have heard all of them by now."""
    views = [(peer, rib, family) for peer in peers for rib in ribs for family in FAMILIES]
    return Moment(what, datetime.now(UTC), {view: said(router, *view) for view in views})


class Day:
    """One router's day. Between two moments anything may happen to it."""

    def __init__(self, edge: Edge[Router], station: Station) -> None:
        self.moments: list[Moment] = []
        self._edge = edge
        self._station = station

    def record(self, what: str, *, down: str | None = None) -> None:
        """Waits until the station has heard all, then takes the router's word for it.

        `down` is a peer whose session is not up.
        """
        router = self._edge.router
        for feeder in self._edge.feeders:
            if feeder.address == down:
                station_has_none(self._station, down)
            else:
                router_received(router, feeder.address, self._edge.announced(feeder))
                station_agrees(router, self._station, feeder.address)
        peers = [feeder.address for feeder in self._edge.feeders]
        self.moments.append(take(what, router, peers))

    def record_unheard(self, what: str) -> None:
        """Nobody hears the router: what it said last is all that can be known of the moment."""
        self.moments.append(Moment(what, datetime.now(UTC), self.moments[-1].tables))

    def check(self) -> None:
        """The API says of every moment what the router said then."""
        for moment in self.moments:
            moment.check(self._station)
