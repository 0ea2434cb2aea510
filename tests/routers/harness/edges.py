"""The two routers that are tested, each between an ExaBGP and a GoBGP peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.routers.harness.edge import Edge
from tests.routers.harness.exabgp import ExabgpFeeder
from tests.routers.harness.frr import FrrBgpd, FrrPeer
from tests.routers.harness.gobgp import GobgpFeeder, GobgpMonitored
from tests.routers.harness.gobgp_config import GobgpPeer

if TYPE_CHECKING:
    from tests.routers.harness.lab import Lab

ASN, EXABGP_ASN, GOBGP_ASN = 64500, 65002, 4200000020

_ROUTER, _EXABGP, _GOBGP, _ABSENT = 1, 2, 3, 9  # host numbers in the lab's network


def frr(lab: Lab) -> Edge[FrrBgpd]:
    """FRR; its policy applies to the ExaBGP peer, and a third peer never connects."""
    listen, peer = _listen(lab, _ROUTER), _listen(lab, _GOBGP)
    router = FrrBgpd(
        lab.directory("frr"),
        listen=listen,
        asn=ASN,
        peers=[
            FrrPeer(lab.network.address(_EXABGP), EXABGP_ASN, policy=True),
            FrrPeer(peer[0], GOBGP_ASN, port=peer[1]),
            FrrPeer(lab.network.address(_ABSENT), 64999),
        ],
        station=lab.station,
    )
    lab.run(router)
    return Edge(router, [_exabgp(lab, listen), _gobgp(lab, peer, GobgpPeer(listen[0], ASN))])


def gobgp(lab: Lab, *, add_path: bool = False) -> Edge[GobgpMonitored]:
    """GoBGP; its policy applies to both peers. With `add_path` the GoBGP peer uses ADD-PATH."""
    families = ("ipv4-unicast",) if add_path else ()
    listen, peer = _listen(lab, _ROUTER), _listen(lab, _GOBGP)
    router = GobgpMonitored(
        lab.directory("edge"),
        listen=listen,
        api_port=lab.network.free_port(_ROUTER),
        asn=ASN,
        peers=[
            GobgpPeer(lab.network.address(_EXABGP), EXABGP_ASN),
            GobgpPeer(peer[0], GOBGP_ASN, port=peer[1], add_path=families),
        ],
        station=lab.station,
    )
    lab.run(router)
    towards = GobgpPeer(listen[0], ASN, add_path=families)
    return Edge(router, [_exabgp(lab, listen), _gobgp(lab, peer, towards)])


def _listen(lab: Lab, host: int) -> tuple[str, int]:
    return lab.network.address(host), lab.network.free_port(host)


def _exabgp(lab: Lab, router: tuple[str, int]) -> ExabgpFeeder:
    feeder = ExabgpFeeder(
        lab.directory("exabgp"),
        address=lab.network.address(_EXABGP),
        asn=EXABGP_ASN,
        router=router,
        peer_asn=ASN,
    )
    return lab.run(feeder)


def _gobgp(lab: Lab, listen: tuple[str, int], router: GobgpPeer) -> GobgpFeeder:
    feeder = GobgpFeeder(
        lab.directory("gobgp"),
        listen=listen,
        api_port=lab.network.free_port(_GOBGP),
        asn=GOBGP_ASN,
        router=router,
    )
    return lab.run(feeder)
