"""Fixtures for tests that run real routers on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.routers.harness import edges
from tests.routers.harness.installed import skip_without_routers
from tests.routers.harness.lab import Lab
from tests.routers.harness.station import Station

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from tests.routers.harness.edge import Edge
    from tests.routers.harness.frr import FrrBgpd
    from tests.routers.harness.gobgp import GobgpMonitored

_LAB = pytest.StashKey[Lab]()


@pytest.fixture(scope="session")
def real_routers() -> None:
    """Skips the test where this machine lacks a router, naming the package to install."""
    skip_without_routers()


@pytest.fixture
def lab(real_routers: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Where a test runs its routers; everything is stopped after it."""
    lab = Lab(tmp_path)
    request.node.stash[_LAB] = lab
    try:
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def station(lab: Lab, database_url: str) -> Iterator[Station]:
    """A freshly started station with an empty database."""
    try:
        yield lab.run(Station(lab.directory("station"), lab.station, database_url))
    finally:
        lab.stop()  # before the database goes


@pytest.fixture
def frr_edge(lab: Lab) -> Edge[FrrBgpd]:
    """FRR; its policy applies to the first of its peers."""
    return edges.frr(lab)


@pytest.fixture
def gobgp_edge(lab: Lab) -> Edge[GobgpMonitored]:
    """GoBGP; its policy applies to both its peers."""
    return edges.gobgp(lab)


@pytest.fixture
def add_path_edge(lab: Lab) -> Edge[GobgpMonitored]:
    """GoBGP, whose second peer may send it several paths to a prefix."""
    return edges.gobgp(lab, add_path=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the processes said to the report of a test that failed."""
    report = yield
    if report.failed and _LAB in item.stash:
        report.sections += [
            (f"output of {name}", text) for name, text in item.stash[_LAB].outputs()
        ]
    return report
