"""One stage for all tests of a module; each begins and ends with one site that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.failover.end_to_end.stage import Stage, staged
from tests.routers.harness.installed import skip_without_routers
from tests.routers.harness.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_STAGE = pytest.StashKey[Stage]()
_TOLD = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture(scope="package")
def running(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """It takes some seconds to start, so there is one for all tests."""
    skip_without_routers()
    lab = Lab(tmp_path_factory.mktemp("stage"))
    try:
        with staged(lab, postgres_dsn) as stage:
            yield stage
    finally:
        lab.stop()


@pytest.fixture
def stage(running: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """It is at rest, and after the test the prefix has never been withdrawn everywhere."""
    request.node.stash[_STAGE] = running
    running.settle()
    yield running
    request.node.stash[_TOLD] = running.told_in_full()  # it may be gone when that is reported
    running.check_always_reachable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what happened to the report of a test that failed."""
    report = yield
    if report.failed and _STAGE in item.stash:
        told = item.stash.get(_TOLD, None)
        report.sections += item.stash[_STAGE].told_in_full() if told is None else told
    return report
