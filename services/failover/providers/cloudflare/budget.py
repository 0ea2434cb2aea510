"""How many requests Cloudflare still takes from us, by our own count and by what it says.

A token may make 1,200 requests in 5 minutes; with one more all its calls are refused for the
next 5 minutes, which would be the wrong moment to fail over. So what only watches stops while
something is left for what acts.
https://developers.cloudflare.com/fundamentals/api/reference/limits/
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from services.failover.providers.cloudflare import metrics
from services.failover.providers.faults import CallError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LIMIT = 1_200
WINDOW_SECONDS = 300.0
BLOCK_SECONDS = 300.0
"""How long all calls are refused, where a 429 does not say it itself."""
LOOK_SECONDS = 20.0
"""One look in so long is let through even when little is left: the reserve bears that, and without
it nobody would know how the routes stand when it is time to act."""

_IS_SOON = re.compile(r"\d{1,5}")
"""A time that it can mean, in seconds: it never blocks for days."""


class Purpose(Enum):
    """What a request is for."""

    WATCH = "watch"
    """It may wait for the next cycle."""
    ACT = "act"
    """A step needs it: the write, and the reads before and after."""


class HeldBackError(CallError):
    """A request was not sent, so that the limit is kept. It had no effect."""

    def __init__(self, what: str, sentence: str, wait: float) -> None:
        said = f"{sentence}; it may be sent in {math.ceil(wait)} s"
        super().__init__("Cloudflare", what, Fault.HELD_BACK, said, wait=wait)


@dataclass(frozen=True, slots=True)
class _Said:
    """What Cloudflare said of one of its limits."""

    remaining: int
    until: float
    is_low: bool


class Budget:
    """A token bucket of ours, and Cloudflare's own count beside it.

    The bucket holds half of the limit and is refilled with the other half in the window, so that
    no window of that length sees more than the limit, wherever it begins.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        limit: int = LIMIT,
        window: float = WINDOW_SECONDS,
        reserve: int = 100,
    ) -> None:
        """`clock` is monotonic, in seconds; `reserve` requests are left to what acts."""
        if not 0 <= reserve < limit // 2:
            raise ValueError(f"a reserve is from 0 to half of the limit of {limit}, not {reserve}")
        self._clock = clock
        self._capacity = limit / 2
        self._per_second = limit / 2 / window
        self._reserve = reserve
        self._low_share = reserve / limit
        self._tokens = self._capacity
        self._at = clock()
        self._blocked_until = self._at
        self._said: _Said | None = None
        self._looked_at = -math.inf

    @property
    def remaining(self) -> int:
        """Requests that may be sent at once, by our own count."""
        self._refill()
        return max(0, int(self._tokens))

    @property
    def blocked_for(self) -> float:
        """Seconds for which all calls are refused."""
        return max(0.0, self._blocked_until - self._clock())

    def check(self, purpose: Purpose, what: str) -> None:
        """Raises HeldBackError if a request must not be sent now; `what` is its name.

        What acts is held back by nothing but a block: it takes from what comes later.
        """
        if self.blocked_for:
            _hold_back(
                "blocked", what, "Cloudflare refuses all calls of this token", self.blocked_for
            )
        if purpose is Purpose.WATCH:
            now = self._clock()
            if now - self._looked_at < LOOK_SECONDS:
                self._check_low(what)
            self._looked_at = now

    def spend(self) -> None:
        """Counts a request that was sent, with or without an answer."""
        self._refill()
        self._tokens -= 1
        metrics.REMAINING.labels("us").set(max(0, int(self._tokens)))

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Takes in what an answer says of the limits."""
        now = self._clock()
        if status == 429:
            retry_after = headers.get("retry-after", "")
            seconds = float(retry_after) if _IS_SOON.fullmatch(retry_after) else BLOCK_SECONDS
            self._blocked_until = now + seconds
            metrics.BLOCKS.inc()
        policies = {name: found.get("q") for name, found in _items(headers, "ratelimit-policy")}
        limits = [
            _Said(
                remaining=found["r"],
                until=now + found.get("t", WINDOW_SECONDS),
                is_low=found["r"] <= self._low_share * (policies.get(name) or _least(policies)),
            )
            for name, found in _items(headers, "ratelimit")
            if "r" in found
        ]
        if limits:
            self._said = max(limits, key=lambda said: (said.is_low, -said.remaining))
            metrics.REMAINING.labels("cloudflare").set(self._said.remaining)

    def _check_low(self, what: str) -> None:
        self._refill()
        now = self._clock()
        next_look = self._looked_at + LOOK_SECONDS - now
        if self._tokens < self._reserve + 1:
            wait = min((self._reserve + 1 - self._tokens) / self._per_second, next_look)
            _hold_back("own count", what, "the rest of the requests is kept for writes", wait)
        said = self._said
        if said is not None and said.is_low and now < said.until:
            sentence = f"Cloudflare takes {said.remaining} more, which are kept for writes"
            wait = min(said.until - now, next_look)
            _hold_back("cloudflare's count", what, sentence, wait)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_second)
        self._at = now


def _hold_back(reason: str, what: str, sentence: str, seconds: float) -> None:
    metrics.HELD_BACK.labels(reason).inc()
    raise HeldBackError(what, sentence, seconds)


def _items(headers: Mapping[str, str], name: str) -> Iterator[tuple[str, dict[str, int]]]:
    """The members of `"default";r=50;t=30, "burst";r=9;t=5`: names and whole-number parameters."""
    for member in re.finditer(r'"([^"]*)"([^,]*)', headers.get(name, "")):
        pairs = re.findall(r";\s*(\w+)=(\d{1,9})\b", member[2])
        yield member[1], {key: int(value) for key, value in pairs}


def _least(policies: Mapping[str, int | None]) -> int:
    """The smallest quota that is told; a limit's own where its policy is not."""
    return min((quota for quota in policies.values() if quota), default=LIMIT)
