"""Turns what was read into messages, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from services.routes.live.states import peer_event, received_open, state
from services.routes.live.updates import message_id, update
from services.routes.store import tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from asyncpg import Record

    from services.routes.live.attributes import Attributes
    from services.routes.live.message import Message
    from services.routes.live.names import Names
    from services.routes.live.reader import Found, OfWriter

_OPEN_WAITS = timedelta(seconds=60)
_BY_TIME = itemgetter(0)


@dataclass(slots=True)
class _PendingOpen:
    session: int
    number: str
    time: datetime


class Teller:
    """Knows which states of peers were told, so that none is told twice.

    A peer comes up in the history first. What its OPEN said is known when the current RIB has the
    session too, a moment later, and is told then.
    """

    def __init__(self, lost: Iterable[Record] = ()) -> None:
        self._ended: dict[int, int] = {row["peer_id"]: row["session"] for row in lost}
        """By peer: the newest session whose end was told."""
        self._began: dict[int, int] = {}
        self._opens: dict[int, _PendingOpen] = {}

    @property
    def opens_of(self) -> list[int]:
        """The peers whose OPEN is yet to be told."""
        return list(self._opens)

    def tell(
        self, found: Found, names: Names, attributes: Mapping[int, Attributes]
    ) -> list[Message]:
        """The messages of what was found."""
        told = [
            message
            for _, messages in merge(
                *(self._of_writer(one, names, attributes) for one in found.writers.values()),
                key=_BY_TIME,
            )
            for message in messages
        ]
        told += self._of_lost(found.lost, names)
        told += self._of_opens(found.opens, names)
        return told

    def _of_writer(
        self, of: OfWriter, names: Names, attributes: Mapping[int, Attributes]
    ) -> Iterator[tuple[datetime, list[Message]]]:
        """By the latest time so far: whatever its clock does, a writer's order is that of seq."""
        latest: datetime | None = None
        for rows in _in_order(of):
            time = rows[0]["time"]
            latest = time if latest is None else max(latest, time)
            if "rib_id" in rows[0].keys():  # noqa: SIM118 - a Record is asked for its columns so
                yield latest, [update(rows, names.ribs, attributes)]
            else:
                yield latest, [one for row in rows for one in self._of_event(row, names)]

    def _of_event(self, row: Record, names: Names) -> list[Message]:
        peer_id, session = row["peer_id"], row["session"]
        if row["event"] == "up":
            if row["reason"] is None:  # else routes came without a Peer Up
                number = message_id(row["seq"], 1)
                self._opens[peer_id] = _PendingOpen(session, number, row["time"])
            if self._began.get(peer_id) == session:
                return []  # routes came before the Peer Up
            self._began[peer_id] = session
        else:
            self._ended[peer_id] = max(session, self._ended.get(peer_id, session))
        return peer_event(row, names.peers[peer_id])

    def _of_lost(self, lost: Iterable[Record], names: Names) -> Iterator[Message]:
        """Sessions that ended because their ingest process did: no event has a number for it."""
        for row in lost:
            peer_id, session = row["peer_id"], row["session"]
            if self._ended.get(peer_id, -1) < session:
                self._ended[peer_id] = session
                number = message_id(tail.first_seq(row["writer_id"] + 1) - 1)
                yield state(
                    names.peers[peer_id],
                    f"{number}-{peer_id}-{session}",
                    row["since"],
                    "down",
                    "the ingest process ended",
                )

    def _of_opens(self, opens: Iterable[Record], names: Names) -> Iterator[Message]:
        for row in opens:
            pending = self._opens.get(row["peer_id"])
            if pending is None:
                continue
            if row["session"] == pending.session and not row["is_inferred"]:
                if row["hold_time"] is not None:  # else it could not be read
                    peer = names.peers[row["peer_id"]]
                    yield received_open(row, peer, pending.number, pending.time)
            elif row["session"] <= pending.session and row["now"] - pending.time < _OPEN_WAITS:
                continue
            del self._opens[row["peer_id"]]


def _in_order(of: OfWriter) -> Iterator[list[Record]]:
    """Rows of one seq together; no event of a peer has one that routes have, too."""
    by_seq = itemgetter("seq")
    routes = ((seq, list(rows)) for seq, rows in groupby(of.routes, by_seq))
    events = ((seq, list(rows)) for seq, rows in groupby(of.peer_events, by_seq))
    return (rows for _, rows in merge(routes, events, key=_BY_TIME))
