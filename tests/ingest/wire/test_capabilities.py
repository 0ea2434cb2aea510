"""Capabilities of an OPEN: octets and what they say."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire.capabilities import describe_capability
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import described, message, real_capture

KNOWN = [
    (1, "00010001", {"name": "multiprotocol", "family": "ipv4_unicast"}),
    (1, "00190046", {"name": "multiprotocol", "family": "evpn"}),
    (2, "", {"name": "route refresh"}),
    (
        3,
        "0001000102 4003 8002",
        {
            "name": "outbound route filtering",
            "filters": [{"family": "ipv4_unicast", "types": {"64": "send/receive", "128": "send"}}],
        },
    ),
    (
        5,
        "000100010002 000100800002",
        {
            "name": "extended next hop encoding",
            "families": [
                {"family": "ipv4_unicast", "next_hop_afi": 2},
                {"family": "vpnv4", "next_hop_afi": 2},
            ],
        },
    ),
    (6, "", {"name": "extended message"}),
    (7, "080002", {"name": "BGPsec", "version": 0, "direction": "send", "afi": 2}),
    (
        8,
        "00010403",
        {
            "name": "multiple labels",
            "families": [{"family": "ipv4_labeled_unicast", "labels": 3}],
        },
    ),
    (9, "03", {"name": "role", "role": "customer"}),
    (9, "63", {"name": "role", "role": 99}),
    (
        64,
        "c078 00010180 00020100",
        {
            "name": "graceful restart",
            "restarting": True,
            "notification": True,
            "restart_time": 120,
            "families": [
                {"family": "ipv4_unicast", "state_preserved": True},
                {"family": "ipv6_unicast", "state_preserved": False},
            ],
        },
    ),
    (65, "fbf00017", {"name": "4-octet AS number", "asn": 4226809879}),
    (69, "00010103", {"name": "ADD-PATH", "families": {"ipv4_unicast": "send/receive"}}),
    (70, "", {"name": "enhanced route refresh"}),
    (
        71,
        "00010180 015180",
        {
            "name": "long-lived graceful restart",
            "families": [
                {"family": "ipv4_unicast", "state_preserved": True, "stale_time": 86400}
            ],
        },
    ),
    (71, "", {"name": "long-lived graceful restart", "families": []}),
    (73, "056564676531 036c6162", {"name": "FQDN", "host": "edge1", "domain": "lab"}),
    (75, "0546525220 39", {"name": "software version", "version": "FRR 9"}),
    (74, "", {"name": "BFD strict mode"}),
    (76, "0001010000", {"name": "paths limit", "families": {"ipv4_unicast": 0}}),  # FRR 10.8
    (76, "", {"name": "paths limit", "families": {}}),
    (77, "", {"name": "link-local next hop"}),
    (128, "", {"name": "route refresh (Cisco)"}),
    (67, "01", {"name": "dynamic capability", "value": "01"}),
    (250, "abcd", {"value": "abcd"}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "value", "shown"), KNOWN)
def test_a_capability_is_shown_by_its_parts(
    code: int, value: str, shown: dict[str, object]
) -> None:
    assert describe_capability(code, bytes.fromhex(value)) == {"code": code, **shown}


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (1, "0001"),
        (2, "00"),
        (3, "0001000102 40"),
        (5, "0001000100"),
        (7, "0800"),
        (9, ""),
        (64, "c0"),
        (64, "c078 000101"),
        (65, "00"),
        (69, "000101"),
        (71, "000101800151"),
        (73, ""),
        (73, "09 6564"),
        (73, "026564"),
        (75, "09 6564"),
        (76, "00010100"),
    ],
)
def test_a_capability_that_does_not_fit_shows_its_octets(code: int, value: str) -> None:
    shown = describe_capability(code, bytes.fromhex(value))
    assert shown["value"] == bytes.fromhex(value).hex()
    assert shown["error"]


@given(st.integers(0, 255), st.binary(max_size=255))
def test_any_octets_of_a_capability_can_be_shown(code: int, value: bytes) -> None:
    assert describe_capability(code, value)["code"] == code


@pytest.mark.parametrize("named", [2, 255, 7])
def test_long_parameters_are_told_by_their_first_type(named: int) -> None:
    """RFC 9072 2: the length octet before it says nothing, so long as it is not zero."""
    name = b"\xff" * 120
    every = o.capability(65, struct.pack(">I", 70000)) + o.capability(
        73, bytes((120,)) + name + b"\0"
    )
    every += o.capability(99, bytes(200))
    parameter = b"\2" + struct.pack(">H", len(every)) + every
    head = struct.pack(">BHH4sB", 4, 23456, 90, o.BGP_ID, named)
    found = message(
        o.peer_up(received=o.bgp(1, head + b"\xff" + struct.pack(">H", len(parameter)) + parameter))
    )
    assert found.error is None
    assert [one.code for one in found.received_open.capabilities] == [65, 73, 99]
    assert found.received_open.asn == 70000


def test_unknown_parameters_of_an_open_are_passed_over() -> None:
    parameters = b"\1\3abc" + b"\2\6" + o.capability(65, struct.pack(">I", 70000))
    head = struct.pack(">BHH4sB", 4, 23456, 90, o.BGP_ID, len(parameters))
    found = message(o.peer_up(received=o.bgp(1, head + parameters)))
    assert found.error is None
    assert found.received_open.asn == 70000


def test_the_capabilities_of_real_routers_all_fit() -> None:
    for name in ("lab/frr-8.4.4-adjin-v4v6.bmp", "multi-vendor/203.0.113.81.50731.bmp.xz"):
        shown = [line for line in described(real_capture(name)) if line["type"] == "peer up"]
        assert shown
        assert "'error'" not in str(shown)
