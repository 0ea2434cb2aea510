"""What is to be known about a moment that is asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.contracts.envelope import rfc3339

if TYPE_CHECKING:
    from services.routes.store.past import Reach

# A batch waits for a second at most, and is written in less.
_SETTLING = timedelta(seconds=5)


def cautions(reach: Reach, moment: datetime) -> list[str]:
    """Why the answer about this moment may not be all that was, or will not stay."""
    sentence = _caution(reach, moment, datetime.now(UTC))
    return [] if sentence is None else [sentence]


def _caution(reach: Reach, moment: datetime, now: datetime) -> str | None:
    shown = rfc3339(moment)
    if reach.known_from is None:
        return f"nothing is known of {shown}: no router was heard of yet"
    if moment < reach.known_from:
        first = rfc3339(reach.known_from)
        return f"nothing is known of {shown}: the first router was heard of at {first}"
    if reach.kept_from is not None and moment < reach.kept_from:
        return (
            f"history from before {rfc3339(reach.kept_from)} is no longer kept (ROUTE_RETENTION): "
            "of what has changed since, nothing is told here"
        )
    if moment > min(reach.written_until, now - _SETTLING):
        return (
            f"not all that had arrived by {shown} may be written yet; in a few seconds the answer "
            "is final"
        )
    return None
