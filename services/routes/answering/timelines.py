"""When a prefix was seen, from which origin and through which path: from events to timelines."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import merge
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from services.routes.answering.attributes import read_as_path
from services.routes.store.timelines import Path
from shared.contracts.envelope import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from services.routes.asking.windows import Window
    from services.routes.store.timelines import Story

    Row = Mapping[str, Any]
    _Place = tuple[int, int, int]

NO_PATH = Path(None, "")


class Seen(NamedTuple):
    """A time in which one peer had the prefix through one path."""

    path: Path
    peer_id: int
    start: datetime
    end: datetime


class Line(NamedTuple):
    """A time in which some peers had the prefix through one path, without a gap."""

    path: Path
    start: datetime
    end: datetime
    peers: int


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
    paths: Mapping[int, Path]
    routes: dict[_Place, _Route] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def event(self, row: Row) -> None:
        """An announcement or a withdrawal; one of a session that was over says nothing."""
        place = (row["rib_id"], row["nlri_id"], row["path_id"])
        before = self.routes.get(place)
        oldest = self.valid[row["rib_id"]] if before is None else before.session
        if row["session"] < max(oldest, self.valid[row["rib_id"]]):
            return
        path = None if row["attr_id"] is None else self.paths.get(row["attr_id"], NO_PATH)
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


def seen_in(story: Story, peers: Mapping[int, int], window: Window) -> list[Seen]:
    """Who saw the prefix through which path, from when to when, within the window."""
    reading = _Reading(peers, dict(story.valid), story.paths)
    for row in story.before:
        place = (row["rib_id"], row["nlri_id"], row["path_id"])
        path = story.paths.get(row["attr_id"], NO_PATH)
        reading.routes[place] = _Route(row["session"], path, window.start)
    happened = merge(
        ((row["time"], row["seq"], reading.event, row) for row in story.events),
        ((row["time"], row["seq"], reading.sweep, row) for row in story.sweeps),
        key=lambda one: one[:2],
    )
    for _, _, take, row in happened:
        take(row)
    reading.end(window.end)
    return reading.seen


def joined(seen: Iterable[Seen]) -> list[Line]:
    """The times of each path, joined where they touch, whoever saw it."""
    of_path: dict[Path, list[Seen]] = {}
    for one in seen:
        of_path.setdefault(one.path, []).append(one)
    return [line for path, times in of_path.items() for line in _joined(path, times)]


def _joined(path: Path, times: list[Seen]) -> Iterator[Line]:
    times.sort(key=attrgetter("start"))
    start, until, peers = times[0].start, times[0].end, {times[0].peer_id}
    for one in times[1:]:
        if one.start > until:
            yield Line(path, start, until, len(peers))
            start, until, peers = one.start, one.end, set()
        until = max(until, one.end)
        peers.add(one.peer_id)
    yield Line(path, start, until, len(peers))


def by_origin(lines: Iterable[Line], end: datetime) -> list[dict[str, Any]]:
    """Timelines by origin, in the order of their beginnings, in the form of `OriginHistory`."""
    found: dict[int | None, list[dict[str, Any]]] = {}
    for line in sorted(lines, key=attrgetter("start", "path.text")):
        found.setdefault(line.path.origin_asn, []).append(
            {
                "starttime": rfc3339(line.start),
                "endtime": rfc3339(line.end),
                "ongoing": line.end == end,
                "peers_seeing": line.peers,
                "as_path": read_as_path(line.path.text),
                "as_path_str": line.path.text,
            }
        )
    return [{"origin_asn": origin, "timelines": lines} for origin, lines in found.items()]
