"""What routers, workers and the database may do, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.ingest.model.routes import ADD_PATH_FAMILY, FAMILIES, ROUTES, VIEWS, Route

if TYPE_CHECKING:
    from tests.ingest.unreliable import Cut

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
_peer = st.sampled_from(PEERS)
_view = st.sampled_from(tuple(VIEWS))
_path_id = st.integers(1, 2)
_routes = st.sampled_from((*FAMILIES, ADD_PATH_FAMILY, ADD_PATH_FAMILY)).flatmap(
    lambda family: st.lists(st.sampled_from(ROUTES[family]), min_size=1, unique=True).map(tuple)
)

_up = st.builds(Up, _connection, _peer, st.integers(1, 2), st.booleans())
_announce = st.builds(
    Announce, _connection, _peer, _view, _routes, _path_id, st.integers(0, 2), st.integers(16, 17)
)
_withdraw = st.builds(Withdraw, _connection, _peer, _view, _routes, _path_id)
_end_of_rib = st.builds(EndOfRib, _connection, _peer, _view, st.sampled_from(FAMILIES))
_losses: st.SearchStrategy[Cut] = st.sampled_from(
    ("before the commit", "after the commit", "within a copy")
)

# What comes more than once here comes more often.
_step: st.SearchStrategy[Step] = st.one_of(
    _announce,
    _announce,
    _announce,
    _withdraw,
    _withdraw,
    _up,
    _up,
    _end_of_rib,
    _end_of_rib,
    st.builds(Connect, _worker),
    st.builds(Lose, _connection),
    st.builds(Down, _connection, _peer),
    st.builds(Expire, _worker),
    st.just(Quiet()),
    st.builds(Crash, _worker, st.integers(0, 40), st.booleans()),
    st.builds(LoseDatabase, _worker, _losses),
)


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
    steps = st.lists(_step, min_size=1, max_size=length).map(tuple)
    return st.builds(Story, rows, st.sampled_from((1, 1, 3)), steps)
