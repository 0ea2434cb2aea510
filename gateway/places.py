"""Room for what stays open: WebSockets and streams."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from gateway import metrics
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

    from gateway.upstreams import Forward

_LATER = {"Retry-After": "5"}


class Places:
    """So many at one time, and half of them for one address, so that none takes them all."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._each = max(total // 2, 1)
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, scope: Scope, entry: Forward) -> Iterator[None]:
        """Holds a place where this entry needs one.

        Raises ProblemError: 503 where all are taken, 429 where this client has its half.
        """
        if entry.kind == "answer":
            yield
            return
        address = scope["client"][0] if scope.get("client") else ""
        self._check(address)
        self._taken[address] += 1
        try:
            with metrics.STREAMS.labels(entry.service, entry.kind).track_inprogress():
                yield
        finally:
            self._taken[address] -= 1
            self._taken += Counter()  # forgets those that have none

    def _check(self, address: str) -> None:
        if self._taken.total() >= self._total:
            detail = f"all {self._total:,} live streams are taken (GATEWAY_MAX_STREAMS)"
            raise ProblemError(503, "no-stream-left", detail, headers=_LATER)
        if self._taken[address] >= self._each:
            detail = (
                f"{address} has {self._each:,} live streams open, half of all that there can be "
                "(GATEWAY_MAX_STREAMS)"
            )
            raise ProblemError(429, "too-many-streams", detail, headers=_LATER)
