"""Which of the routers this machine has."""

from __future__ import annotations

import shutil

import pytest

from tests.routers.harness.frr import BGPD
from tests.routers.harness.process import SEARCH_PATH

_PACKAGES = {  # what is run, and the Debian package that brings it
    "setpriv": "util-linux",
    str(BGPD): "frr",
    "gobgpd": "gobgpd",
    "gobgp": "gobgpd",
    "exabgp": "exabgp",
}


def skip_without_routers() -> None:
    """Skips the test where this machine lacks a router, naming the package to install."""
    missing = sorted(
        {package for name, package in _PACKAGES.items() if not shutil.which(name, path=SEARCH_PATH)}
    )
    if missing:
        pytest.skip(f"needs real routers: apt-get install {' '.join(missing)}")
