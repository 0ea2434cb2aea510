"""The version of the installed distribution."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """The distribution's version, as `bgpilot --version` and `/version` show it."""
    return metadata.version("bgpilot")
