"""What happens to routers and their peers, as facts to be written with the routes around them.

Times are microseconds since 1970. `time_us` is when the message reached us; `router_time_us` is
what the router says, None where it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RouterConnected:
    """A router's BMP connection has sent its first message."""

    router_id: int
    time_us: int


@dataclass(frozen=True, slots=True)
class RouterNamed:
    """An Initiation message (RFC 7854 4.3)."""

    router_id: int
    sys_name: str | None
    sys_descr: str | None


@dataclass(frozen=True, slots=True)
class RouterDisconnected:
    """The BMP connection ended: the sessions that it fed are lost to us, whatever they do now."""

    router_id: int
    time_us: int
    reason: str
    sessions: dict[int, int]
    """The sessions that were up on this connection, by peer id."""


@dataclass(frozen=True, slots=True)
class PeerCameUp:
    """A Peer Up (RFC 7854 4.10), or routes without one, from which we infer it."""

    peer_id: int
    session: int
    time_us: int
    router_time_us: int | None
    asn: int
    bgp_id: str
    is_inferred: bool
    table_name: str | None = None
    local_address: str | None = None
    local_port: int | None = None
    remote_port: int | None = None
    hold_time: int | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeerWentDown:
    """A Peer Down (RFC 7854 4.9): the session's routes are gone."""

    peer_id: int
    session: int
    time_us: int
    router_time_us: int | None
    reason_code: int
    reason: str


Change = RouterConnected | RouterNamed | RouterDisconnected | PeerCameUp | PeerWentDown
