"""GCP's services, put together: one caller for each region, with breakers of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.failover.providers.calling import Caller
from services.failover.providers.gcp.auth import Tokens
from services.failover.providers.gcp.cloud_log import ORIGIN as LOGGING
from services.failover.providers.gcp.compute import Compute
from services.failover.providers.gcp.preflight import RESOURCE_MANAGER
from services.failover.providers.gcp.provider import Gcp
from services.failover.providers.guard import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import httpx

    from services.failover.providers.gcp.auth import Fetch
    from shared.breaker import Registry

ORIGIN = "https://compute.googleapis.com"


@dataclass(frozen=True, slots=True)
class Connection:
    """What the service has of GCP."""

    compute: Compute
    permissions: Caller
    """Calls the Resource Manager, at `resource_manager`."""
    resource_manager: str
    logging: Callable[[], Caller]
    """Makes what calls Cloud Logging, at `logging_origin`."""
    logging_origin: str


def connect(
    fetch: Fetch,
    *,
    http: httpx.AsyncClient,
    clock: Callable[[], float],
    now: Callable[[], datetime],
    registry: Registry | None,
    limits: Limits | None = None,
    origin: str = ORIGIN,
) -> Connection:
    """`http` stays its owner's. An `origin` that is not GCP's stands for all of GCP's services.

    `clock` is monotonic, in seconds, and `now` the time of day.
    """
    provider = Gcp(Tokens(fetch, now))
    callers: dict[str, Caller] = {}

    def made(region: str, limits: Limits | None) -> Caller:
        return Caller(
            provider, http, region=region, limits=limits, registry=registry, now=now, clock=clock
        )

    def caller(region: str) -> Caller:
        if region not in callers:
            callers[region] = made(region, limits)
        return callers[region]

    # What waits is sent again anyway, so one attempt is enough.
    once = replace(limits or Limits(), call_seconds=5.0, attempts=1)
    return Connection(
        compute=Compute(caller, base=f"{origin.rstrip('/')}/compute/v1"),
        permissions=caller("resource-manager"),
        resource_manager=RESOURCE_MANAGER if origin == ORIGIN else f"{origin.rstrip('/')}/v1",
        logging=lambda: made("logging", once),
        logging_origin=LOGGING if origin == ORIGIN else origin,
    )
