"""The words of a failover decision. Pure: values alone, no clock and no I/O.

There are two sites. A prefix is announced by the site that serves it (GCP Cloud Router), and the
tunnels to that site are preferred (Cloudflare Magic Transit).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Site(Enum):
    """Where traffic can go."""

    LOCAL = "local"
    REMOTE = "remote"

    @property
    def other(self) -> Site:
        """The site that is not this one."""
        return Site.REMOTE if self is Site.LOCAL else Site.LOCAL


class Health(Enum):
    """What is known of something. Unknown is not unhealthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Role(Enum):
    """What a reading is evidence of."""

    SERVICE = "service"
    """Whether what a site serves works."""
    BGP = "bgp"
    """Whether a site can announce anything."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one observer saw of one site at one time."""

    observer: str
    """`gcp_backends`, `gcp_bgp`, `bmp_peer`, `bmp_prefix`, `probe`: with a name where several."""
    site: Site
    role: Role
    health: Health
    at: datetime
    detail: str
    """One sentence for people: what was seen, or why nothing could be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all observers of one role say of one site, once smoothed and counted."""

    health: Health
    since: datetime | None
    """Since when it is so; None: never known."""
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a decision rests on."""

    at: datetime
    service: Mapping[Site, Verdict]
    bgp: Mapping[Site, Verdict]


@dataclass(frozen=True, slots=True)
class Posture:
    """How the providers stand now, as they were read last; None: could not be read."""

    at: datetime
    advertised: Mapping[Site, bool | None]
    """Whether a site's router is told to announce the prefix."""
    preferred: Site | None
    """The site whose tunnels have the lower priority value; None: neither, or not known."""
    detail: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the providers said, for the record."""

    @property
    def active(self) -> Site | None:
        """The site that serves, where that is beyond doubt: announced and preferred alone."""
        site = self.preferred
        if site is None or self.advertised[site] is not True:
            return None
        return site if self.advertised[site.other] is False else None


class StepKind(Enum):
    """What a step of a plan does, or waits for."""

    ADVERTISE = "advertise"
    """The site's router announces the prefix."""
    CONFIRM_SEEN = "confirm_seen"
    """BMP shows the prefix from the site."""
    PREFER = "prefer"
    """The site's tunnels are preferred: both groups of routes in one request."""
    WITHDRAW = "withdraw"
    """The site's router no longer announces the prefix."""
    CONFIRM_MOVED = "confirm_moved"
    """BMP shows the prefix from the site, and gone from, or less preferred at, the other."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan."""

    kind: StepKind
    site: Site
    diff: Mapping[str, object] = field(default_factory=dict)
    """What it changes, before and after."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from one posture to another. The order is the safety: make before break."""

    target: Site
    steps: tuple[Step, ...]
    reason: str
