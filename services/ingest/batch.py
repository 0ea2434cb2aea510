"""Between the routers and the database: batches that fill, wait their turn and are written.

The way is one: connections add to the batch that is open, a full or old batch is sealed, the
writer takes sealed batches in order. At most `queue_batches` wait; then `wait_for_room` holds
the connections up, their sockets fill, and TCP makes the routers wait. Nothing is dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from typing import TYPE_CHECKING

from services.ingest import metrics
from services.ingest.quirks import path_as_received
from services.ingest.rows import (
    STORED_FAMILIES,
    attribute_row,
    route_rows,
    route_rows_with_path_ids,
    row_head,
)
from services.ingest.wire import family_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from services.ingest.changes import Change
    from services.ingest.registry import PeerSession
    from services.ingest.wire import AsPath, NlriSet, PathAttributes, RibView, Update

_Key = bytes | tuple[int, bytes]

KNOWN_ATTRIBUTES = 250_000
"""Attribute sets remembered as stored, twice: forgetting one costs a useless row, no more."""


class Latest:
    """The last announcement of each route, and the withdrawals that came after it.

    Both are needed: a route that comes and goes in one batch was there, and is known as
    withdrawn.
    """

    __slots__ = ("announced", "withdrawn")

    def __init__(self) -> None:
        self.announced: dict[_Key, bytes] = {}
        self.withdrawn: dict[_Key, bytes] = {}

    def announce(self, keys: Iterable[_Key], rows: list[bytes]) -> None:
        """Adds rows that announce, by path id and NLRI."""
        if self.withdrawn:
            keys = list(keys)
            for key in keys:
                self.withdrawn.pop(key, None)
        self.announced.update(zip(keys, rows, strict=True))

    def withdraw(self, keys: Iterable[_Key], rows: list[bytes]) -> None:
        """Adds rows that withdraw."""
        self.withdrawn.update(zip(keys, rows, strict=True))


class Batch:
    """Rows that are committed together, all or nothing."""

    __slots__ = (
        "attributes",
        "changes",
        "events",
        "has_path_ids",
        "latest",
        "number",
        "opened",
        "received",
    )

    def __init__(self, number: int, opened: float) -> None:
        self.number = number
        self.opened = opened
        """The loop's time (seconds) at which the first thing was added."""
        self.received: dict[int, int] = {}
        """By router: when its last message in this batch came, in microseconds since 1970."""
        self.changes: list[Change] = []
        self.has_path_ids = False
        self.attributes: list[bytes] = []
        self.events: list[bytes] = []
        self.latest: dict[tuple[int, RibView, int], Latest] = {}
        """By peer, view and family: what the current RIB needs of the events."""

    def rib_rows(self) -> Iterator[bytes]:
        """The rows for the current RIB: a route's withdrawal follows its announcement."""
        for latest in self.latest.values():
            yield from latest.announced.values()
            yield from latest.withdrawn.values()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.events or self.changes or self.received)


class Batcher:
    """Collects what connections decode, and hands it to the writer batch by batch."""

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
        self._sealed: deque[Batch] = deque()
        self._open = Batch(1, clock())
        self._known: set[int] = set()
        self._known_before: set[int] = set()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self.pending_routes = 0
        """Route rows that are not yet committed."""

    @property
    def is_idle(self) -> bool:
        """Whether everything that was added is committed."""
        return not self._sealed and self._open.is_empty

    # ---- what connections call

    def add_update(self, peer: PeerSession, view: RibView, update: Update, time_us: int) -> None:
        """Adds the routes of one UPDATE, in the order in which RFC 4271 has them take effect."""
        peer_id, session = peer.peer_id, peer.session
        for withdrawn in update.withdrawn:
            if self._is_stored(withdrawn):
                head = row_head(time_us, None, peer_id, session, view, withdrawn.family)
                self._add_rows(peer_id, view, withdrawn, head, is_withdrawn=True)
        for announced in update.announced:
            if self._is_stored(announced) and announced.attributes is not None:
                path = path_as_received(announced.attributes.as_path, peer.own_asn, view)
                attr_id = self._attribute_id(announced.attributes, path, time_us)
                head = row_head(time_us, attr_id, peer_id, session, view, announced.family)
                self._add_rows(peer_id, view, announced, head, is_withdrawn=False)
        if len(self._open.events) >= self._rows:
            self._seal()

    def add_change(self, change: Change) -> None:
        """Adds a change of a router or a peer, which is written before this batch's routes."""
        batch = self._opened()
        batch.changes.append(change)
        if len(batch.changes) >= self._rows:
            self._seal()

    def heard(self, router_id: int, time_us: int) -> None:
        """Notes that a router is alive."""
        self._opened().received[router_id] = time_us

    async def wait_for_room(self) -> None:
        """Returns at once, or as soon as the writer has caught up."""
        await self._room.wait()

    # ---- what the writer calls

    async def next(self) -> Batch | None:
        """The next batch: full, or older than it may get; None after `close` when all are out."""
        while not self._sealed:
            if self._open.is_empty:
                if self._closing:
                    return None
                await self._wait(None)
            elif self._closing or (left := self._seconds - self._age()) <= 0:
                self._seal()
            else:
                await self._wait(left)
        return self._sealed[0]

    def written(self, batch: Batch) -> None:
        """Says that the batch that `next` gave is committed."""
        self._sealed.remove(batch)
        self.pending_routes -= len(batch.events)
        if len(self._sealed) < self._queue_batches:
            self._room.set()
        metrics.QUEUE_BATCHES.set(len(self._sealed))

    def close(self) -> None:
        """No more will be added: `next` gives out what there is, at once."""
        self._closing = True
        self._work.set()

    # ---- inside

    def _add_rows(
        self, peer_id: int, view: RibView, routes: NlriSet, head: bytes, *, is_withdrawn: bool
    ) -> None:
        nlri, path_ids, family = routes.nlri, routes.path_ids, routes.family
        batch = self._opened()
        keys: Iterable[_Key] = nlri
        if path_ids is None:
            rows = route_rows(head, family, nlri)
        else:
            rows = route_rows_with_path_ids(head, family, nlri, path_ids)
            batch.has_path_ids = True
            keys = zip(path_ids, nlri, strict=True)
        if (latest := batch.latest.get((peer_id, view, family))) is None:
            latest = batch.latest[peer_id, view, family] = Latest()
        if is_withdrawn:
            latest.withdraw(keys, rows)
        else:
            latest.announce(keys, rows)
        batch.events += rows
        self.pending_routes += len(rows)
        counter = metrics.WITHDRAWN if is_withdrawn else metrics.ANNOUNCED
        counter.labels(family_name(family)).inc(len(rows))

    def _is_stored(self, routes: NlriSet) -> bool:
        if routes.family in STORED_FAMILIES:
            return True
        metrics.IGNORED.labels(family_name(routes.family)).inc(len(routes.nlri))
        return False

    def _attribute_id(self, attributes: PathAttributes, path: AsPath, time_us: int) -> int:
        digest = hashlib.blake2b(attributes.identity, digest_size=8)
        if path is not attributes.as_path:
            digest.update(b"own AS removed")
            metrics.OWN_ASN_REMOVED.inc()
        attr_id = int.from_bytes(digest.digest(), "big", signed=True)
        if attr_id not in self._known:
            if attr_id not in self._known_before:
                self._opened().attributes.append(attribute_row(attr_id, time_us, attributes, path))
            self._known.add(attr_id)
            if len(self._known) >= KNOWN_ATTRIBUTES:
                self._known_before, self._known = self._known, set()
        return attr_id

    def _opened(self) -> Batch:
        if self._open.is_empty:
            self._open.opened = self._clock()
            self._work.set()
        return self._open

    def _age(self) -> float:
        return self._clock() - self._open.opened

    def _seal(self) -> None:
        self._sealed.append(self._open)
        self._open = Batch(self._open.number + 1, self._clock())
        if len(self._sealed) >= self._queue_batches:
            self._room.clear()
        self._work.set()
        metrics.QUEUE_BATCHES.set(len(self._sealed))

    async def _wait(self, seconds: float | None) -> None:
        self._work.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._work.wait()
        except TimeoutError:
            return
