"""What a look at a provider before it matters has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_fault: bool
    """Whether it has to be put right before a failover can work."""
    detail: str
    is_warning: bool = False
    """Whether it will have to be put right before long."""
