"""Fixtures for tests that run real routers on loopback."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.routers.harness.edge import Edge
from tests.routers.harness.exabgp import ExabgpFeeder
from tests.routers.harness.frr import BGPD, FrrBgpd, FrrPeer
from tests.routers.harness.gobgp import GobgpFeeder, GobgpMonitored
from tests.routers.harness.gobgp_config import GobgpPeer
from tests.routers.harness.lab import Lab
from tests.routers.harness.station import Station

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

ASN, EXABGP_ASN, GOBGP_ASN = 64500, 65002, 4200000020

_LAB = pytest.StashKey[Lab]()
_NEEDED = {  # what is run, and the Debian package that brings it
    "setpriv": "util-linux",
    str(BGPD): "frr",
    "gobgpd": "gobgpd",
    "gobgp": "gobgpd",
    "exabgp": "exabgp",
}


@pytest.fixture(scope="session")
def real_routers() -> None:
    """Skips the test where this machine lacks a router, naming the package to install."""
    missing = sorted({package for name, package in _NEEDED.items() if not shutil.which(name)})
    if missing:
        pytest.skip(f"needs real routers: apt-get install {' '.join(missing)}")


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
    """FRR, which connects to a GoBGP peer, and whose policy applies to an ExaBGP peer."""
    net = lab.network
    listen, peer = (net.address(1), net.free_port(1)), (net.address(3), net.free_port(3))
    router = FrrBgpd(
        lab.directory("frr"),
        listen=listen,
        asn=ASN,
        peers=[
            FrrPeer(net.address(2), EXABGP_ASN, policy=True),
            FrrPeer(peer[0], GOBGP_ASN, port=peer[1]),
            FrrPeer(net.address(9), 64999),  # which never connects
        ],
        station=lab.station,
    )
    gobgp = GobgpFeeder(
        lab.directory("gobgp"),
        listen=peer,
        api_port=net.free_port(3),
        asn=GOBGP_ASN,
        router=GobgpPeer(listen[0], ASN),
    )
    return Edge(lab.run(router), [lab.run(exabgp(lab, listen)), lab.run(gobgp)])


@pytest.fixture
def gobgp_edge(lab: Lab) -> Edge[GobgpMonitored]:
    """GoBGP, whose policy applies to both its peers."""
    net = lab.network
    listen, peer = (net.address(1), net.free_port(1)), (net.address(3), net.free_port(3))
    router = GobgpMonitored(
        lab.directory("edge"),
        listen=listen,
        api_port=net.free_port(1),
        asn=ASN,
        peers=[
            GobgpPeer(net.address(2), EXABGP_ASN),
            GobgpPeer(peer[0], GOBGP_ASN, port=peer[1], add_path=True),
        ],
        station=lab.station,
    )
    gobgp = GobgpFeeder(
        lab.directory("gobgp"),
        listen=peer,
        api_port=net.free_port(3),
        asn=GOBGP_ASN,
        router=GobgpPeer(listen[0], ASN, add_path=True),
    )
    return Edge(lab.run(router), [lab.run(exabgp(lab, listen)), lab.run(gobgp)])


def exabgp(lab: Lab, router: tuple[str, int]) -> ExabgpFeeder:
    """The ExaBGP peer of either edge."""
    return ExabgpFeeder(
        lab.directory("exabgp"),
        address=lab.network.address(2),
        asn=EXABGP_ASN,
        router=router,
        peer_asn=ASN,
    )


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
