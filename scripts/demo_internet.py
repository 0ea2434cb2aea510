"""The small Internet of the demo capture, grown from a seed.

Nothing in it is measured. Address space is dealt out at random, in blocks with more-specifics
inside them, some of those originated by somebody else; autonomous systems hang below a dozen
large carriers. The look of a real table is kept: most prefixes are /24, some origins prepend, a
few routes end in an AS_SET.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.routers.harness.table import AsPath

Network: TypeAlias = "IPv4Network | IPv6Network"
Way: TypeAlias = tuple[int, ...]
"""AS numbers from a carrier down to an origin."""

CARRIERS = (174, 701, 1299, 2914, 3257, 3320, 3356, 3491, 5511, 6453, 6461, 6762, 6939, 12956)
WELL_KNOWN = (  # documentation space (RFC 5737, RFC 3849), to ask the demo for
    "192.0.2.0/24",
    "198.51.100.0/24",
    "198.51.100.128/25",
    "203.0.113.0/24",
    "203.0.113.64/26",
    "2001:db8::/32",
    "2001:db8:100::/40",
    "2001:db8:100:7::/64",
    "2001:db8:beef::/48",
)

_NOT_UNICAST = tuple(  # RFC 6890, and the well-known ones above
    IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/16", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
)
_REGISTRIES = tuple(  # what the regional registries allocate IPv6 from
    IPv6Network(block)
    for block in ("2400::/12", "2600::/12", "2800::/12", "2a00::/12", "2c00::/12")
)
# How many of a hundred blocks have which length.
_IPV4_LENGTHS = {12: 1, 14: 2, 16: 8, 18: 5, 19: 7, 20: 9, 21: 8, 22: 16, 23: 10, 24: 34}
_IPV6_LENGTHS = {29: 8, 32: 45, 36: 7, 40: 8, 44: 8, 48: 24}
_MORE_SPECIFICS = {0: 30, 2: 35, 6: 25, 14: 10}
_HOPS_BETWEEN = {0: 25, 1: 45, 2: 22, 3: 8}
_PREPENDED = {0: 86, 1: 7, 2: 5, 4: 2}
_WAYS = 700


@dataclass(frozen=True, slots=True)
class Origin:
    """A prefix, the carrier that has its origin as a customer, and the path below that."""

    prefix: Network
    carrier: int
    path: AsPath


def origins(random: Random, ipv4: int, ipv6: int) -> list[Origin]:
    """So many prefixes of each family, and the well-known ones; the same for the same seed."""
    ways = [_way(random) for _ in range(_WAYS)]
    well_known = [_origin(random, ip_network(p), random.choice(ways)) for p in WELL_KNOWN]
    return [
        *_take(random, ways, ipv4, _ipv4_block, 24),
        *_take(random, ways, ipv6, _ipv6_block, 48),
        *well_known,
    ]


def pick(random: Random, weights: dict[int, int]) -> int:
    """One of the keys, as often as its weight says."""
    return random.choices(list(weights), list(weights.values()))[0]


def some_asn(random: Random) -> int:
    """An AS number, one in three of them too large for 16 bits."""
    low, high = (131072, 402000) if random.random() < 0.35 else (1000, 64000)
    return random.randrange(low, high)


def _way(random: Random) -> Way:
    return (
        random.choice(CARRIERS),
        *(some_asn(random) for _ in range(pick(random, _HOPS_BETWEEN) + 1)),
    )


def _take(
    random: Random, ways: list[Way], count: int, block: Callable[[Random], Network], longest: int
) -> list[Origin]:
    found: dict[Network, Origin] = {}
    while len(found) < count:
        way = random.choice(ways)
        outer = block(random)
        found[outer] = _origin(random, outer, way)
        for inner in _inside(random, outer, longest):
            is_elsewhere = random.random() < 0.25
            below = (*way, some_asn(random)) if is_elsewhere else way
            found[inner] = _origin(random, inner, below)
    return list(found.values())[:count]


def _inside(random: Random, outer: Network, longest: int) -> Iterator[Network]:
    """More-specifics of a block, the longer ones more often."""
    if outer.prefixlen < longest:
        for _ in range(pick(random, _MORE_SPECIFICS)):
            one, other = (random.randint(outer.prefixlen + 1, longest) for _ in range(2))
            step = 1 if outer.version == 4 else 4  # IPv6 is cut at hexadecimal digits
            yield _part(random, outer, -(-max(one, other) // step) * step)


def _part(random: Random, outer: Network, length: int) -> Network:
    """Any subnet of that length."""
    free_bits = outer.max_prefixlen - length
    number = random.getrandbits(length - outer.prefixlen) if length > outer.prefixlen else 0
    return type(outer)((int(outer.network_address) + (number << free_bits), length))


def _ipv4_block(random: Random) -> IPv4Network:
    while True:
        block = IPv4Network((random.getrandbits(32), pick(random, _IPV4_LENGTHS)), strict=False)
        if not any(block.overlaps(special) for special in _NOT_UNICAST):
            return block


def _ipv6_block(random: Random) -> Network:
    return _part(random, random.choice(_REGISTRIES), pick(random, _IPV6_LENGTHS))


def _origin(random: Random, prefix: Network, way: Way) -> Origin:
    carrier, *below = way
    path: AsPath = (*below, *[below[-1]] * pick(random, _PREPENDED))
    if random.random() < 0.004:  # an aggregate of routes of two others
        path = (*path, frozenset({some_asn(random), some_asn(random)}))
    return Origin(prefix, carrier, path)
