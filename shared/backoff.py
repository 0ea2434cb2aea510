"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double, in seconds, with jitter: so that many do not come back in step."""

    first: float = 0.5
    longest: float = 30.0
    healthy_after: float = 60.0
    """What was well for so long starts afresh."""

    def delay(self, failures: int) -> float:
        """The wait after so many failures in a row: doubling, with up to a half more by chance."""
        doubled = self.first * 2.0 ** min(failures - 1, 20)
        jitter = random.uniform(1.0, 1.5)  # noqa: S311 - not a secret
        return min(doubled * jitter, self.longest)
