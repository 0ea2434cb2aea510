"""A few hundred routes of all kinds, told by a made-up router, and a plain model of them."""

from __future__ import annotations

import ipaddress
import random
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.ingest import speaker
from tests.ingest.speaker import Peer, attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Hop = int | tuple[int, ...]

PEERS = (Peer("192.0.2.1", 64501), Peer("192.0.2.2", 4_200_000_001), Peer("2001:db8::7", 64777))
ASNS = (64501, 64502, 64503, 4_200_000_001, 64777)
COMMUNITIES = ("64501:100", "64501:200", "65535:65281")
LARGE = ("64501:1:1", "64501:1:2")
EXT = ("rt:64501:1", "rt:64501:2")
NEXT_HOPS = ("192.0.2.1", "192.0.2.2", "2001:db8::1")


@dataclass(frozen=True)
class Told:
    """One route as the model remembers it."""

    peer: Peer
    prefix: str
    path: tuple[Hop, ...]
    next_hop: str
    communities: frozenset[str] = frozenset()
    large: frozenset[str] = frozenset()
    ext: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.prefix, self.peer.address

    @property
    def network(self) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        return ipaddress.ip_network(self.prefix)

    @property
    def json_path(self) -> list[int | list[int]]:
        """As answers have it."""
        return [list(hop) if isinstance(hop, tuple) else hop for hop in self.path]

    @property
    def origin(self) -> int | None:
        last = self.path[-1] if self.path else None
        return last if isinstance(last, int) else None

    def announced(self) -> bytes:
        """Route Monitoring of it."""
        attributes = attribute(1, b"\0") + attribute(2, _as_path(self.path))
        hop = ipaddress.ip_address(self.next_hop).packed
        is_v6 = self.network.version == 6
        if is_v6:
            reach = struct.pack(">HBB", 2, 1, 16) + hop + b"\0" + speaker.nlri(self.prefix)
            attributes = attribute(14, reach, 0x80) + attributes
        else:
            attributes += attribute(3, hop)
        for code, values in (
            (8, [struct.pack(">HH", *_numbers(one)) for one in sorted(self.communities)]),
            (16, [struct.pack(">BBHI", 0, 2, *_numbers(one[3:])) for one in sorted(self.ext)]),
            (32, [struct.pack(">III", *_numbers(one)) for one in sorted(self.large)]),
        ):
            if values:
                attributes += attribute(code, b"".join(values), 0xC0)
        body = struct.pack(">HH", 0, len(attributes)) + attributes
        body += b"" if is_v6 else speaker.nlri(self.prefix)
        return speaker.message(0, self.peer.header() + speaker.bgp(2, body))


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(":")]


def _as_path(path: tuple[Hop, ...]) -> bytes:
    segments: list[tuple[int, list[int]]] = []
    for hop in path:
        if isinstance(hop, tuple):
            segments.append((1, list(hop)))
        elif segments and segments[-1][0] == 2:
            segments[-1][1].append(hop)
        else:
            segments.append((2, [hop]))
    return b"".join(
        struct.pack(f">BB{len(asns)}I", kind, len(asns), *asns) for kind, asns in segments
    )


@dataclass
class Many:
    """Random routes, the same for the same seed."""

    seed: int
    count: int = 300
    routes: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311 - nothing is secret
        known: dict[tuple[str, str], Told] = {}
        while len(known) < self.count:
            told = _random_route(chance)
            known[told.key] = told
        self.routes = list(known.values())

    def messages(self) -> Iterator[bytes]:
        """What the router says."""
        yield speaker.initiation("edge-1")
        yield from map(speaker.peer_up, PEERS)
        yield from (route.announced() for route in self.routes)

    def keys(self, keeps: Callable[[Told], bool]) -> list[tuple[str, str]]:
        """Keys of the routes for which this holds, sorted."""
        return sorted(route.key for route in self.routes if keeps(route))


def key_of(body: dict[str, Any]) -> tuple[str, str]:
    """The key of a route in an answer."""
    return body["prefix"], body["peer"]["address"]


def _random_route(chance: random.Random) -> Told:
    is_v6 = chance.random() < 0.3
    return Told(
        peer=chance.choice(PEERS),
        prefix=_random_prefix(chance, is_v6=is_v6),
        path=_random_path(chance),
        next_hop=NEXT_HOPS[2] if is_v6 else chance.choice(NEXT_HOPS[:2]),
        communities=_some(chance, COMMUNITIES),
        large=_some(chance, LARGE),
        ext=_some(chance, EXT),
    )


def _random_prefix(chance: random.Random, *, is_v6: bool) -> str:
    # Few bits that differ, so that many are inside of others.
    address, first, last = (0x20010DB8 << 96, 32, 40) if is_v6 else (10 << 24, 8, 16)
    width = 128 if is_v6 else 32
    length = chance.randint(first, last)
    bits = chance.getrandbits(last - first) << (width - last)
    value = (address | bits) >> (width - length) << (width - length)
    return f"{ipaddress.IPv6Address(value) if is_v6 else ipaddress.IPv4Address(value)}/{length}"


def _random_path(chance: random.Random) -> tuple[Hop, ...]:
    path: list[Hop] = [chance.choice(ASNS) for _ in range(chance.randint(0, 5))]
    if chance.random() < 0.25:
        members = tuple(chance.sample(ASNS, chance.randint(1, 3)))
        path.insert(chance.randint(0, len(path)), members)
    return tuple(path)


def _some(chance: random.Random, values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one for one in values if chance.random() < 0.3)
