"""The one form in which routes of different routers and of the API are compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tests.routers.harness.waiting import NotYetError

if TYPE_CHECKING:
    from collections.abc import Iterable

AsPath: TypeAlias = tuple["int | frozenset[int]", ...]
Table: TypeAlias = "Counter[Route]"

WELL_KNOWN_COMMUNITIES = {
    "internet": "0:0",
    "no-export": "65535:65281",
    "no-advertise": "65535:65282",
    "local-AS": "65535:65283",
    "blackhole": "65535:666",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A route as the router received it: its AS path begins with the peer's own AS.

    An AS_SET is a frozenset in the path. Communities are `asn:value` strings, sorted, well-known
    ones in numbers too. ADD-PATH identifiers are left out, because neither `gobgp -j` nor `vtysh`
    prints them; two paths to one prefix are two routes.
    """

    prefix: str
    next_hop: str
    as_path: AsPath
    origin: str = "igp"
    med: int | None = None
    communities: tuple[str, ...] = ()
    large_communities: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        return "ipv6_unicast" if ":" in self.prefix else "ipv4_unicast"


def as_path(text: str) -> AsPath:
    """Reads the usual notation: `65002 3356 {64512,64513}`."""
    return tuple(_path_element(word) for word in text.split())


def as_path_of_json(elements: Iterable[object]) -> AsPath:
    """Reads the notation of bgpilot's JSON: numbers, and a list for an AS_SET."""
    path: list[int | frozenset[int]] = []
    for element in elements:
        if isinstance(element, int):
            path.append(element)
        elif isinstance(element, list):
            path.append(frozenset(element))
        else:
            raise TypeError(f"no part of a path that a test announces: {element!r}")
    return tuple(path)


def _path_element(word: str) -> int | frozenset[int]:
    if word.startswith("{"):
        return frozenset(int(asn) for asn in word.strip("{}").split(","))
    return int(word)


def communities(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(WELL_KNOWN_COMMUNITIES.get(value, value) for value in values))


def table(routes: Iterable[Route]) -> Table:
    return Counter(routes)


def check_same(expected: Table, actual: Table, what: str) -> None:
    """Raises NotYetError with the routes that only one side has."""
    if expected == actual:
        return
    lines = [f"{what}: {expected.total()} routes expected, {actual.total()} there"]
    lines += [f"  missing    {route}" for route in _some(expected - actual)]
    lines += [f"  unexpected {route}" for route in _some(actual - expected)]
    raise NotYetError("\n".join(lines))


def _some(routes: Table, most: int = 10) -> list[str]:
    shown = [str(route) for route in sorted(routes.elements(), key=str)]
    return shown[:most] + ([f"... and {len(shown) - most} more"] if len(shown) > most else [])
