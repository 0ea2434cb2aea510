"""Probes of what a site serves: over HTTP, or a TCP connection.

A server that refuses or is silent is unhealthy. Where not even the way to it can be found (its
name, a route out of this machine), nothing is known of the server.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from services.failover.policy.model import Health, Reading, Role
from shared import http

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from services.failover.policy.model import Site

_NO_WAY = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE}


class Probe:
    """Looks at one URL: `http://...`, `https://...` or `tcp://HOST:PORT`."""

    def __init__(
        self, url: str, *, site: Site, seconds: float, now: Callable[[], datetime]
    ) -> None:
        """An answer has to come within `seconds`."""
        self.name = f"probe:{url}"
        self.site = site
        self._url = url
        self._seconds = seconds
        self._now = now

    async def read(self) -> Reading:
        """See `Observer`."""
        ask = self._tcp if self._url.startswith("tcp:") else self._http
        health, detail = await self._explained(ask)
        return Reading(self.name, self.site, Role.SERVICE, health, self._now(), detail)

    async def _explained(
        self, ask: Callable[[], Awaitable[tuple[Health, str]]]
    ) -> tuple[Health, str]:
        try:
            async with asyncio.timeout(self._seconds):
                return await ask()
        except (httpx.TimeoutException, TimeoutError):
            return Health.UNHEALTHY, f"no answer within {self._seconds:g} s"
        except (httpx.TransportError, OSError) as error:
            health = Health.UNKNOWN if _no_way(error) else Health.UNHEALTHY
            return health, " ".join(str(error).split()) or type(error).__name__

    async def _http(self) -> tuple[Health, str]:
        async with (
            http.client(
                connect_timeout=self._seconds, read_timeout=self._seconds, max_connections=1
            ) as client,
            client.stream("GET", self._url) as answer,
        ):
            is_well = answer.status_code < 400
            return _health(is_well), f"status {answer.status_code}"

    async def _tcp(self) -> tuple[Health, str]:
        parts = urlsplit(self._url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.close()
        await writer.wait_closed()
        return Health.HEALTHY, "it takes connections"


def _health(is_well: bool) -> Health:
    return Health.HEALTHY if is_well else Health.UNHEALTHY


def _no_way(error: BaseException | None) -> bool:
    """Whether it, or what it comes from, says that the fault is on our side of the network."""
    while error is not None:
        if isinstance(error, socket.gaierror) or getattr(error, "errno", None) in _NO_WAY:
            return True
        error = error.__cause__ or error.__context__
    return False
