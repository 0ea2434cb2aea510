"""What is said to ExaBGP 4 and what it answers, line by line. Pure.

    > show neighbor summary
    < Peer            AS        up/down state       |     #sent     #recvd
    < 192.0.2.1       65001     1:02:03 established           3         27
    < done
    > show adj-rib out
    < neighbor 192.0.2.1 ipv4 unicast 203.0.113.0/24 next-hop self
    < done

An answer ends with a line that is `done` or `error`, and nothing in it says to which command it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Network: TypeAlias = IPv4Network | IPv6Network

SUMMARY = "show neighbor summary"
"""Lists the sessions that are up; its answer alone can be told from all others."""
ROUTES = "show adj-rib out"
DONE, ERROR = "done", "error"
ENDS = frozenset({DONE, ERROR, "shutdown"})


@dataclass(frozen=True, slots=True)
class Announcement:
    """A route as it is announced."""

    prefix: Network
    next_hop: str = "self"
    """An address, or `self`: the local address of each session."""
    communities: tuple[str, ...] = ()
    """`65000:1`, and large ones (RFC 8092) with three numbers."""

    def announce(self) -> str:
        """The command that announces it."""
        words = [f"announce route {self.prefix} next-hop {self.next_hop}"]
        for name, colons in (("community", 1), ("large-community", 2)):
            found = [one for one in self.communities if one.count(":") == colons]
            if found:
                words.append(f"{name} [ {' '.join(found)} ]")
        return " ".join(words)

    def withdraw(self) -> str:
        """The command that takes it back, whatever its attributes are."""
        return f"withdraw route {self.prefix} next-hop {self.next_hop}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an ExaBGP stands to a prefix."""

    established: tuple[str, ...]
    """The peers whose sessions are up."""
    holding: tuple[str, ...]
    """The peers that are sent the prefix, or will be when their sessions are up."""

    @property
    def announced_to(self) -> tuple[str, ...]:
        """The peers that have it."""
        return tuple(peer for peer in self.holding if peer in self.established)


def is_summary(lines: Sequence[str]) -> bool:
    """Whether this is an answer to `show neighbor summary`."""
    return bool(lines) and lines[0].split()[:3] == ["Peer", "AS", "up/down"]


def established(lines: Sequence[str]) -> tuple[str, ...]:
    """The peers that a summary tells of as established."""
    words = [line.split() for line in lines[1:]]
    return tuple(sorted({each[0] for each in words if "established" in each}))


def holding(lines: Sequence[str], prefix: Network) -> tuple[str, ...]:
    """The peers in whose Adj-RIB-Out a prefix is."""
    return tuple(sorted({peer for peer, found in map(_route, lines) if found == prefix}))


def _route(line: str) -> tuple[str, Network | None]:
    match line.split():
        case ["neighbor", peer, "ipv4" | "ipv6", "unicast", prefix, *_]:
            return peer, _network(prefix)
        case _:
            return "", None


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
