"""What routers, workers and the database may do, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st

from tests.ingest.model.routes import FAMILIES, ROUTES, VIEWS, Route

if TYPE_CHECKING:
    from tests.ingest.unreliable import Cut

T = TypeVar("T")

PEERS = ("192.0.2.1", "2001:db8::7", "192.0.2.9")
"""Numbers of connections and workers are taken modulo how many there are."""


@dataclass(frozen=True)
class Connect:
    """The router opens one more connection."""

    worker: int


@dataclass(frozen=True)
class Lose:
    """A connection ends."""

    connection: int


@dataclass(frozen=True)
class Up:
    """A Peer Up. Another port is another session."""

    connection: int
    peer: str
    port: int
    add_path: bool


@dataclass(frozen=True)
class Down:
    """A Peer Down."""

    connection: int
    peer: str


@dataclass(frozen=True)
class Announce:
    """Routes of one family, with a path identifier where the session has them."""

    connection: int
    peer: str
    view: str
    routes: tuple[Route, ...]
    path_id: int
    med: int
    label: int


@dataclass(frozen=True)
class Withdraw:
    """The same, withdrawn."""

    connection: int
    peer: str
    view: str
    routes: tuple[Route, ...]
    path_id: int


@dataclass(frozen=True)
class EndOfRib:
    """The end of one table."""

    connection: int
    peer: str
    view: str
    family: int


@dataclass(frozen=True)
class Expire:
    """INGEST_TABLE_SECONDS pass."""

    worker: int


@dataclass(frozen=True)
class Quiet:
    """Everything is written; the store is compared with the model."""


@dataclass(frozen=True)
class Crash:
    """A worker dies, some turns of its loop after its batches became old enough or not."""

    worker: int
    turns: int
    is_writing: bool


@dataclass(frozen=True)
class LoseDatabase:
    """The next such moment of a worker's writing loses its connection."""

    worker: int
    cut: Cut


Step = (
    Connect
    | Lose
    | Up
    | Down
    | Announce
    | Withdraw
    | EndOfRib
    | Expire
    | Quiet
    | Crash
    | LoseDatabase
)

_connection = st.integers(0, 2)
_worker = st.integers(0, 1)
_losses: st.SearchStrategy[Cut] = st.sampled_from(
    ("before the commit", "after the commit", "within a copy")
)


def _some(of: tuple[T, ...], most: int) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(st.sampled_from(of), min_size=1, max_size=most, unique=True).map(tuple)


@st.composite
def _steps(draw: st.DrawFn, length: int) -> tuple[Step, ...]:
    """Steps in a small world: what happens has to happen to the same routes to mean anything."""
    peer = st.sampled_from(draw(_some(PEERS, 2)))
    view = st.sampled_from(draw(_some(tuple(VIEWS), 2)))
    family = st.sampled_from(draw(_some(FAMILIES, 2)))
    path_id, port = st.integers(1, 2), st.integers(1, 2)
    routes = family.flatmap(lambda one: _some(ROUTES[one], 2))
    announce = st.builds(
        Announce, _connection, peer, view, routes, path_id, st.integers(0, 1), st.integers(16, 17)
    )
    withdraw = st.builds(Withdraw, _connection, peer, view, routes, path_id)
    up = st.builds(Up, _connection, peer, port, st.booleans())
    end_of_rib = st.builds(EndOfRib, _connection, peer, view, family)
    often: tuple[tuple[int, st.SearchStrategy[Step]], ...] = (
        (2, st.just(Quiet())),
        (14, announce),
        (6, withdraw),
        (5, up),
        (5, end_of_rib),
        (2, st.builds(Connect, _worker)),
        (3, st.builds(Lose, _connection)),
        (2, st.builds(Down, _connection, peer)),
        (1, st.builds(Expire, _worker)),
        (1, st.builds(Crash, _worker, st.integers(0, 40), st.booleans())),
        (1, st.builds(LoseDatabase, _worker, _losses)),
    )
    kinds = [number for number, (times, _) in enumerate(often) for _ in range(times)]
    step = st.sampled_from(kinds).flatmap(lambda number: often[number][1])
    return tuple(draw(st.lists(step, min_size=length // 3, max_size=length)))


@dataclass(frozen=True)
class Story:
    """What happens, and on what."""

    rows: tuple[int, ...]
    """The rows that make a batch full, for each worker."""
    connections: int
    """How many may be open at a time."""
    steps: tuple[Step, ...]


def stories(length: int) -> st.SearchStrategy[Story]:
    """Stories of at most so many steps."""
    rows = st.lists(st.sampled_from((1, 2, 5, 100_000)), min_size=1, max_size=2).map(tuple)
    return st.builds(Story, rows, st.sampled_from((1, 1, 3)), _steps(length))
