"""What a batch leaves of each route, for the current RIB."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from services.ingest.rows.events import is_withdrawn

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = bytes | int | tuple[int, bytes] | tuple[int, int]
"""The NLRI, or its number; with the path identifier before it where the RIB has them."""


class Latest:
    """The last event of each route of one RIB, and all events of those that have several.

    Events are rows of the history, which the current RIB takes as they are.
    """

    __slots__ = ("_last", "_repeated", "_withdraws", "session")

    def __init__(self, session: int) -> None:
        self.session = session
        self._withdraws = False
        self._last: dict[Key, bytes] = {}
        self._repeated: dict[Key, list[bytes]] = {}

    def add(self, keys: list[Key], rows: list[bytes]) -> None:
        """Adds the routes of one UPDATE, all announced or all withdrawn, in order."""
        self._withdraws = self._withdraws or is_withdrawn(rows[0])
        last = self._last
        if not last.keys().isdisjoint(keys):
            for key, row in zip(keys, rows, strict=True):
                if (before := last.get(key)) is not None:
                    self._repeated.setdefault(key, [before]).append(row)
                last[key] = row
        else:
            last.update(zip(keys, rows, strict=True))

    @property
    def announces_once(self) -> bool:
        """Whether all that it has is one announcement for each route."""
        return not (self._withdraws or self._repeated)

    def rows(self) -> Iterator[bytes]:
        """The last event of each route."""
        yield from self._last.values()

    def repeated(self) -> Iterator[list[bytes]]:
        """The events, in order, of each route that has more than one."""
        yield from self._repeated.values()


class Table:
    """The events of a batch that go to one table of the history, and what they leave."""

    __slots__ = ("events", "latest", "octets")

    def __init__(self) -> None:
        self.octets = 0
        """Of the events, taking those of one UPDATE to be as long as its last."""
        self.events: list[bytes] = []
        self.latest: dict[tuple[int, int], Latest] = {}
        """By RIB and session: of a route the newest session's word counts, not the last one's."""

    def add(self, rib_id: int, session: int, keys: list[Key], rows: list[bytes]) -> None:
        """Adds events of one RIB and session, in order."""
        if (latest := self.latest.get((rib_id, session))) is None:
            latest = self.latest[rib_id, session] = Latest(session)
        latest.add(keys, rows)
        self.events += rows
        self.octets += len(rows) * len(rows[-1])

    def ribs(self) -> set[int]:
        """The RIBs that it has events of."""
        return {rib_id for rib_id, _ in self.latest}

    def rounds(self) -> list[list[tuple[int, Latest]]]:
        """What is left, in rounds in which each RIB is once; older sessions come first.

        There is one round, unless a router has two connections or has just come back.
        """
        rounds: list[list[tuple[int, Latest]]] = []
        sessions: Counter[int] = Counter()
        for rib_id, session in sorted(self.latest):
            if len(rounds) == sessions[rib_id]:
                rounds.append([])
            rounds[sessions[rib_id]].append((rib_id, self.latest[rib_id, session]))
            sessions[rib_id] += 1
        return rounds
