"""Settings of who announces the prefix for each site: a Cloud Router, or an ExaBGP of our own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from services.failover.policy.model import Site
from services.failover.together import an_address
from shared.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = {1: 65_535, 2: 4_294_967_295}
"""By its colons, what a number of a community may be (RFC 1997; RFC 8092, section 3)."""


def a_pipe(value: str) -> str:
    """The path of both pipes, without `.in` and `.out`."""
    if not re.fullmatch(r"/\S+", value):
        raise ValueError("write a path from the root, without .in and .out: /run/exabgp/exabgp")
    return value.removesuffix(".in").removesuffix(".out")


def a_next_hop(value: str) -> str:
    """An address, or `self`."""
    return value if value == "self" else an_address(value)


def comma_communities(value: str) -> str:
    """`65000:1` and `65000:1:2` with commas, or nothing."""
    listed = [each.strip() for each in value.split(",") if each.strip()]
    for each in listed:
        numbers = each.split(":")
        most = _MOST.get(len(numbers) - 1)
        if most is None or not all(n.isdecimal() and int(n) <= most for n in numbers):
            raise ValueError(f"{each!r} is no community: write one like 65000:1 or 65000:1:2")
    return ",".join(listed)


Kind = Literal["gcp", "exabgp"]
Pipe = Annotated[str, AfterValidator(a_pipe)]
NextHop = Annotated[str, AfterValidator(a_next_hop)]
Communities = Annotated[str, AfterValidator(comma_communities)]


class AnnouncingSettings(Settings):
    """Who announces, and for an ExaBGP where its pipes are and what the route is like."""

    failover_local_announcer: Kind = "gcp"
    failover_remote_announcer: Kind = "gcp"
    failover_local_exabgp_pipe: Pipe = "/run/exabgp/exabgp"
    """Of both pipes, without `.in` and `.out`."""
    failover_remote_exabgp_pipe: Pipe = "/run/exabgp/exabgp"
    failover_local_exabgp_next_hop: NextHop = "self"
    failover_remote_exabgp_next_hop: NextHop = "self"
    failover_local_exabgp_communities: Communities = ""
    failover_remote_exabgp_communities: Communities = ""

    @property
    def announcers(self) -> Mapping[Site, Kind]:
        """Who announces for each site."""
        return {
            Site.LOCAL: self.failover_local_announcer,
            Site.REMOTE: self.failover_remote_announcer,
        }

    @property
    def exabgp_pipes(self) -> Mapping[Site, str]:
        """Where each site's ExaBGP would be."""
        return {
            Site.LOCAL: self.failover_local_exabgp_pipe,
            Site.REMOTE: self.failover_remote_exabgp_pipe,
        }

    @property
    def exabgp_next_hops(self) -> Mapping[Site, str]:
        """Of each site's route."""
        return {
            Site.LOCAL: self.failover_local_exabgp_next_hop,
            Site.REMOTE: self.failover_remote_exabgp_next_hop,
        }

    @property
    def exabgp_communities(self) -> Mapping[Site, tuple[str, ...]]:
        """Of each site's route."""
        given = {
            Site.LOCAL: self.failover_local_exabgp_communities,
            Site.REMOTE: self.failover_remote_exabgp_communities,
        }
        return {site: tuple(filter(None, value.split(","))) for site, value in given.items()}
