"""What a connection may cost us: who may connect, how long we wait, how often we speak of it."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from services.ingest.addresses import Network


class Refusal(NamedTuple):
    """Why a connection is not taken: for the counter's label, and in words."""

    label: str
    sentence: str


class Admission:
    """Who may connect, by address, and how many at one time."""

    def __init__(
        self, *, allowed: Sequence[Network] | None, connections: int, connections_of_one: int
    ) -> None:
        self._allowed = allowed
        self.connections = connections
        self._connections_of_one = connections_of_one
        self._open: Counter[str] = Counter()

    def refusal(self, address: str) -> Refusal | None:
        """Why a router at this address cannot connect now; None where it can."""
        if self._allowed is not None:
            ip = ipaddress.ip_address(address)
            if not any(ip in network for network in self._allowed):
                return Refusal("not allowed", "its address is not in INGEST_ALLOWED_ROUTERS")
        if self._open.total() >= self.connections:
            return Refusal("too many", f"{self.connections} are open (INGEST_MAX_CONNECTIONS)")
        if self._open[address] >= self._connections_of_one:
            return Refusal(
                "too many of one",
                f"{self._connections_of_one} of its address are open "
                "(INGEST_MAX_CONNECTIONS_PER_ROUTER)",
            )
        return None

    def enter(self, address: str) -> None:
        """A connection of this address is open."""
        self._open[address] += 1

    def leave(self, address: str) -> None:
        """It is open no more."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


class Patience(NamedTuple):
    """How long we wait for a router, in seconds; None: for ever."""

    message: float
    """For its first message, and for the rest of each one that it has begun."""
    idle: float | None
    """For its next message. BMP has no keepalive (RFC 7854): a quiet network is silent."""


class Waiting:
    """How long one connection may still keep us waiting.

    Only what we waited counts: not the time in which the router waited for us.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._waited = 0.0
        self._owes = True

    @property
    def left(self) -> float | None:
        """Seconds; None for as long as it likes."""
        limit = self._limit
        return None if limit is None else max(limit - self._waited, 0.0)

    @property
    def complaint(self) -> str:
        """What to say when nothing is left."""
        what = "whole message" if self._owes else "message"
        return f"no {what} within {self._limit:g} s"

    @property
    def _limit(self) -> float | None:
        return self._patience.message if self._owes else self._patience.idle

    def waited(self, seconds: float) -> None:
        """So long nothing came."""
        self._waited += seconds

    def came(self, *, whole_messages: bool) -> None:
        """Octets came, and whole messages with them or not."""
        if whole_messages or not self._owes:
            self._waited = 0.0
        self._owes = not whole_messages


class Unfinished:
    """Octets of messages that are not whole yet, held for all connections together.

    Over the limit the connection that holds most has to end. A router's messages are seldom
    longer than one read, and then are not counted here.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Counter[Hashable] = Counter()

    def hold(self, connection: Hashable, octets: int) -> Hashable | None:
        """So many more are held; gives the connection that has to end for it, if one has to."""
        self._held[connection] += octets
        if self._held.total() <= self._limit:
            return None
        return self._held.most_common(1)[0][0]

    def release(self, connection: Hashable) -> None:
        """Its message is whole, or it has ended."""
        self._held.pop(connection, None)


class Seldom:
    """Lets something be said once in `seconds` for each key, and counts what it left out.

    It knows the last `keys` keys alone.
    """

    def __init__(
        self,
        seconds: float = 60.0,
        *,
        keys: int = 1_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._keys = keys
        self._clock = clock
        self._said: dict[Hashable, tuple[float, int]] = {}

    def now(self, key: Hashable) -> int | None:
        """How often it was left out since it was last said; None: leave it out now, too."""
        said, left_out = self._said.get(key, (None, 0))
        now = self._clock()
        if said is not None and now - said < self._seconds:
            self._said[key] = (said, left_out + 1)
            return None
        self._said.pop(key, None)  # so that the first is the one that was said longest ago
        if len(self._said) >= self._keys:
            del self._said[next(iter(self._said))]
        self._said[key] = (now, 0)
        return left_out
