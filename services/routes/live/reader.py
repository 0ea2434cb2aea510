"""Reads what each writer has committed since the last time, every row once and none skipped.

A writer's seq only grows, and the rows up to its last_seq are committed with it, so where we were
and where it is say what there is to read. A time bound makes the read cheap; that nothing was
behind it, the count of the writer's routes proves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from services.routes.live.attributes import KNOWN, Attributes, Recent
from services.routes.live.names import Names
from services.routes.store import tail

if TYPE_CHECKING:
    from collections.abc import Collection

    from asyncpg import Record

    from services.routes.store.tail import Conn

log = structlog.get_logger(__name__)

MOST_ROWS = 10_000
"""Rows of one writer in one read."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# How much older than what was read before a row may be: a message waits while the database is
# asked who its peer is, and clocks are set.
_DAY = timedelta(days=1)
_FILLING_SECONDS = 2.0
"""A batch that takes longer has rows in pages where nobody looks for them first."""
_GAP_SECONDS = 10.0
"""In less no ingest process starts, writes, dies and is cleared away."""
_SLACKS = (timedelta(seconds=5), timedelta(minutes=10), _DAY, None)


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where a writer is read."""

    seq: int
    routes: int
    time: datetime
    is_gone: bool = False


@dataclass(slots=True)
class OfWriter:
    """What one writer has written since, in the order of seq."""

    position: Position
    """Where it is read up to then."""
    routes: list[Record]
    peer_events: list[Record]
    has_more: bool = False
    missing: int = 0
    """Routes that it counted, and that are not there."""


@dataclass(slots=True)
class Found:
    """What one read found."""

    writers: dict[int, OfWriter] = field(default_factory=dict)
    lost: list[Record] = field(default_factory=list)
    """Peers out of touch."""
    opens: list[Record] = field(default_factory=list)
    passed_over: int = 0
    """Routes that were too many to be read one by one."""
    commit_age: float = 0.0
    """Seconds since the last commit that was read."""

    @property
    def has_more(self) -> bool:
        """Whether there is more to be read at once."""
        return any(one.has_more for one in self.writers.values())

    @property
    def missing(self) -> int:
        """Routes that should be there, of all writers."""
        return sum(one.missing for one in self.writers.values())


class Reader:
    """Where we are in the history, and who is who in it.

    `find` may be called again on another connection after it fails: nothing has moved then. What
    it found counts as read after `advance`.
    """

    def __init__(self, *, most_behind: int) -> None:
        self._most_behind = most_behind
        self._positions: dict[int, Position] = {}
        self._clock = asyncio.get_running_loop().time
        self._read_at = 0.0
        self._lengths: deque[tuple[float, tail.Parts]] = deque()
        """How long each partition was, from a while ago to now."""
        self._active: set[int] = set()
        """Partitions in which something was found."""
        self.names = Names()
        self.attributes: Recent[Attributes] = Recent(KNOWN)

    async def begin(self, conn: Conn) -> list[Record]:
        """Takes the present moment as where we are; gives the peers that are out of touch."""
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            await self.names.load(conn)
            now = datetime.now(UTC)
            self._positions = {one: _unread(one, now) for one in await tail.writers(conn)}
            self._positions |= {
                row["writer_id"]: _reached(row) for row in await tail.progress(conn)
            }
            self._read_at = self._clock()
            await self._look_at_lengths(conn)
            return list(await tail.lost_peers(conn))

    async def find(self, conn: Conn, opens_of: Collection[int]) -> Found:
        """What is new, as of one moment, and the OPENs of these peers and of those that came up."""
        found = Found()
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            progress = {row["writer_id"]: row for row in await tail.progress(conn)}
            if self._clock() - self._read_at > _GAP_SECONDS:
                await self._look_for_strangers(conn)
            new_routes = sum(row["routes"] - self._at(row).routes for row in progress.values())
            if new_routes > self._most_behind:
                self._positions |= {one: _reached(row) for one, row in progress.items()}
                found.passed_over = new_routes
                return found
            if new_routes:
                await self._look_at_lengths(conn)
            for writer_id, row in progress.items():
                if (row["last_seq"] or 0) > self._at(row).seq:
                    found.writers[writer_id] = await self._read(conn, self._at(row), row)
                    age = (row["now"] - row["committed_at"]).total_seconds()
                    found.commit_age = max(found.commit_age, age)
            for writer_id, position in self._positions.items():
                if writer_id not in progress and not position.is_gone:
                    found.writers[writer_id] = await _read_rest(conn, writer_id, position)
            found.lost = list(await tail.lost_peers(conn))
            await self._look_up(conn, found, opens_of)
        self._read_at = self._clock()
        return found

    def advance(self, found: Found) -> None:
        """What was found is told."""
        self._positions |= {one: read.position for one, read in found.writers.items()}

    async def _look_for_strangers(self, conn: Conn) -> None:
        """Writers that came and went while nobody looked."""
        since = max((one.time for one in self._positions.values()), default=_BEGINNING)
        after = tail.first_seq(max(self._positions, default=0) + 1)
        for writer_id in await tail.writers_since(conn, after, since - _DAY):
            self._positions[writer_id] = _unread(writer_id, since)

    def _at(self, row: Record) -> Position:
        writer_id: int = row["writer_id"]
        known = self._positions.get(writer_id)
        return known or _unread(writer_id, row["committed_at"] or _BEGINNING)

    async def _read(self, conn: Conn, at: Position, row: Record) -> OfWriter:
        expected, upto = row["routes"] - at.routes, row["last_seq"]
        rows, count = await self._rows(conn, at, upto, expected, MOST_ROWS)
        if has_more := count > len(rows):
            whole = [one for one in rows if one["seq"] < rows[-1]["seq"]]
            if not whole:  # one UPDATE has them all, and more
                first = rows[0]["seq"]
                rows, _ = await self._rows(conn, at, upto, expected, count)
                whole = [one for one in rows if one["seq"] == first]
            rows = whole
            upto = rows[-1]["seq"]
        events = list(await tail.peer_events(conn, at.seq, upto, at.time - _DAY))
        times = [at.time, *(one["time"] for one in rows), *(one["time"] for one in events)]
        missing = max(expected - count, 0)
        if missing:
            log.error("routes that a writer counted are not in the history", routes=missing)
        position = Position(upto, at.routes + len(rows) + missing, max(times))
        return OfWriter(position, rows, events, has_more=has_more, missing=missing)

    async def _rows(
        self, conn: Conn, at: Position, upto: int, expected: int, limit: int
    ) -> tuple[list[Record], int]:
        """Rows, and how many there are with those past the limit."""
        rows = await tail.routes_in(conn, at.seq, upto, limit, self._ends())
        for slack in _SLACKS:
            if _found(rows) >= expected:
                break
            since = _BEGINNING if slack is None else at.time - slack
            rows = await tail.routes(conn, at.seq, upto, limit, since)
        self._active |= {row["part"] for row in rows}
        return list(rows), _found(rows)

    def _ends(self) -> list[tail.Part]:
        """The partitions that are written to, as they were a while ago."""
        before = self._lengths[0][1]
        return [
            before.get(number, part._replace(pages=0))
            for number, part in self._lengths[-1][1].items()
            if number in self._active or number not in before or part.pages > before[number].pages
        ]

    async def _look_at_lengths(self, conn: Conn) -> None:
        now = self._clock()
        self._lengths.append((now, await tail.parts(conn)))
        while len(self._lengths) > 2 and self._lengths[1][0] < now - _FILLING_SECONDS:
            self._lengths.popleft()

    async def _look_up(self, conn: Conn, found: Found, opens_of: Collection[int]) -> None:
        routes = [row for one in found.writers.values() for row in one.routes]
        events = [row for one in found.writers.values() for row in one.peer_events]
        came_up = {row["peer_id"] for row in events if row["event"] == "up"}
        peers = {row["peer_id"] for row in (*events, *found.lost)}
        if asked := {*opens_of, *came_up}:
            found.opens = list(await tail.opens(conn, asked))
            await self.names.load(conn)  # a new session may be of another AS
        await self.names.learn(conn, peers, {row["rib_id"] for row in routes})
        used = {row["attr_id"] for row in routes if row["attr_id"] is not None}
        if new := self.attributes.missing(used):
            for row in await tail.attributes(conn, new):
                self.attributes[row["attr_id"]] = Attributes(row)


async def _read_rest(conn: Conn, writer_id: int, at: Position) -> OfWriter:
    """What a writer wrote last, of whose progress nothing is there any more."""
    last = tail.first_seq(writer_id + 1) - 1
    since = at.time - _DAY
    rows = list(await tail.routes(conn, at.seq, last, 2**31, since))
    events = list(await tail.peer_events(conn, at.seq, last, since))
    seq = max(at.seq, *(row["seq"] for row in (*rows, *events)), 0)
    return OfWriter(Position(seq, 0, at.time, is_gone=True), rows, events)


def _found(rows: tail.Rows) -> int:
    return rows[0]["found"] if rows else 0


def _unread(writer_id: int, time: datetime) -> Position:
    return Position(tail.first_seq(writer_id), 0, time)


def _reached(row: Record) -> Position:
    return Position(
        row["last_seq"] or tail.first_seq(row["writer_id"]),
        row["routes"],
        row["committed_at"] or _BEGINNING,
    )
