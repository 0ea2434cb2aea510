"""What the sites' healths come to."""

from __future__ import annotations

from enum import Enum

from services.failover.policy.model import Health

_HEALTHY, _UNHEALTHY, _UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN


class StateCode(Enum):
    """Which sites can serve, as far as is known."""

    BOTH = "both"
    LOCAL_ONLY = "local_only"
    REMOTE_ONLY = "remote_only"
    NEITHER = "neither"
    LOCAL_WELL = "local_well"
    """The local site can; of the remote one nothing is known."""
    LOCAL_ILL = "local_ill"
    """The local site cannot; of the remote one nothing is known."""
    REMOTE_WELL = "remote_well"
    REMOTE_ILL = "remote_ill"
    BLIND = "blind"
    """Nothing is known of either."""


_CODES = {
    (_HEALTHY, _HEALTHY): StateCode.BOTH,
    (_HEALTHY, _UNHEALTHY): StateCode.LOCAL_ONLY,
    (_HEALTHY, _UNKNOWN): StateCode.LOCAL_WELL,
    (_UNHEALTHY, _HEALTHY): StateCode.REMOTE_ONLY,
    (_UNHEALTHY, _UNHEALTHY): StateCode.NEITHER,
    (_UNHEALTHY, _UNKNOWN): StateCode.LOCAL_ILL,
    (_UNKNOWN, _HEALTHY): StateCode.REMOTE_WELL,
    (_UNKNOWN, _UNHEALTHY): StateCode.REMOTE_ILL,
    (_UNKNOWN, _UNKNOWN): StateCode.BLIND,
}


def usable(service: Health, bgp: Health) -> Health:
    """Whether a site can serve: its service works and it can announce the prefix.

    One that is known to be broken settles it; otherwise both have to be known.
    """
    if _UNHEALTHY in (service, bgp):
        return _UNHEALTHY
    return _HEALTHY if service is bgp is _HEALTHY else _UNKNOWN


def determine_state_code(
    local_healthy: Health, remote_healthy: Health, remote_bgp_up: Health
) -> StateCode:
    """The state of both sites, for each of the 27 inputs; `local_healthy` is the whole of it."""
    return _CODES[local_healthy, usable(remote_healthy, remote_bgp_up)]
