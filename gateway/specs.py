"""The services' own API descriptions: fetched when asked for, kept for when they are away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import httpx
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.upstreams import Upstream

log = structlog.get_logger(__name__)

# A service that is starting should not stay missing from the page for a whole minute.
_RETRY_SECONDS = 2.0

State = Literal["current", "stale", "unreachable", "disabled"]


@dataclass(frozen=True, slots=True)
class Spec:
    """What is known of one service's API: `stale` has an older document, the last two have none."""

    state: State
    document: Mapping[str, Any] = field(default_factory=dict)
    fetched_at: datetime | None = None
    fault: str | None = None


class SpecBook:
    """Holds one Spec for each service, refreshed when older than `max_age` seconds."""

    def __init__(
        self,
        services: Mapping[str, Upstream],
        *,
        max_age: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._max_age = max_age
        self._monotonic = monotonic
        self._specs = {name: Spec("disabled") for name in services}
        self._due = dict.fromkeys(services, float("-inf"))
        self._locks = {name: asyncio.Lock() for name in services}

    async def read(self) -> Mapping[str, Spec]:
        """All of them, after those that are due have been fetched side by side."""
        enabled = [upstream for upstream in self._services.values() if upstream.enabled]
        await asyncio.gather(*(self._refresh(upstream) for upstream in enabled))
        return dict(self._specs)

    async def _refresh(self, upstream: Upstream) -> None:
        name = upstream.name
        async with self._locks[name]:
            if self._monotonic() < self._due[name]:
                return
            try:
                document = await _fetch(upstream)
            except (httpx.HTTPError, ValueError) as error:
                self._specs[name] = self._without_answer(name, error)
                pause = min(_RETRY_SECONDS, self._max_age)
            else:
                self._specs[name] = Spec("current", document, datetime.now(UTC))
                pause = self._max_age
            self._due[name] = self._monotonic() + pause

    def _without_answer(self, name: str, error: Exception) -> Spec:
        last = self._specs[name]
        fault = f"{type(error).__name__}: {error}".rstrip(": ")
        log.warning("no api description", upstream=name, error=fault)
        state: State = "stale" if last.document else "unreachable"
        return Spec(state, last.document, last.fetched_at, fault)


async def _fetch(upstream: Upstream) -> Mapping[str, Any]:
    response = await upstream.probe("/openapi.json")
    response.raise_for_status()
    document = response.json()
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.1"):
        raise ValueError("/openapi.json does not hold an OpenAPI 3.1 description")
    return document
