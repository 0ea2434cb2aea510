"""Plays a story on workers and a database, keeps the ledger of it, and compares the two."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import singledispatchmethod
from itertools import count
from typing import TYPE_CHECKING, Any

from shared.contracts.vocabulary import RIB_VIEWS
from tests.ingest import speaker
from tests.ingest.model import routes as updates
from tests.ingest.model.ledger import Began, Completed, Ended, Ledger, Place, Routed, Seen
from tests.ingest.model.replay import replay
from tests.ingest.model.routes import ADD_PATH_FAMILY, VIEWS, Route
from tests.ingest.model.steps import (
    PEERS,
    Announce,
    Connect,
    Crash,
    Down,
    EndOfRib,
    Expire,
    Lose,
    LoseDatabase,
    Quiet,
    Story,
    Up,
    Withdraw,
)
from tests.ingest.model.worker import TABLE_SECONDS, Worker
from tests.ingest.unreliable import UnreliableProxy, unreliable

if TYPE_CHECKING:
    import asyncpg

    from services.ingest.connection import RouterConnection
    from tests.ingest.model.steps import Step

_SEQ_BITS = 40
_PATH_IDS = (1, 2)

_CURRENT = """
SELECT rib.route_state(r.is_withdrawn, coalesce(said.session, r.session), b.valid_session,
                       CASE WHEN b.complete_session = p.session THEN b.valid_session
                            ELSE p.session END, p.state) AS state,
       host(p.address) AS peer, b.view, b.family, r.prefix, r.key, b.has_path_ids, r.path_id,
       a.med, r.detail::jsonb #>> '{labels,0}' AS label, r.first_seen, r.last_changed,
       greatest(r.last_confirmed, said.time, b.complete_at) AS last_confirmed,
       r.rib_id, coalesce(r.prefix, r.nlri_id::text) AS number, r.attr_id,
       r.detail
  FROM (SELECT prefix::text, NULL::int8 AS nlri_id, NULL::bytea AS key, NULL AS detail, rib_id,
               path_id, session, is_withdrawn, attr_id, first_seen, last_changed, last_confirmed
          FROM rib.route
        UNION ALL
        SELECT NULL, nlri_id, key, detail::text, rib_id,
               path_id, session, is_withdrawn, attr_id, first_seen, last_changed, last_confirmed
          FROM rib.nlri_route JOIN rib.nlri USING (nlri_id)) AS r
  JOIN rib.peer_rib AS b USING (rib_id)
  JOIN rib.peer AS p USING (peer_id)
  JOIN rib.path_attributes AS a USING (attr_id)
  LEFT JOIN LATERAL (
    SELECT max(e.session) AS session, max(e.time) AS time
      FROM (SELECT prefix::text, NULL::int8 AS nlri_id, rib_id, path_id, session, time, attr_id
              FROM rib.route_event
            UNION ALL SELECT NULL, nlri_id, rib_id, path_id, session, time, attr_id
              FROM rib.nlri_event) AS e
     WHERE e.rib_id = r.rib_id AND e.session > r.session AND e.attr_id IS NOT NULL
       AND (e.prefix, e.nlri_id) IS NOT DISTINCT FROM (r.prefix, r.nlri_id)
       AND rib.path_id_bits(e.path_id) = r.path_id
       AND r.session < p.session AND b.complete_session IS DISTINCT FROM p.session) AS said ON true
 WHERE p.router_id = $1
"""
_EVENTS = """
SELECT count(*)
  FROM (SELECT rib_id FROM rib.route_event UNION ALL SELECT rib_id FROM rib.nlri_event) AS e
  JOIN rib.peer_rib USING (rib_id) JOIN rib.peer USING (peer_id) WHERE router_id = $1
"""


class _Session:
    """What one connection knows of a peer."""

    def __init__(self, number: int, *, is_inferred: bool) -> None:
        self.number = number
        self.is_inferred = is_inferred
        self.port: int | None = None
        self.add_path = False
        self.tables: set[tuple[str, int, bool]] = set()
        """View, family, and whether with path identifiers."""
        self.is_complete = False


class _Wire:
    """An open connection."""

    def __init__(self, worker: int, connection: RouterConnection) -> None:
        self.worker = worker
        self.connection = connection
        self.sessions: dict[str, _Session] = {}


class Stage:
    """The router, the workers that it speaks to, and what they should come to."""

    def __init__(self, url: str, look: asyncpg.Connection[Any], address: str) -> None:
        self.ledger = Ledger()
        self._url = url
        self._look = look
        self._address = address
        self._workers: list[Worker] = []
        self._proxies: list[UnreliableProxy] = []
        self._wires: list[_Wire] = []
        self._sessions = {peer: count(1) for peer in PEERS}
        self._time_us = time.time_ns() // 1000
        self._limit = 1
        self._unwritten: set[int] = set()
        self._is_raced = False
        self._past: list[tuple[datetime, dict[Any, Any]]] = []

    async def play(self, story: Story) -> None:
        """Plays it to its end, and compares at every quiet point."""
        self._limit = story.connections
        async with AsyncExitStack() as stack:
            for rows in story.rows:
                proxy, url = await stack.enter_async_context(unreliable(self._url))
                self._proxies.append(proxy)
                self._workers.append(await Worker(url, rows, self._now_us).start())
            try:
                for step in story.steps:
                    await self._take(step)
                await self._take(Quiet())
                await self._compare_past()
            finally:
                for worker in self._workers:
                    await worker.stop()

    # ---- steps

    @singledispatchmethod
    async def _take(self, step: Step) -> None:
        raise TypeError(step)

    @_take.register
    async def _(self, step: Connect) -> None:
        if len(self._wires) < self._limit:
            await self._connect(step.worker % len(self._workers))

    @_take.register
    async def _(self, step: Lose) -> None:
        if self._wires:
            self._lose(self._wires[step.connection % len(self._wires)])

    @_take.register
    async def _(self, step: Up) -> None:
        wire = await self._wire(step.connection)
        message = speaker.peer_up(_peer(step.peer), step.port, add_path=step.add_path)
        seq = await self._say(wire, message)
        session = wire.sessions.get(step.peer)
        if session is not None and session.port == step.port:
            session.add_path = step.add_path  # the decoder believes the last OPENs
            return
        if session is not None and not session.is_inferred:
            self._end(step.peer, session, seq - 1, is_lost=False)
        if session is None or not session.is_inferred:
            session = self._begin(wire, step.peer, is_inferred=False)
        session.is_inferred = False
        session.port, session.add_path = step.port, step.add_path
        self._note_began(wire, step.peer, session, seq)

    @_take.register
    async def _(self, step: Down) -> None:
        wire = await self._wire(step.connection)
        seq = await self._say(wire, speaker.peer_down(_peer(step.peer)))
        if session := wire.sessions.pop(step.peer, None):
            self._end(step.peer, session, seq, is_lost=False)

    @_take.register
    async def _(self, step: Announce) -> None:
        wire = await self._wire(step.connection)
        session = wire.sessions.get(step.peer)
        path_id = self._path_id(session, step)
        data = _announce(step, path_id)
        seq = await self._say(wire, data)
        if session is None:
            session = self._begin(wire, step.peer, is_inferred=True)
            self._note_began(wire, step.peer, session, seq - 1)
        self._note_routes(session, step, path_id, seq, is_announced=True)

    @_take.register
    async def _(self, step: Withdraw) -> None:
        wire = await self._wire(step.connection)
        session = wire.sessions.get(step.peer)
        path_id = self._path_id(session, step)
        if session is not None and self._may_be_said_later(wire, session, step, path_id):
            return
        seq = await self._say(wire, _withdraw(step, path_id))
        if session is not None:
            self._note_routes(session, step, path_id, seq, is_announced=False)

    @_take.register
    async def _(self, step: EndOfRib) -> None:
        wire = await self._wire(step.connection)
        seq = await self._say(wire, _end_of_rib(step))
        if session := wire.sessions.get(step.peer):
            table = (step.family, step.view)
            self.ledger.log.append(Completed(seq, self._time_us, session.number, step.peer, table))

    @_take.register
    async def _(self, step: Expire) -> None:
        worker = step.worker % len(self._workers)
        self._workers[worker].now += TABLE_SECONDS
        for wire in self._wires:
            if wire.worker == worker:
                self._expire(wire)

    @_take.register
    async def _(self, step: Quiet) -> None:
        await self._flush()
        await self._compare()

    @_take.register
    async def _(self, step: Crash) -> None:
        index = step.worker % len(self._workers)
        worker = self._workers[index]
        if step.is_writing:
            worker.now += 1.0
        dead = worker.writer_id
        self.ledger.forget(dead, await worker.crash(step.turns, self._look), _SEQ_BITS)
        self._wires = [wire for wire in self._wires if wire.worker != index]
        self._unwritten.discard(index)
        await worker.start()
        # What its successor clears up bears the time of the server's clock.
        self._time_us = max(self._time_us, time.time_ns() // 1000)
        self.ledger.lose_writer(dead, self._time_us)

    @_take.register
    async def _(self, step: LoseDatabase) -> None:
        self._proxies[step.worker % len(self._proxies)].lose_next(step.cut)

    # ---- what a step leaves in the ledger

    def _begin(self, wire: _Wire, peer: str, *, is_inferred: bool) -> _Session:
        session = _Session(next(self._sessions[peer]), is_inferred=is_inferred)
        wire.sessions[peer] = session
        return session

    def _note_began(self, wire: _Wire, peer: str, session: _Session, seq: int) -> None:
        writer_id = self._workers[wire.worker].writer_id
        self.ledger.log.append(Began(seq, self._time_us, session.number, peer, writer_id))

    def _end(self, peer: str, session: _Session, seq: int, *, is_lost: bool) -> None:
        self.ledger.log.append(Ended(seq, self._time_us, session.number, peer, is_lost))

    def _note_routes(
        self,
        session: _Session,
        step: Announce | Withdraw,
        path_id: int | None,
        seq: int,
        *,
        is_announced: bool,
    ) -> None:
        family = step.routes[0].family
        session.tables.add((step.view, family, path_id is not None))
        for route in step.routes:
            place = Place(step.peer, step.view, route, path_id)
            what = None
            if isinstance(step, Announce):
                what = (step.med, step.label if route.has_labels else None)
            self.ledger.log.append(Routed(seq, self._time_us, session.number, place, what))
            # What has path identifiers takes the place of what had none (GoBGP).
            if path_id is not None and (step.view, family, False) in session.tables:
                replaced = place._replace(path_id=None)
                self.ledger.log.append(Routed(seq, self._time_us, session.number, replaced, None))

    def _expire(self, wire: _Wire) -> None:
        self._tick()
        self._touch(wire.worker)
        seq = self._workers[wire.worker].batcher.last_given
        wire.connection.expire()
        for peer, session in wire.sessions.items():
            if not session.is_complete:
                session.is_complete, seq = True, seq + 1
                self.ledger.log.append(Completed(seq, self._time_us, session.number, peer, None))

    def _lose(self, wire: _Wire) -> None:
        self._tick()
        wire.connection.end("by the story")
        self._wires.remove(wire)
        self._touch(wire.worker)
        seq = self._workers[wire.worker].batcher.last_given
        for peer, session in wire.sessions.items():
            heirs = [
                other.sessions[peer]
                for other in self._wires
                if other.worker == wire.worker and peer in other.sessions
            ]
            for heir in heirs:
                heir.number = max(heir.number, session.number)
            if not heirs:
                self._end(peer, session, seq, is_lost=True)

    # ---- helpers

    async def _wire(self, number: int) -> _Wire:
        """An open connection; a new one where there is none."""
        if not self._wires:
            await self._connect(number % len(self._workers))
        return self._wires[number % len(self._wires)]

    async def _connect(self, worker: int) -> None:
        wire = _Wire(worker, self._workers[worker].connect(self._address))
        self._wires.append(wire)
        await self._say(wire, speaker.initiation())

    def _path_id(self, session: _Session | None, step: Announce | Withdraw) -> int | None:
        has_ids = session is not None and session.add_path
        return step.path_id if has_ids and step.routes[0].family == ADD_PATH_FAMILY else None

    def _may_be_said_later(
        self, wire: _Wire, session: _Session, step: Withdraw, path_id: int | None
    ) -> bool:
        """Whether an older session may still announce what this withdrawal finds nothing of.

        The store keeps nothing of a withdrawal of what it does not know, so the older word then
        counts, until the end of the table.
        """
        if len(self._wires) == 1 and self._unwritten <= {wire.worker}:
            return False
        places = {Place(step.peer, step.view, route, path_id) for route in step.routes}
        places |= {place._replace(path_id=None) for place in places}
        said = {event.place for event in self.ledger.events if event.session == session.number}
        return not places <= said

    async def _say(self, wire: _Wire, data: bytes) -> int:
        """Says it; gives the number of the last message that came of it."""
        self._tick()
        self._touch(wire.worker)
        await wire.connection.receive(data)
        return self._workers[wire.worker].batcher.last_given

    def _touch(self, worker: int) -> None:
        self._unwritten.add(worker)
        if len(self._unwritten) > 1 or len(self._wires) > 1:
            self._is_raced = True

    def _tick(self) -> None:
        self._time_us += 1

    def _now_us(self) -> int:
        return self._time_us

    async def _flush(self) -> None:
        for index, worker in enumerate(self._workers):
            await worker.flush()
            while worker.taken_over:
                peers, worker.taken_over = worker.taken_over.copy(), set()
                for wire in list(self._wires):
                    if wire.worker == index and wire.connection.feeds(peers):
                        self._lose(wire)
                await worker.flush()
        self._unwritten.clear()

    # ---- what is compared

    async def _compare(self) -> None:
        router_id = await self._look.fetchval(
            "SELECT router_id FROM rib.router WHERE address = $1::text::inet", self._address
        )
        rows = await self._look.fetch(_CURRENT, router_id)
        stored, promised = _stored(rows), self.ledger.routes()
        if self._is_raced:
            stored, promised = in_outline(stored), in_outline(promised)
        _check_same(stored, promised)
        _check_times(rows)
        peers = await self._look.fetch(
            "SELECT host(address), state FROM rib.peer WHERE router_id = $1 AND session > 0",
            router_id,
        )
        _check_same(dict(map(tuple, peers)), self.ledger.peers())
        assert await self._look.fetchval(_EVENTS, router_id) == len(self.ledger.events)
        assert await self._look.fetchval(
            "SELECT count(*) FROM rib.connection WHERE router_id = $1", router_id
        ) == len(self._wires)
        live = {
            (row["rib_id"], row["number"], row["path_id"]): (
                row["state"],
                row["attr_id"],
                row["detail"],
            )
            for row in rows
            if row["state"] != "withdrawn"
        }
        self._past.append((datetime.fromtimestamp(self._time_us / 1_000_000, UTC), live))
        _check_same(await replay(self._look, router_id, self._past[-1][0]), live)

    async def _compare_past(self) -> None:
        router_id = await self._look.fetchval(
            "SELECT router_id FROM rib.router WHERE address = $1::text::inet", self._address
        )
        for moment, live in self._past:
            _check_same(await replay(self._look, router_id, moment), live)


def _peer(address: str) -> speaker.Peer:
    return speaker.Peer(address, 64501 + PEERS.index(address))


def _seen_by(step: Announce | Withdraw | EndOfRib) -> speaker.Peer:
    peer = _peer(step.peer)
    return speaker.Peer(peer.address, peer.asn, VIEWS[step.view])


def _announce(step: Announce, path_id: int | None) -> bytes:
    return updates.announce(_seen_by(step), list(step.routes), step.med, step.label, path_id)


def _withdraw(step: Withdraw, path_id: int | None) -> bytes:
    return updates.withdraw(_seen_by(step), list(step.routes), path_id)


def _end_of_rib(step: EndOfRib) -> bytes:
    return updates.end_of_rib(_seen_by(step), step.family)


def _stored(rows: list[asyncpg.Record]) -> dict[Place, Seen]:
    places = {}
    for row in rows:
        key = row["prefix"] or bytes(row["key"])
        path_id = row["path_id"] if row["has_path_ids"] else None
        place = Place(row["peer"], RIB_VIEWS[row["view"]], Route(row["family"], key), path_id)
        label = None if row["label"] is None else int(row["label"])
        confirmed = 0 if row["state"] == "withdrawn" else _us(row["last_confirmed"])
        times = (_us(row["first_seen"]), _us(row["last_changed"]), confirmed)
        places[place] = Seen(row["state"], row["med"], label, *times)
    return places


def in_outline(routes: dict[Place, Seen]) -> dict[Place, tuple[str, int, int | None]]:
    """Live routes without times: where sessions overlap, when one was noticed first may differ."""
    return {
        place: (seen.state, seen.med, seen.label)
        for place, seen in routes.items()
        if seen.state != "withdrawn"
    }


def _check_same(stored: dict[Any, Any], promised: dict[Any, Any]) -> None:
    wrong = {
        key: (stored.get(key), promised.get(key))
        for key in stored.keys() | promised.keys()
        if stored.get(key) != promised.get(key)
    }
    assert not wrong, f"stored and promised differ: {wrong}"


def _check_times(rows: list[asyncpg.Record]) -> None:
    for row in rows:
        assert row["first_seen"] <= row["last_confirmed"]
        assert row["first_seen"] <= row["last_changed"]
        assert row["state"] == "withdrawn" or row["last_changed"] <= row["last_confirmed"]


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
