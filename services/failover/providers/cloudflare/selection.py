"""Which routes are ours, to which site each leads, and what a preference changes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from services.failover.acting.actuator import ActionError
from services.failover.policy.model import Site
from services.failover.providers.cloudflare.routes import LOWEST_PENALTY, Penalty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.failover.providers.cloudflare.routes import Route, Row

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network


class SelectionError(ActionError):
    """The selector does not find what it should: nothing is changed."""


@dataclass(frozen=True, slots=True)
class Priorities:
    """The values of the two groups: the lower one is preferred."""

    preferred: int
    """CLOUDFLARE_PRIMARY_PRIORITY."""
    other: int
    """CLOUDFLARE_SECONDARY_PRIORITY."""

    def __post_init__(self) -> None:
        if not 0 < self.preferred < self.other < LOWEST_PENALTY:
            raise ValueError(
                f"CLOUDFLARE_PRIMARY_PRIORITY ({self.preferred}) must be less than "
                f"CLOUDFLARE_SECONDARY_PRIORITY ({self.other}), and both from 1 to "
                f"{LOWEST_PENALTY - 1}: above that Cloudflare puts routes of tunnels that are down"
            )


@dataclass(frozen=True, slots=True)
class Selector:
    """What makes a route ours."""

    description_substring: str
    next_hops: Mapping[Site, Address]
    """PRIMARY_INTERNAL_IP is the local site's, SECONDARY_INTERNAL_IP the remote one's."""
    expected_routes: int | None = None
    """How many there must be; None: any number but none."""
    max_routes: int = 64

    def __post_init__(self) -> None:
        if not self.description_substring.strip():
            raise ValueError("an empty DESCRIPTION_SUBSTRING would match every route")
        if self.next_hops[Site.LOCAL] == self.next_hops[Site.REMOTE]:
            raise ValueError(
                "PRIMARY_INTERNAL_IP and SECONDARY_INTERNAL_IP are the same: "
                "routes of the two sites could not be told apart"
            )

    def matches(self, route: Route) -> bool:
        """Whether the description has the substring, in the same letters."""
        return self.description_substring in route.description

    def site(self, route: Route) -> Site | None:
        """Where a route leads; None: to neither site."""
        try:
            next_hop = ip_address(route.nexthop)
        except ValueError:
            return None
        return next((site for site in Site if self.next_hops[site] == next_hop), None)


@dataclass(frozen=True, slots=True)
class Groups:
    """Our routes by the site that they lead to: at least one to each."""

    to: Mapping[Site, tuple[Route, ...]]

    def __iter__(self) -> Iterator[tuple[Site, Route]]:
        for site in Site:
            for route in self.to[site]:
                yield site, route

    @property
    def preferred(self) -> Site | None:
        """The site all of whose routes are set lower than all of the other's."""
        return self._lower({site: [r.own_priority for r in self.to[site]] for site in Site})

    @property
    def used(self) -> Site | None:
        """The same with Cloudflare's penalties: where it sends traffic to."""
        return self._lower({site: [r.priority for r in self.to[site]] for site in Site})

    def penalty(self, site: Site) -> Penalty:
        """The worst of a site's tunnels."""
        return max(route.penalty for route in self.to[site])

    def changes(self, target: Site, priorities: Priorities) -> list[Row]:
        """The rows to write so that the target is preferred: of both groups, for one request.

        What is right already is left out, so that nothing is touched without need.
        """
        wanted = {target: priorities.preferred, target.other: priorities.other}
        return [
            route.with_priority(wanted[site])
            for site, route in self
            if route.own_priority != wanted[site]
        ]

    def after(self, target: Site, priorities: Priorities) -> Site | None:
        """Where Cloudflare would send traffic to, once the changes are made."""
        wanted = {target: priorities.preferred, target.other: priorities.other}
        return self._lower(
            {site: [wanted[site] + r.penalty for r in self.to[site]] for site in Site}
        )

    def said(self) -> str:
        """One sentence on how they stand."""
        preferred = self.preferred
        if preferred is None:
            about = "the two groups of routes are mixed, or tied"
        else:
            about = f"the routes to the {preferred.value} site are preferred"
        penalties = [
            f"tunnels to the {site.value} site are {penalty.name.lower()} for Cloudflare "
            f"(+{int(penalty):,})"
            for site in Site
            if (penalty := self.penalty(site))
        ]
        return "; ".join([about, *penalties])

    @staticmethod
    def _lower(values: Mapping[Site, list[int]]) -> Site | None:
        for site in Site:
            if max(values[site]) < min(values[site.other]):
                return site
        return None


def select(routes: Iterable[Route], selector: Selector) -> Groups:
    """Our routes; raises SelectionError, which names what does not fit."""
    matched = [route for route in routes if selector.matches(route)]
    _check_count(len(matched), selector)
    if strays := [route for route in matched if selector.site(route) is None]:
        raise SelectionError(
            f"routes match DESCRIPTION_SUBSTRING {selector.description_substring!r} but lead to "
            f"neither PRIMARY_INTERNAL_IP nor SECONDARY_INTERNAL_IP: {named(strays)}"
        )
    to = {site: tuple(r for r in matched if selector.site(r) is site) for site in Site}
    for site in Site:
        if not to[site]:
            raise SelectionError(
                f"none of the {len(matched)} matching routes leads to the {site.value} site "
                f"({selector.next_hops[site]})"
            )
    return Groups(to)


def rivals(routes: Iterable[Route], groups: Groups) -> list[Route]:
    """Routes of others that take traffic from ours, whichever site we prefer.

    The longest prefix is matched before any priority is looked at; of one prefix, a priority that
    is not above the highest of ours wins, or shares.
    """
    ours = {route.id for _, route in groups}
    highest: dict[Network, int] = {}
    for _, route in groups:
        network = ip_network(route.prefix, strict=False)
        highest[network] = max(route.own_priority, highest.get(network, 0))
    return [
        route
        for route in routes
        if route.id not in ours
        and any(_takes_from(route, network, most) for network, most in highest.items())
    ]


def _takes_from(route: Route, ours: Network, highest: int) -> bool:
    theirs = ip_network(route.prefix, strict=False)
    if theirs == ours:
        return route.own_priority <= highest
    return theirs.prefixlen > ours.prefixlen and theirs.network_address in ours


def _check_count(count: int, selector: Selector) -> None:
    matches = f"DESCRIPTION_SUBSTRING {selector.description_substring!r} matches {count} routes"
    if count == 0:
        raise SelectionError(f"{matches} of Magic Transit: is it the right account?")
    if selector.expected_routes not in (None, count):
        raise SelectionError(f"{matches}, and {selector.expected_routes} are expected")
    if count > selector.max_routes:
        raise SelectionError(f"{matches}, and at most {selector.max_routes} may be touched")


def named(routes: list[Route]) -> str:
    """The first ten, by id and in words."""
    shown = ", ".join(f"{route.id} {route}" for route in routes[:10])
    more = len(routes) - 10
    return f"{shown} and {more} more" if more > 0 else shown
