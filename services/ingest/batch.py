"""What is committed together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingest import metrics
from services.ingest.latest import Table

if TYPE_CHECKING:
    from collections.abc import Hashable

    from services.ingest.changes import Change, Word
    from services.ingest.flow import Count, PeerFlow
    from services.ingest.wire import NlriSet


class Batch:
    """Rows that are committed together, all or nothing."""

    __slots__ = (
        "after_routes",
        "attributes",
        "before_routes",
        "counts",
        "last_seq",
        "nlri",
        "nlri_routes",
        "number",
        "opened",
        "reads",
        "received",
        "routes",
        "settled",
        "words",
    )

    def __init__(self, number: int, opened: float) -> None:
        self.number = number
        self.opened = opened
        """The loop's time (seconds) at which the first thing was added."""
        self.last_seq = 0
        self.received: dict[int, int] = {}
        """By router: when its last message in this batch came, in microseconds since 1970."""
        self.before_routes: list[Change] = []
        self.after_routes: list[Change] = []
        self.settled: set[int] = set()
        """Peers of which no more routes may come in this batch: what is after them is last."""
        self.words: dict[Hashable, Word] = {}
        """By subject: who says the same again and again costs one statement a batch."""
        self.reads: dict[float, int] = {}
        """When its UPDATEs were read from sockets, and how many at each of these times."""
        self.counts: dict[Count, int] = {}
        """How many of its routes are whose."""
        self.attributes: list[bytes] = []
        self.nlri: list[bytes] = []
        self.routes = Table()
        self.nlri_routes = Table()

    @property
    def octets(self) -> int:
        """How much its routes' rows take."""
        return self.routes.octets + self.nlri_routes.octets

    def count(self, flow: PeerFlow, routes: NlriSet) -> Count:
        """Counts these routes as in it; gives the count of all of their peer and family."""
        whose = flow.of(routes.family)
        self.counts[whose] = self.counts.get(whose, 0) + len(routes.nlri)
        return whose

    def note_read(self, at: float) -> None:
        """One more UPDATE, which was read from the socket at this time."""
        self.reads[at] = self.reads.get(at, 0) + 1

    def note_committed(self, now: float) -> None:
        """Tells those who count that it is in the current RIB."""
        for whose, routes in self.counts.items():
            whose.committed += routes
        for read_at, updates in self.reads.items():
            metrics.LAG_SECONDS.observe(now - read_at, updates)

    @property
    def size(self) -> int:
        """How many routes were announced or withdrawn."""
        return len(self.routes.events) + len(self.nlri_routes.events)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.size or self.changes or self.received)

    @property
    def changes(self) -> int:
        """How much else was said of routers and peers."""
        return len(self.before_routes) + len(self.after_routes) + len(self.words)
