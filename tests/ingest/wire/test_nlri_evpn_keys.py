"""EVPN: which fields are the key of a route, and which are not."""

from __future__ import annotations

import pytest

from services.ingest.wire import describe_nlri
from services.ingest.wire.families import EVPN
from services.ingest.wire.nlri import split_nlri
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import nlri_samples as samples

RD = "192.0.2.1:65000"


def shown(nlri: bytes) -> dict[str, object]:
    found = split_nlri(EVPN, nlri, 0, len(nlri))
    assert found.details is not None
    return describe_nlri(EVPN, found.nlri[0], found.details[0])


def key(nlri: bytes) -> bytes:
    (found,) = split_nlri(EVPN, nlri, 0, len(nlri)).nlri
    return found


ESI, OTHER_ESI = samples.ESI, n.NO_ESI
HOST = "00:00:5e:00:53:01"
SAME_ROUTE = {
    "1: label": (
        n.auto_discovery(RD, ESI, 1, n.labels(1)),
        n.auto_discovery(RD, ESI, 1, bytes(3)),
    ),
    "2: ESI and labels": (
        n.mac_ip(RD, HOST, "10.0.0.1", n.vni(1) + n.vni(2), ESI),
        n.mac_ip(RD, HOST, "10.0.0.1", bytes(3), OTHER_ESI),
    ),
    "5: ESI, gateway and label": (
        n.ip_prefix(RD, "10.0.0.0/8", "192.0.2.1", n.vni(1), ESI),
        n.ip_prefix(RD, "10.0.0.0/8", "0.0.0.0", bytes(3), OTHER_ESI),  # noqa: S104 - no socket
    ),
    "6: flags": (
        n.multicast(6, RD, "*", "239.1.1.1", b"\4"),
        n.multicast(6, RD, "*", "239.1.1.1", b"\0"),
    ),
    "7: flags": (
        n.multicast(7, RD, "*", "239.1.1.1", b"\4", ESI),
        n.multicast(7, RD, "*", "239.1.1.1", b"\0", ESI),
    ),
    "8: response time and flags": (
        n.multicast(8, RD, "*", "239.1.1.1", b"\0\0\0\1\x19\4", ESI),
        n.multicast(8, RD, "*", "239.1.1.1", bytes(6), ESI),
    ),
}
OTHER_ROUTE = {
    "1: ESI": (
        n.auto_discovery(RD, ESI, 1, bytes(3)),
        n.auto_discovery(RD, OTHER_ESI, 1, bytes(3)),
    ),
    "1: tag": (n.auto_discovery(RD, ESI, 1, bytes(3)), n.auto_discovery(RD, ESI, 2, bytes(3))),
    "2: address": (n.mac_ip(RD, HOST, "10.0.0.1", n.vni(1)), n.mac_ip(RD, HOST, "", n.vni(1))),
    "2: tag": (n.mac_ip(RD, HOST, "", n.vni(1)), n.mac_ip(RD, HOST, "", n.vni(1), number=3)),
    "3: RD": (
        n.inclusive_multicast(RD, 1, "192.0.2.1"),
        n.inclusive_multicast("192.0.2.2:1", 1, "192.0.2.1"),
    ),
    "4: ESI": (n.segment(RD, ESI, "192.0.2.1"), n.segment(RD, OTHER_ESI, "192.0.2.1")),
    "5: length": (
        n.ip_prefix(RD, "10.0.0.0/8", "192.0.2.1", n.vni(1)),
        n.ip_prefix(RD, "10.0.0.0/9", "192.0.2.1", n.vni(1)),
    ),
    "6: source": (
        n.multicast(6, RD, "*", "239.1.1.1", b"\4"),
        n.multicast(6, RD, "10.0.0.1", "239.1.1.1", b"\4"),
    ),
    "7 or 8": (
        n.multicast(7, RD, "*", "239.1.1.1", b"\4", ESI),
        n.multicast(8, RD, "*", "239.1.1.1", bytes(6), ESI),
    ),
}


@pytest.mark.parametrize("case", SAME_ROUTE)
def test_what_an_rfc_leaves_out_of_the_key_does_not_make_another_route(case: str) -> None:
    """RFC 7432 7.1 and 7.2, RFC 9136 3.1, RFC 9251 9.1 to 9.3."""
    one, another = SAME_ROUTE[case]
    assert one != another
    assert key(one) == key(another)
    assert shown(one) != shown(another)


@pytest.mark.parametrize("case", OTHER_ROUTE)
def test_what_an_rfc_counts_to_the_key_makes_another_route(case: str) -> None:
    one, another = OTHER_ROUTE[case]
    assert key(one) != key(another)


def test_spare_bits_of_an_ip_prefix_never_reach_the_key() -> None:
    tidy = n.ip_prefix(RD, "10.16.0.0/12", "192.0.2.1", n.vni(1))
    place = tidy.index(bytes((12, 10, 16))) + 2
    sloppy = tidy[:place] + b"\x1f\xff\xff" + tidy[place + 3 :]
    assert key(sloppy) == key(tidy)


@pytest.mark.parametrize("kind", [1, 2, 5, 6, 7, 8])
def test_a_key_alone_tells_what_it_tells_with_its_detail_but_for_that(kind: int) -> None:
    nlri = samples.EVPN[kind]
    alone = describe_nlri(EVPN, key(nlri))
    assert alone.items() < shown(nlri).items()
