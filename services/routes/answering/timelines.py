"""When a prefix was seen, from which origin and through which path: from events to timelines."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import merge
from typing import TYPE_CHECKING, Any, NamedTuple

from services.routes.answering.attributes import read_as_path
from shared.contracts.history import OriginHistory, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from services.routes.asking.windows import Window
    from services.routes.store.timelines import Story

    Row = Mapping[str, Any]
    _Place = tuple[int, int, int]


class Path(NamedTuple):
    """An origin and the way to it, as the store writes paths."""

    origin_asn: int | None
    text: str


class Seen(NamedTuple):
    """A time in which one peer had the prefix through one path."""

    path: Path
    peer_id: int
    start: datetime
    end: datetime


@dataclass(slots=True)
class _Route:
    """A route as events have left it; `path` is None while it is gone."""

    session: int
    path: Path | None
    since: datetime


@dataclass(slots=True)
class _Reading:
    """A state that what happened brings forward, and what was seen until then."""

    peers: Mapping[int, int]
    """By RIB, its peer."""
    valid: dict[int, int]
    routes: dict[_Place, _Route] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def event(self, row: Row) -> None:
        """An announcement or a withdrawal; one of a session that was over says nothing."""
        place = (row["rib_id"], row["nlri_id"], row["path_id"])
        before = self.routes.get(place)
        oldest = self.valid[row["rib_id"]] if before is None else before.session
        if row["session"] < max(oldest, self.valid[row["rib_id"]]):
            return
        path = None if row["attr_id"] is None else path_of(row)
        since = row["time"]
        if before is not None and before.path is not None:
            if before.path == path:
                since = before.since
            else:
                self._close(place, before, row["time"])
        self.routes[place] = _Route(row["session"], path, since)

    def sweep(self, row: Row) -> None:
        """The routes of older sessions of a RIB are gone."""
        rib_id, session = row["rib_id"], row["session"]
        self.valid[rib_id] = max(self.valid[rib_id], session)
        for place, route in self.routes.items():
            if place[0] == rib_id and route.session < session:
                self._close(place, route, row["time"])
                route.path = None

    def end(self, at: datetime) -> None:
        """The window is over."""
        for place, route in self.routes.items():
            self._close(place, route, at)

    def _close(self, place: _Place, route: _Route, at: datetime) -> None:
        if route.path is not None and route.since < at:
            self.seen.append(Seen(route.path, self.peers[place[0]], route.since, at))


def path_of(row: Row) -> Path:
    """The path of a row that has one."""
    return Path(row["origin_asn"], row["as_path_text"] or " ".join(map(str, row["as_path"] or [])))


def seen_in(story: Story, peers: Mapping[int, int], window: Window) -> list[Seen]:
    """Who saw the prefix through which path, from when to when, within the window."""
    reading = _Reading(peers, dict(story.valid))
    for row in story.before:
        place = (row["rib_id"], row["nlri_id"], row["path_id"])
        reading.routes[place] = _Route(row["session"], path_of(row), window.start)
    happened = merge(
        ((row["time"], row["seq"], reading.event, row) for row in story.events),
        ((row["time"], row["seq"], reading.sweep, row) for row in story.sweeps),
        key=lambda one: one[:2],
    )
    for _, _, take, row in happened:
        take(row)
    reading.end(window.end)
    return reading.seen


def by_origin(seen: Iterable[Seen], end: datetime) -> list[OriginHistory]:
    """Timelines of each path, origins and paths in the order in which they were first seen."""
    of_path: dict[Path, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: (one.start, one.path.text)):
        of_path.setdefault(one.path, []).append(one)
    found: dict[int | None, list[Timeline]] = {}
    for path, times in of_path.items():
        found.setdefault(path.origin_asn, []).extend(_timelines(path, times, end))
    return [
        OriginHistory(origin_asn=origin, timelines=sorted(timelines, key=lambda one: one.starttime))
        for origin, timelines in found.items()
    ]


def _timelines(path: Path, times: list[Seen], end: datetime) -> list[Timeline]:
    """These times, which are in the order of their starts, joined where they touch."""
    joined: list[tuple[datetime, datetime, set[int]]] = []
    for one in times:
        if joined and one.start <= joined[-1][1]:
            start, until, peers = joined[-1]
            joined[-1] = (start, max(until, one.end), peers | {one.peer_id})
        else:
            joined.append((one.start, one.end, {one.peer_id}))
    return [
        Timeline(
            starttime=start,
            endtime=until,
            ongoing=until == end,
            peers_seeing=len(peers),
            as_path=read_as_path(path.text),
            as_path_str=path.text,
        )
        for start, until, peers in joined
    ]
