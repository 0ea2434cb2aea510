"""What GCP says of a site's backends and BGP sessions, as readings. Pure.

A thing of unknown health may be either: what is asked for is there if even without the unknown
there is enough, missing if even with all of them there is not, and otherwise nothing is known.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.failover.policy.model import Health

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.failover.providers.gcp.compute import Resource


@dataclass(frozen=True, slots=True)
class Rule:
    """How many of a number of things have to be well."""

    min_fraction: float = 0.0
    """Of all, 0 to 1."""
    min_count: int = 1

    def judge(self, count: Count) -> Health:
        """What holds of things of which so many are well, ill and unknown."""
        total = count.well + count.ill + count.unknown
        # Without the rounding 0.1 * 30 would ask for 4.
        needed = max(self.min_count, math.ceil(round(self.min_fraction * total, 6)))
        if total == 0:
            return Health.UNKNOWN
        if count.well >= needed:
            return Health.HEALTHY
        return Health.UNHEALTHY if count.well + count.unknown < needed else Health.UNKNOWN


@dataclass(frozen=True, slots=True)
class Count:
    """Things by their health."""

    well: int = 0
    ill: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, healths: Iterable[Health]) -> Count:
        """Of so many healths."""
        each = list(healths)
        return cls(
            each.count(Health.HEALTHY), each.count(Health.UNHEALTHY), each.count(Health.UNKNOWN)
        )

    def __str__(self) -> str:
        total = self.well + self.ill + self.unknown
        unknown = f", {self.unknown} not known" if self.unknown else ""
        return f"{self.well} of {total} healthy{unknown}"


# ---- backends


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one service that serve a region."""

    counted: tuple[str, ...] = ()
    """To be asked for their health, named as the service names them."""
    left_out: tuple[str, ...] = ()
    """Each with the reason, for people."""

    def __bool__(self) -> bool:
        return bool(self.counted or self.left_out)


def groups(service: Resource, region: str) -> Groups:
    """The groups of a service, global or regional, that are in a region.

    What is drained on purpose, stands by for others, or has no health checks, says nothing.
    """
    counted, left_out = [], []
    for backend in service.get("backends", []):
        group = str(backend.get("group", ""))
        if _region(group) != region:
            continue
        reason = _left_out(backend, group)
        if reason is None:
            counted.append(group)
        else:
            left_out.append(f"{group.rsplit('/', 1)[-1]} {reason}")
    return Groups(tuple(dict.fromkeys(counted)), tuple(left_out))


def _left_out(backend: Resource, group: str) -> str | None:
    if backend.get("capacityScaler") == 0:
        return "is drained (capacityScaler 0)"
    if backend.get("failover") is True:
        return "is a failover group"
    if "/regions/" in group and "/networkEndpointGroups/" in group:
        return "is a regional endpoint group, which has no health checks"
    return None


def _region(group: str) -> str | None:
    if found := re.search(r"/zones/([^/]+)-[^/-]+/", group):
        return found[1]
    found = re.search(r"/regions/([^/]+)/", group)
    return found[1] if found else None


def endpoints(answer: Resource) -> list[Health]:
    """The health of each endpoint of a group, from getHealth.

    A group of which nothing is said (no endpoints, or no results yet) is one of unknown health.
    An endpoint comes once for each forwarding rule; of two words on the same the worse counts.
    """
    found: dict[tuple[object, ...], Health] = {}
    for status in answer.get("healthStatus", []):
        key = tuple(
            status.get(name) for name in ("instance", "ipAddress", "port", "forwardingRule")
        )
        health = _health(status.get("healthState", status.get("ipv6HealthState")))
        found[key] = max(health, found.get(key, health), key=_BADNESS.index)
    return list(found.values()) or [Health.UNKNOWN]


_BADNESS = [Health.HEALTHY, Health.UNKNOWN, Health.UNHEALTHY]


def _health(state: object) -> Health:
    known = {"HEALTHY": Health.HEALTHY, "UNHEALTHY": Health.UNHEALTHY}
    return known.get(str(state), Health.UNKNOWN)


def together(services: Mapping[str, Health]) -> Health:
    """A site serves if each of its services does; one that surely does not is enough."""
    if Health.UNHEALTHY in services.values():
        return Health.UNHEALTHY
    if not services or Health.UNKNOWN in services.values():
        return Health.UNKNOWN
    return Health.HEALTHY


# ---- BGP sessions


@dataclass(frozen=True, slots=True)
class BgpRule:
    """When a site can announce."""

    sessions: Rule = field(default_factory=Rule)
    """Of the router's sessions, how many have to be up."""
    names: frozenset[str] | None = None
    """The peers that count; None: all."""
    needs_learned_routes: bool = False
    """Whether a session over which nothing is learned counts as down."""


@dataclass(frozen=True, slots=True)
class Session:
    """One BGP session of a router."""

    name: str
    health: Health
    detail: str
    uptime: int | None
    """Seconds."""


def sessions(
    status: Resource, rule: BgpRule, uptimes: Mapping[str, int | None]
) -> tuple[Session, ...]:
    """The sessions of a getRouterStatus that count; `uptimes` are those that were seen last.

    A peer that counts by name and that the router does not have is one of unknown health.
    """
    found = {str(peer.get("name")): peer for peer in status.get("bgpPeerStatus", [])}
    names = sorted(found) if rule.names is None else sorted(rule.names)
    return tuple(_session(name, found.get(name), rule, uptimes.get(name)) for name in names)


def _session(name: str, peer: Resource | None, rule: BgpRule, uptime_before: int | None) -> Session:
    if peer is None:
        return Session(name, Health.UNKNOWN, f"{name} is not there", None)
    uptime = _whole(peer.get("uptimeSeconds"))
    learned = _whole(peer.get("numLearnedRoutes"))
    state = peer.get("state") or peer.get("status") or "no state"
    said = [f"{name} {state}"]
    health = {"UP": Health.HEALTHY, "DOWN": Health.UNHEALTHY}.get(
        str(peer.get("status")), Health.UNKNOWN
    )
    if health is Health.HEALTHY:
        if uptime is not None and uptime_before is not None and uptime < uptime_before:
            health = Health.UNHEALTHY
            said.append(f"was down in between (up for {uptime} s, before for {uptime_before} s)")
        # A number that is 0 may be left out of the JSON.
        if not learned:
            said.append("no routes learned")
            health = Health.UNHEALTHY if rule.needs_learned_routes else health
    if peer.get("depreferenced") is True:
        said.append("depreferenced")
    return Session(name, health, ", ".join(said), uptime)


def _whole(value: object) -> int | None:
    """A number as GCP writes it: 64-bit ones are strings."""
    try:
        return int(str(value))
    except ValueError:
        return None
