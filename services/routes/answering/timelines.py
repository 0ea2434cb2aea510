"""When a prefix was seen, from which origin and through which path: from events to timelines."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
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


class _Route:
    """A route as events have left it; `path` is None while it is gone."""

    __slots__ = ("path", "session", "since")

    def __init__(self, session: int, path: Path | None, since: datetime) -> None:
        self.session = session
        self.path = path
        self.since = since


class _Reading:
    """A state that what happened brings forward, and what was seen until then.

    A prefix may have a hundred thousand events, so each is touched once and lightly: paths that are
    equal are one object here.
    """

    def __init__(self, story: Story, peers: Mapping[int, int], start: datetime) -> None:
        self.seen: list[Seen] = []
        self._peers = peers
        self._valid = dict(story.valid)
        one: dict[Path, Path] = {NO_PATH: NO_PATH}
        self._paths: dict[int | None, Path | None] = {
            attr_id: one.setdefault(path, path) for attr_id, path in story.paths.items()
        }
        self._paths[None] = None
        self._routes = {
            _place(row): _Route(row["session"], self._paths.get(row["attr_id"], NO_PATH), start)
            for row in story.before
        }

    def events(self, rows: Iterable[Row]) -> None:
        """Announcements and withdrawals; what comes of a session that was over says nothing."""
        routes, valid, paths = self._routes, self._valid, self._paths
        for row in rows:
            place, session = _place(row), row["session"]
            route = routes.get(place)
            if session < valid[place[0]]:
                continue
            path = paths.get(row["attr_id"], NO_PATH)
            if route is None:
                routes[place] = _Route(session, path, row["time"])
            elif session >= route.session:
                route.session = session
                if route.path is not path:
                    self._close(place, route, row["time"])
                    route.path, route.since = path, row["time"]

    def sweep(self, row: Row) -> None:
        """The routes of older sessions of a RIB are gone."""
        rib_id, session = row["rib_id"], row["session"]
        self._valid[rib_id] = max(self._valid[rib_id], session)
        for place, route in self._routes.items():
            if place[0] == rib_id and route.session < session:
                self._close(place, route, row["time"])
                route.path = None

    def end(self, at: datetime) -> None:
        """The window is over."""
        for place, route in self._routes.items():
            self._close(place, route, at)

    def _close(self, place: _Place, route: _Route, at: datetime) -> None:
        if route.path is not None and route.since < at:
            self.seen.append(Seen(route.path, self._peers[place[0]], route.since, at))


def _place(row: Row) -> _Place:
    return row["rib_id"], row["nlri_id"], row["path_id"]


def seen_in(story: Story, peers: Mapping[int, int], window: Window) -> list[Seen]:
    """Who saw the prefix through which path, from when to when, within the window."""
    reading = _Reading(story, peers, window.start)
    done = 0
    for sweep in story.sweeps:
        until = bisect_right(story.events, _moment(sweep), lo=done, key=_moment)
        reading.events(islice(story.events, done, until))
        reading.sweep(sweep)
        done = until
    reading.events(islice(story.events, done, None))
    reading.end(window.end)
    return reading.seen


def _moment(row: Row) -> tuple[datetime, int]:
    return row["time"], row["seq"]


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
