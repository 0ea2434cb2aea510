"""Every family that GoBGP can send: its own decoder and ours agree, field by field."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest

from services.ingest.wire import RibView
from tests.routers.harness.gobgp import GobgpFeeder, GobgpMonitored
from tests.routers.harness.gobgp_config import GobgpPeer
from tests.routers.harness.injected import routes
from tests.routers.harness.recorder import Recorder
from tests.routers.harness.told import FAMILIES, Told, plain_of_gobgp
from tests.routers.harness.waiting import NotYetError, eventually

if TYPE_CHECKING:
    from tests.routers.harness.lab import Lab

ASN, FEEDER_ASN = 64500, 4200000020
WITH_ADD_PATH = ("ipv6", "ipv4-mpls", "ipv6-mpls", "vpnv4", "vpnv6", "evpn")
"""GoBGP 3.10 writes FlowSpec wrongly where it uses ADD-PATH for it or for IPv4 unicast."""


class Bench(NamedTuple):
    """A monitored GoBGP, the peer that feeds it, and what it says over BMP."""

    router: GobgpMonitored
    feeder: GobgpFeeder
    recorder: Recorder
    told: Told

    def check_agreed(self, family: str) -> None:
        """Raises NotYetError unless router and BMP have the same routes, in every view."""
        self.told.feed(self.recorder.read())
        code = FAMILIES[family][0]
        received = self.router.paths(self.feeder.address, family)
        best = self.router.best_paths(family)
        for view, paths in (
            (RibView.ADJ_RIB_IN_PRE, received),
            (RibView.ADJ_RIB_IN_POST, received),
            (RibView.LOC_RIB, best),
        ):
            wanted = {plain_of_gobgp(family, path) for path in paths}
            found = self.told.routes(view, code)
            if wanted != found:
                raise NotYetError(
                    f"{family} in {view.label}: gobgp alone has {sorted(wanted - found)},"
                    f" BMP alone has {sorted(found - wanted)}"
                )


def bench(lab: Lab, families: tuple[str, ...], *, add_path: bool) -> Bench:
    """All of it, the session up and every view known to the recorder from its beginning."""
    names = tuple(FAMILIES[family][1] for family in families)
    several = names if add_path else ()
    listen, speak = ((lab.network.address(host), lab.network.free_port(host)) for host in (1, 2))
    recorder = lab.run(Recorder(lab.station))
    router = GobgpMonitored(
        lab.directory("edge"),
        listen=listen,
        api_port=lab.network.free_port(1),
        asn=ASN,
        peers=[GobgpPeer(speak[0], FEEDER_ASN, speak[1], several, names)],
        station=lab.station,
    )
    lab.run(router)
    feeder = GobgpFeeder(
        lab.directory("feeder"),
        listen=speak,
        api_port=lab.network.free_port(2),
        asn=FEEDER_ASN,
        router=GobgpPeer(listen[0], ASN, 0, several, names),
    )
    lab.run(feeder)
    found = Bench(router, feeder, recorder, Told())
    eventually(partial(router.check_established, speak[0]))
    return found


@pytest.fixture
def every_family(lab: Lab) -> Bench:
    return bench(lab, tuple(FAMILIES), add_path=False)


@pytest.fixture
def several_paths(lab: Lab) -> Bench:
    return bench(lab, WITH_ADD_PATH, add_path=True)


def test_gobgp_and_we_read_the_same_in_every_field_of_every_family(every_family: Bench) -> None:
    injected = {family: routes(family) for family in FAMILIES}
    assert sum(map(len, injected.values())) >= 200
    for family, words in injected.items():
        for route in words:
            every_family.feeder.inject(family, *route)
    for family, words in injected.items():
        eventually(partial(every_family.check_agreed, family))
        code = FAMILIES[family][0]
        assert len(every_family.told.routes(RibView.ADJ_RIB_IN_PRE, code)) == len(words)
    assert every_family.told.malformed == []


def test_a_route_is_the_same_route_under_another_label_segment_or_gateway(
    every_family: Bench,
) -> None:
    for family in FAMILIES:
        for route in (*routes(family), *routes(family, generation=1)):
            every_family.feeder.inject(family, *route)
        for route in routes(family)[::2]:
            every_family.feeder.take_back(family, *route)
    for family in FAMILIES:
        eventually(partial(every_family.check_agreed, family))
        left = len(routes(family)[1::2])
        found = every_family.told.routes(RibView.ADJ_RIB_IN_PRE, FAMILIES[family][0])
        assert len(found) == left
    assert every_family.told.malformed == []


def test_path_identifiers_are_told_apart_in_every_family_that_has_them(
    several_paths: Bench,
) -> None:
    for family in WITH_ADD_PATH:
        for route in routes(family):
            several_paths.feeder.inject(family, *route)
        for route in routes(family)[::2]:
            several_paths.feeder.take_back(family, *route)
    for family in WITH_ADD_PATH:
        eventually(partial(several_paths.check_agreed, family))
        code = FAMILIES[family][0]
        assert -1 not in several_paths.told.path_ids(RibView.ADJ_RIB_IN_PRE, code)
        assert several_paths.told.path_ids(RibView.LOC_RIB, code) == {-1}
    assert several_paths.told.malformed == []
