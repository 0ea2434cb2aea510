"""What bgpilot promises of the routes that routers tell it, with plain dictionaries.

A log of what was said and a rule for reading it: of each route the last word of its newest session
counts; it is gone where that word was a withdrawal, or where its session is older than one that
was said to be over or complete. A route that is there was confirmed when it was last announced, or
when its table was last complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.ingest.model.routes import Route


class Place(NamedTuple):
    """Where a route is: peer (its address), RIB view, route, path identifier."""

    peer: str
    view: str
    route: Route
    path_id: int | None


class Seen(NamedTuple):
    """What is known of a route now. Times are microseconds since 1970.

    Of a route that is gone nothing is promised of when it was last confirmed: 0.
    """

    state: str
    med: int
    label: int | None
    first_seen: int
    last_changed: int
    last_confirmed: int


@dataclass(frozen=True)
class Said:
    """One entry of the log; `seq` is the number of the message, by which a writer's end cuts."""

    seq: int
    time_us: int
    session: int


@dataclass(frozen=True)
class Routed(Said):
    """A route was announced with a MED and maybe a label, or withdrawn (None)."""

    place: Place
    what: tuple[int, int | None] | None


@dataclass(frozen=True)
class Began(Said):
    """A session of a peer began."""

    peer: str
    writer_id: int


@dataclass(frozen=True)
class Ended(Said):
    """It ended with a Peer Down, or was lost with its connection."""

    peer: str
    is_lost: bool


@dataclass(frozen=True)
class Completed(Said):
    """All of a table was sent, or of all tables (None) of the peer."""

    peer: str
    table: tuple[int, str] | None


class Ledger:
    """The log of one router."""

    def __init__(self) -> None:
        self.log: list[Said] = []

    def forget(self, writer_id: int, after_seq: int, seq_bits: int) -> None:
        """What a writer had not written when it died was never said."""
        self.log = [
            said for said in self.log if said.seq >> seq_bits != writer_id or said.seq <= after_seq
        ]

    def lose_writer(self, writer_id: int, time_us: int) -> None:
        """Whatever a writer that died was fed is lost."""
        began: dict[str, Began] = {}
        for said in self.log:
            if isinstance(said, Began) and said.session >= getattr(
                began.get(said.peer), "session", 0
            ):
                began[said.peer] = said
        for peer, last in began.items():
            if last.writer_id == writer_id:
                self.log.append(Ended(0, time_us, last.session, peer, is_lost=True))

    @property
    def events(self) -> list[Routed]:
        """What the history of routes holds, in order."""
        return [said for said in self.log if isinstance(said, Routed)]

    def routes(self) -> dict[Place, Seen]:
        """Every route that was ever announced, as it is now."""
        reading = _Reading()
        for said in self.log:
            reading.take(said)
        return reading.routes()

    def peers(self) -> dict[str, str]:
        """The state of every peer."""
        reading = _Reading()
        for said in self.log:
            reading.take(said)
        return {peer: reading.peer_state(peer) for peer in reading.sessions}


@dataclass
class _Known:
    session: int
    what: tuple[int, int | None] | None
    last_what: tuple[int, int | None] | None = None
    first_seen: int = 0
    last_changed: int = 0
    last_confirmed: int = 0


class _Reading:
    """A state that the entries of a log bring forward."""

    def __init__(self) -> None:
        self.sessions: dict[str, int] = {}
        self._ended: dict[str, dict[int, bool]] = {}
        self._over: dict[tuple[str, tuple[int, str] | None], int] = {}
        self._known: dict[Place, _Known] = {}
        self._complete: dict[tuple[str, tuple[int, str] | None], tuple[int, int]] = {}
        """Of each table the newest session that completed it, and when, as a negative number."""

    def take(self, said: Said) -> None:
        match said:
            case Routed():
                self._take_route(said)
            case Began():
                self.sessions[said.peer] = max(self.sessions.get(said.peer, 0), said.session)
            case Ended():
                ended = self._ended.setdefault(said.peer, {})
                ended[said.session] = ended.get(said.session, True) and said.is_lost
                if not said.is_lost:
                    self._sweep(said.peer, None, said.session + 1)
            case Completed():
                self._sweep(said.peer, said.table, said.session)
                end = self._complete.get((said.peer, said.table), (0, 0))
                self._complete[said.peer, said.table] = max(end, (said.session, -said.time_us))

    def _sweep(self, peer: str, table: tuple[int, str] | None, session: int) -> None:
        self._over[peer, table] = max(self._over.get((peer, table), 0), session)

    def _take_route(self, said: Routed) -> None:
        known = self._known.setdefault(said.place, _Known(0, None))
        if said.session < known.session:
            return
        changes = said.what != (known.what if self._is_live(said.place, known) else None)
        known.session, known.what = said.session, said.what
        if changes:
            known.last_changed = said.time_us
        if said.what is not None:
            known.last_what, known.last_confirmed = said.what, said.time_us
            known.first_seen = known.first_seen or said.time_us

    def _is_live(self, place: Place, known: _Known) -> bool:
        table = (place.route.family, place.view)
        over = max(self._over.get((place.peer, table), 0), self._over.get((place.peer, None), 0))
        return known.what is not None and known.session >= over

    def peer_state(self, peer: str) -> str:
        is_lost = self._ended.get(peer, {}).get(self.sessions[peer])
        return "up" if is_lost is None else "lost" if is_lost else "down"

    def routes(self) -> dict[Place, Seen]:
        return {
            place: Seen(
                self._state(place, known),
                *known.last_what,
                known.first_seen,
                known.last_changed,
                self._last_confirmed(place, known),
            )
            for place, known in self._known.items()
            if known.last_what is not None
        }

    def _last_confirmed(self, place: Place, known: _Known) -> int:
        if not self._is_live(place, known):
            return 0
        tables = ((place.route.family, place.view), None)
        ends = [self._complete.get((place.peer, table), (0, 0)) for table in tables]
        return max(known.last_confirmed, -max(ends)[1])

    def _state(self, place: Place, known: _Known) -> str:
        if not self._is_live(place, known):
            return "withdrawn"
        is_of_now = known.session == self.sessions[place.peer]
        return "active" if is_of_now and self.peer_state(place.peer) == "up" else "stale"
