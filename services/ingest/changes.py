"""What happens to routers and their peers, as facts to be written with the routes around them.

`seq` is the number of the BMP message in the writer's sequence. Times are microseconds since
1970: `time_us` is when the message reached us, `router_time_us` what the router says, None where
it says nothing. `peers` are the ids of the peers that a change is about. One that `is_after_routes`
concerns the routes that came before it, the others those that come after.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterConnected:
    """A router's BMP connection has sent its first message."""

    is_after_routes: ClassVar[bool] = False
    peers: ClassVar[Collection[int]] = ()

    seq: int
    time_us: int
    router_id: int
    connection_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterNamed:
    """An Initiation message (RFC 7854 4.3)."""

    seq: int
    router_id: int
    sys_name: str | None
    sys_descr: str | None

    @property
    def subject(self) -> Hashable:
        return RouterNamed, self.router_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterDisconnected:
    """The BMP connection ended: the sessions that it fed are lost to us, whatever they do now."""

    is_after_routes: ClassVar[bool] = True

    seq: int
    time_us: int
    router_id: int
    connection_id: int
    reason: str
    sessions: dict[int, int]
    """The sessions that were up on this connection, by peer id."""

    @property
    def peers(self) -> Collection[int]:
        return self.sessions.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfPeer:
    seq: int
    time_us: int
    router_time_us: int | None
    peer_id: int
    session: int

    @property
    def peers(self) -> Collection[int]:
        return (self.peer_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCameUp(_OfPeer):
    """A Peer Up (RFC 7854 4.10), or routes without one, from which we infer it."""

    is_after_routes: ClassVar[bool] = False

    asn: int
    bgp_id: str
    is_inferred: bool
    table_name: str | None = None
    local_asn: int | None = None
    local_bgp_id: str | None = None
    local_address: str | None = None
    local_port: int | None = None
    remote_port: int | None = None
    hold_time: int | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerWentDown(_OfPeer):
    """A Peer Down (RFC 7854 4.9): the session's routes are gone."""

    is_after_routes: ClassVar[bool] = True

    reason_code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableComplete(_OfPeer):
    """The router has sent all of a table again: what it did not send is gone.

    It says so itself with an End-of-RIB (RFC 4724 2) of one view and family. Where it does not,
    all tables of the peer count as complete after a time (`is_expired`; family and view None).
    """

    is_after_routes: ClassVar[bool] = True

    family: int | None
    view: int | None
    is_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsReported(_OfPeer):
    """A Statistics Report (RFC 7854 4.8): only the last value of each statistic is kept."""

    values: dict[tuple[int, int | None], int]
    """By type and, where it is of one, family."""

    @property
    def subject(self) -> Hashable:
        return StatisticsReported, self.peer_id


Change = RouterConnected | RouterDisconnected | PeerCameUp | PeerWentDown | TableComplete
"""What has its place in order with others."""

Word = RouterNamed | StatisticsReported
"""What is true until it is said again of the same `subject`; its place does not matter."""


def last_word(earlier: Word | None, word: Word) -> Word:
    """What two words of the same subject leave."""
    if isinstance(word, StatisticsReported) and isinstance(earlier, StatisticsReported):
        return replace(word, values={**earlier.values, **word.values})
    return word
