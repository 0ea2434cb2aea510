"""The queue between the routers and the database.

The way is one: connections add to the batch that is open, a full or old batch is sealed, the
writer takes sealed batches in order. At most `queue_batches` wait; then `wait_for_room` holds
the connections up, their sockets fill, and TCP makes the routers wait. Nothing is dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import count
from typing import TYPE_CHECKING

from services.ingest import metrics
from services.ingest.batch import Batch
from services.ingest.changes import last_word
from services.ingest.known import Known
from services.ingest.quirks import path_as_received
from services.ingest.rows.attributes import attribute_id, attribute_row
from services.ingest.rows.events import (
    NLRI_COLUMNS,
    PREFIX_FAMILIES,
    ROUTE_COLUMNS,
    Arrival,
    event_head,
    nlri_detail,
    nlri_rows,
    prefix_rows,
)
from services.ingest.rows.fields import NULL
from services.ingest.rows.nlri import nlri_id, nlri_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.ingest.changes import Change, Word
    from services.ingest.latest import Key
    from services.ingest.registry import PeerSession, Rib
    from services.ingest.wire import NlriSet, PathAttributes, RibView, Update

KNOWN_ATTRIBUTES = 250_000
"""Attribute sets remembered as stored, twice: forgetting one costs a useless row, no more."""
KNOWN_NLRI = 100_000

_SEQ_BITS = 40


class Batcher:
    """Collects what connections decode, and hands it to the writer batch by batch.

    `writer_id` starts the sequence numbers: those of one writer follow each other, and no two
    writers have the same.
    """

    def __init__(
        self,
        *,
        rows: int,
        seconds: float,
        queue_batches: int,
        clock: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._seconds = seconds
        self._queue_batches = queue_batches
        self._clock = clock
        self._seq = count(1)
        self._sealed: deque[Batch] = deque()
        self._taken = 0
        self._open = Batch(1, clock())
        self._known_attributes = Known(KNOWN_ATTRIBUTES)
        self._known_nlri = Known(KNOWN_NLRI)
        self._work = asyncio.Event()
        self._written = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self.pending_routes = 0
        """Routes that are not yet committed."""

    @property
    def pending_octets(self) -> int:
        """What the routes take that are not yet committed."""
        return self._open.octets + sum(batch.octets for batch in self._sealed)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was added is committed."""
        return not self._sealed and self._open.is_empty

    def number_for(self, writer_id: int) -> None:
        """From now on, sequence numbers are those of this writer; to be said before all else."""
        self._seq = count((writer_id << _SEQ_BITS) + 1)

    # ---- what connections call

    def next_seq(self) -> int:
        """The sequence number of the BMP message that is being added."""
        return next(self._seq)

    def add_update(
        self,
        peer: PeerSession,
        view: RibView,
        update: Update,
        time_us: int,
        router_time_us: int,
        *,
        read_at: float | None = None,
    ) -> None:
        """Adds the routes of one UPDATE, in the order in which RFC 4271 has them take effect.

        The peer must have a RIB for each of its families. `read_at` is when it was read from the
        socket, by the clock; now if not given.
        """
        if peer.peer_id in self._open.settled:
            self._seal()
        batch, seq = self._opened(), self.next_seq()
        arrival = Arrival(seq, time_us, router_time_us)
        for routes in update.withdrawn:
            batch.count(peer.flow, routes).withdrawn += len(routes.nlri)
            self._add(peer, peer.rib(view, routes), routes, arrival, None)
        for routes in update.announced:
            if routes.attributes is not None:
                attr_id = self._attribute_id(peer, view, routes.attributes, time_us)
                batch.count(peer.flow, routes).announced += len(routes.nlri)
                self._add(peer, peer.rib(view, routes), routes, arrival, attr_id)
        batch.last_seq = seq
        batch.note_read(self._clock() if read_at is None else read_at)
        if batch.size >= self._rows:
            self._seal()

    def add_change(self, change: Change) -> None:
        """Adds a change of a router or a peer, in its order with the routes of that peer."""
        if not change.is_after_routes and not self._open.settled.isdisjoint(change.peers):
            self._seal()
        batch = self._opened()
        batch.last_seq = change.seq
        if change.is_after_routes:
            batch.after_routes.append(change)
            batch.settled.update(change.peers)
        else:
            batch.before_routes.append(change)
        if batch.changes >= self._rows:
            self._seal()

    def add_word(self, word: Word) -> None:
        """Adds what a router says of itself or of a peer, in the place of what it said before."""
        batch = self._opened()
        batch.last_seq = word.seq
        batch.words[word.subject] = last_word(batch.words.get(word.subject), word)
        if batch.changes >= self._rows:
            self._seal()

    def heard(self, router_id: int, time_us: int) -> None:
        """Notes that a router is alive."""
        self._opened().received[router_id] = time_us

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be added for now."""
        return len(self._sealed) >= self._queue_batches

    async def wait_for_room(self) -> None:
        """Returns at once, or as soon as the writer has caught up."""
        if self.is_full:
            await self._hold_up(self._room)

    def is_settled(self, peer_id: int) -> bool:
        """Whether the peer's next routes, or its next Peer Up, need another batch."""
        return peer_id in self._open.settled

    async def wait_for_turn(self, peer_id: int) -> None:
        """Returns when the open batch may be sealed for the sake of this peer alone.

        It may be nearly empty. So that nobody fills the queue with such, and with that holds up
        all others, he waits while half of the queue is taken.
        """
        while self.is_settled(peer_id) and 2 * len(self._sealed) >= self._queue_batches:
            await self._hold_up(self._written)

    # ---- what the writer calls

    async def next(self) -> Batch | None:
        """The next batch: full, or older than it may get; None after `close` when all are out."""
        while len(self._sealed) <= self._taken:
            if self._open.is_empty:
                if self._closing:
                    return None
                await self._wait(None)
            elif self._closing or (left := self._seconds - self._age()) <= 0:
                self._seal()
            else:
                await self._wait(left)
        self._taken += 1
        return self._sealed[self._taken - 1]

    def written(self, batch: Batch) -> None:
        """Says that the oldest batch that `next` gave is committed."""
        if self._sealed.popleft() is not batch:
            raise RuntimeError("batches are committed in order")
        self._taken -= 1
        self.pending_routes -= batch.size
        batch.note_committed(self._clock())
        self._written.set()  # wakes up those who wait now,
        self._written.clear()  # and nobody who comes later
        if len(self._sealed) < self._queue_batches:
            self._room.set()
        metrics.QUEUE_BATCHES.set(len(self._sealed))

    def close(self) -> None:
        """No more will be added: `next` gives out what there is, at once."""
        self._closing = True
        self._work.set()

    # ---- inside

    def _add(
        self,
        peer: PeerSession,
        rib: Rib,
        routes: NlriSet,
        arrival: Arrival,
        attr_id: int | None,
    ) -> None:
        batch = self._opened()
        # Path identifiers belong to the RIB: what is replaced has none.
        path_ids = routes.path_ids if rib.has_path_ids else None
        if routes.family in PREFIX_FAMILIES:
            keys: list[Key] = list(routes.nlri)
            head = event_head(len(ROUTE_COLUMNS), arrival, attr_id, rib.rib_id, peer.session)
            rows = prefix_rows(head, routes.family, routes.nlri, path_ids)
            table = batch.routes
        else:
            numbers = [self._nlri_id(routes.family, key, arrival.time_us) for key in routes.nlri]
            keys = list(numbers)
            head = event_head(len(NLRI_COLUMNS), arrival, attr_id, rib.rib_id, peer.session)
            rows = nlri_rows(head, numbers, path_ids, _details(routes, attr_id))
            table = batch.nlri_routes
        if path_ids is not None:
            keys = list(zip(path_ids, keys, strict=True))  # type: ignore[arg-type]
        table.add(rib.rib_id, peer.session, keys, rows)
        if rib.replaces is not None:
            self._add(peer, rib.replaces, routes, arrival, None)
        self.pending_routes += len(rows)

    def _attribute_id(
        self, peer: PeerSession, view: RibView, attributes: PathAttributes, time_us: int
    ) -> int:
        path = path_as_received(attributes.as_path, peer.own_asn, view)
        if path is not attributes.as_path:
            metrics.OWN_ASN_REMOVED.inc()
        attr_id = attribute_id(attributes, path)
        known = self._known_attributes
        if known.is_new(attr_id, time_us):
            self._opened().attributes.append(attribute_row(attr_id, known.today, attributes, path))
        return attr_id

    def _nlri_id(self, family: int, key: bytes, time_us: int) -> int:
        number = nlri_id(family, key)
        if self._known_nlri.is_new(number, time_us):
            self._opened().nlri.append(nlri_row(number, self._known_nlri.today, family, key))
        return number

    def _opened(self) -> Batch:
        if self._open.is_empty:
            self._open.opened = self._clock()
            self._work.set()
        return self._open

    def _age(self) -> float:
        return self._clock() - self._open.opened

    def _seal(self) -> None:
        for whose in self._open.counts:
            whose.publish()
        self._sealed.append(self._open)
        self._open = Batch(self._open.number + 1, self._clock())
        if len(self._sealed) >= self._queue_batches:
            self._room.clear()
        self._work.set()
        metrics.QUEUE_BATCHES.set(len(self._sealed))

    async def _hold_up(self, until: asyncio.Event) -> None:
        metrics.HELD_UP.inc()
        began = self._clock()
        try:
            await until.wait()
        finally:
            metrics.HELD_UP_SECONDS.inc(self._clock() - began)

    async def _wait(self, seconds: float | None) -> None:
        self._work.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._work.wait()
        except TimeoutError:
            return


def _details(routes: NlriSet, attr_id: int | None) -> list[bytes]:
    if attr_id is None or routes.details is None:
        return [NULL] * len(routes.nlri)
    return [
        nlri_detail(routes.family, key, detail)
        for key, detail in zip(routes.nlri, routes.details, strict=True)
    ]
