"""Families that are kept whole: what they are is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import WireError, describe_nlri, families, prefix_text
from services.ingest.wire.nlri import split_nlri
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import nlri_samples as samples

RD = "65000:1"
LEAF = n.evpn(4, n.evpn(3, n.rd(RD) + bytes(14)) + n.ip("192.0.2.1"))
INTRA_AS = n.evpn(1, n.rd(RD) + n.ip("192.0.2.1"))
NODE = n.bgp_ls(1, samples.LS_NODE)


def shown(family: int, field: bytes) -> dict[str, object]:
    (key,) = split_nlri(family, field, 0, len(field)).nlri
    return describe_nlri(family, key)


@pytest.mark.parametrize(
    ("family", "nlri", "expected"),
    [
        # RFC 4684 4, RFC 4360 4
        (families.ROUTE_TARGET, b"\0", {"prefix_length": 0}),
        (
            families.ROUTE_TARGET,
            n.route_target(96, 65000, bytes.fromhex("0002fde800000064")),
            {"prefix_length": 96, "origin_as": 65000, "route_target": "65000:100"},
        ),
        (
            families.ROUTE_TARGET,
            n.route_target(96, 65000, bytes.fromhex("0102c00002010064")),
            {"prefix_length": 96, "origin_as": 65000, "route_target": "192.0.2.1:100"},
        ),
        (
            families.ROUTE_TARGET,
            n.route_target(96, 4200000000, bytes.fromhex("0202fa56ea000064")),
            {"prefix_length": 96, "origin_as": 4200000000, "route_target": "4200000000:100"},
        ),
        (
            families.ROUTE_TARGET,
            n.route_target(96, 65000, bytes.fromhex("0602fa56ea000064")),
            {"prefix_length": 96, "origin_as": 65000, "route_target": "0602fa56ea000064"},
        ),
        (
            families.ROUTE_TARGET,
            n.route_target(48, 65000, b"\0\2"),
            {"prefix_length": 48, "origin_as": 65000, "route_target": "0002"},
        ),
        # RFC 9830 2.1
        (
            families.IPV4_SR_POLICY,
            n.sr_policy(7, 100, "192.0.2.1"),
            {"distinguisher": 7, "color": 100, "endpoint": "192.0.2.1"},
        ),
        (
            families.IPV6_SR_POLICY,
            n.sr_policy(7, 100, "2001:db8::1"),
            {"distinguisher": 7, "color": 100, "endpoint": "2001:db8::1"},
        ),
        # RFC 6514 4
        (
            families.IPV4_MVPN,
            INTRA_AS,
            {
                "route_type": 1,
                "route_type_name": "intra-AS I-PMSI A-D",
                "rd": RD,
                "nlri": INTRA_AS.hex(),
            },
        ),
        (
            families.IPV4_MVPN,
            LEAF,
            {"route_type": 4, "route_type_name": "leaf A-D", "nlri": LEAF.hex()},
        ),
        (families.IPV6_MVPN, b"\x63\1x", {"route_type": 99, "nlri": "630178"}),
        # RFC 4761 3.2.2, RFC 6074 3.2.2.1
        (
            families.VPLS,
            n.vpls(n.rd(RD) + bytes.fromhex("000300010008") + n.labels(100)),
            {
                "rd": RD,
                "ve_id": 3,
                "ve_block_offset": 1,
                "ve_block_size": 8,
                "label_base": 100,
            },
        ),
        (
            families.VPLS,
            n.vpls(n.rd(RD) + n.ip("192.0.2.1")),
            {"rd": RD, "pe_address": "192.0.2.1"},
        ),
        # RFC 9552 5.2
        (
            families.BGP_LS,
            NODE,
            {
                "nlri_type": 1,
                "nlri_type_name": "node",
                "protocol_id": 2,
                "identifier": 1,
                "nlri": NODE.hex(),
            },
        ),
        (families.BGP_LS, n.bgp_ls(900, b"x"), {"nlri_type": 900, "nlri": "0384000178"}),
    ],
)
def test_what_is_kept_whole_says_what_it_is(
    family: int, nlri: bytes, expected: dict[str, object]
) -> None:
    assert shown(family, nlri) == expected


def test_link_state_of_a_vpn_has_its_route_distinguisher() -> None:
    found = shown(families.BGP_LS_VPN, n.bgp_ls(2, n.rd(RD) + samples.LS_NODE))
    assert (found["rd"], found["nlri_type_name"], found["identifier"]) == (RD, "link", 1)


def test_what_is_no_prefix_has_its_octets_as_text() -> None:
    assert prefix_text(families.EVPN, b"\1\2") == "0102"
    assert prefix_text(families.BGP_LS, b"\1\2") == "0102"


@pytest.mark.parametrize(
    ("family", "field", "reason"),
    [
        (families.ROUTE_TARGET, bytes((104, *range(13))), "104 bits does not fit"),
        (families.ROUTE_TARGET, bytes((31, *range(4))), "31 bits does not fit"),
        (families.ROUTE_TARGET, bytes((96, 1)), "96 bits does not fit"),
        (families.IPV4_SR_POLICY, bytes((96, 1)), "NLRI runs past the NLRI field"),
        (families.IPV4_SR_POLICY, bytes((192, *range(24))), "192 bits and must be 96"),
        (families.IPV6_SR_POLICY, bytes((96, *range(12))), "96 bits and must be 192"),
        (families.IPV4_MVPN, b"\1", "NLRI runs past the NLRI field"),
        (families.IPV4_MVPN, b"\0\0", "route type 0 is reserved"),
        (families.IPV4_MVPN, b"\1\5abcde", "length 5 holds no route"),
        (families.VPLS, b"\0", "NLRI runs past the NLRI field"),
        (families.VPLS, b"\0\5abcd", "NLRI runs past the NLRI field"),
        (families.VPLS, b"\0\4abcd", "length is 4 and must be 17 or 12"),
        (families.BGP_LS, b"\0\1\0", "NLRI runs past the NLRI field"),
        (families.BGP_LS, b"\0\1\0\5abcd", "NLRI runs past the NLRI field"),
        (families.BGP_LS, b"\0\0\0\0", "NLRI type 0 is reserved"),
        (families.BGP_LS, b"\0\1\0\1x", "length 1 holds no identifier"),
        (families.BGP_LS_VPN, n.bgp_ls(900, b"x"), "NLRI holds no route distinguisher"),
    ],
)
def test_what_does_not_fit_is_a_wire_error(family: int, field: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason) as caught:
        split_nlri(family, field, 0, len(field))
    assert caught.value.offset == 0


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.ip_addresses())
def test_sr_policies_come_back_as_they_were_written(
    distinguisher: int, color: int, endpoint: object
) -> None:
    nlri = n.sr_policy(distinguisher, color, str(endpoint))
    family = families.IPV4_SR_POLICY if nlri[0] == 96 else families.IPV6_SR_POLICY
    found = shown(family, nlri)
    assert (found["distinguisher"], found["color"]) == (distinguisher, color)
    assert n.ip(str(found["endpoint"])) == n.ip(str(endpoint))


@given(st.integers(32, 96), st.integers(0, 2**32 - 1), st.binary(min_size=8, max_size=8))
def test_route_targets_are_one_key_whatever_their_spare_bits(
    bits: int, origin: int, target: bytes
) -> None:
    whole = int.from_bytes(n.route_target(96, origin, target)[1:], "big")
    tidy = whole >> (96 - bits) << (96 - bits)
    octets = tidy.to_bytes(12, "big")
    sloppy = n.route_target(bits, origin, target)
    wanted = n.route_target(bits, int.from_bytes(octets[:4], "big"), octets[4:])
    found = split_nlri(families.ROUTE_TARGET, sloppy, 0, len(sloppy))
    assert (found.nlri, found.tidy) == ([wanted], sloppy == wanted)
