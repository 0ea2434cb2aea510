"""Labeled unicast and VPN routes: the labels are beside the key, never in it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import StreamDecoder, WireError, describe_nlri, families, prefix_text
from services.ingest.wire.nlri import split_add_path_nlri, split_nlri
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import octets as o
from tests.ingest.wire.decoding import update_of

LABELED = {4: families.IPV4_LABELED_UNICAST, 6: families.IPV6_LABELED_UNICAST}
VPN = {4: families.VPNV4, 6: families.VPNV6}
ADDRESSES = {4: st.ip_addresses(v=4), 6: st.ip_addresses(v=6)}
MULTICAST_VPN = {4: families.VPNV4_MULTICAST, 6: families.VPNV6_MULTICAST}


def shown(family: int, field: bytes) -> list[dict[str, object]]:
    found = split_nlri(family, field, 0, len(field))
    details = found.details or [b""] * len(found.nlri)
    return [describe_nlri(family, *both) for both in zip(found.nlri, details, strict=True)]


@pytest.mark.parametrize(
    ("family", "field", "expected"),
    [
        # GoBGP 3.10
        (
            families.IPV4_LABELED_UNICAST,
            "28 000641 0a28",
            {"prefix": "10.40.0.0/16", "labels": [100]},
        ),
        (
            families.IPV4_LABELED_UNICAST,
            "58 000640 000c80 0012c1 0a28",
            {"prefix": "10.40.0.0/16", "labels": [100, 200, 300]},
        ),
        (
            families.VPNV4,
            "70 0000a1 0000006400000064 0a1e02",
            {"rd": "100:100", "prefix": "10.30.2.0/24", "labels": [10]},
        ),
        (
            families.VPNV6,
            "88 0000b1 0000006400000064 20010db80030",
            {"rd": "100:100", "prefix": "2001:db8:30::/48", "labels": [11]},
        ),
        # Huawei VRP 8.24
        (
            families.IPV4_LABELED_UNICAST,
            "38 05e031 5a000001",
            {"prefix": "90.0.0.1/32", "labels": [24067]},
        ),
        # RFC 4364 4.2: the three types of a route distinguisher
        (
            families.VPNV4,
            "58 000011 0001c00002010007",
            {"rd": "192.0.2.1:7", "prefix": "0.0.0.0/0", "labels": [1]},
        ),
        (
            families.VPNV4,
            "59 000011 0002fa56ea000007 80",
            {"rd": "4200000000:7", "prefix": "128.0.0.0/1", "labels": [1]},
        ),
        # RFC 9252 4: an SRv6 function in place of a label has no bottom bit
        (
            families.VPNV4,
            "70 e00540 0000fbf400000001 0a0001",
            {"rd": "64500:1", "prefix": "10.0.1.0/24", "labels": [917588]},
        ),
        # RFC 6514 10: a multicast VPN has no labels
        (
            families.VPNV4_MULTICAST,
            "58 0000006400000064 0a1e02",
            {"rd": "100:100", "prefix": "10.30.2.0/24"},
        ),
    ],
)
def test_real_and_written_routes_are_shown(
    family: int, field: str, expected: dict[str, object]
) -> None:
    assert shown(family, bytes.fromhex(field)) == [expected]


@pytest.mark.parametrize("stack", [n.labels(100), n.labels(100, 200), n.WITHDRAWN, bytes(3)])
@pytest.mark.parametrize("prefix", ["10.30.2.0/24", "0.0.0.0/0", "10.30.2.1/32"])
def test_the_key_is_the_same_under_every_label(prefix: str, stack: bytes) -> None:
    plain = n.labeled(prefix, stack)
    found = split_nlri(families.IPV4_LABELED_UNICAST, plain, 0, len(plain))
    assert (found.nlri, found.details) == ([o.prefix(prefix)], [stack])
    private = n.vpn("65000:1", prefix, stack)
    found = split_nlri(families.VPNV4, private, 0, len(private))
    assert (found.nlri, found.details) == ([n.rd("65000:1") + o.prefix(prefix)], [stack])


def test_a_withdrawal_names_the_route_that_was_announced() -> None:
    decoder = StreamDecoder()
    announced = n.vpn("65000:1", "10.30.2.0/24", n.labels(24))
    reach = o.mp_reach(families.VPNV4, bytes(8) + n.ip("192.0.2.9"), announced)
    first = update_of(o.route_monitoring(o.update(o.ORIGIN + o.AS_PATH + reach)), decoder)
    withdrawn = n.vpn("65000:1", "10.30.2.0/24", n.WITHDRAWN)
    gone = o.update(o.mp_unreach(families.VPNV4, withdrawn))
    second = update_of(o.route_monitoring(gone), decoder)
    assert first.announced[0].nlri == second.withdrawn[0].nlri


def test_spare_bits_of_a_labeled_prefix_never_reach_the_key() -> None:
    field = bytes((24 + 20,)) + n.labels(100) + bytes((198, 51, 0xFF))
    found = split_nlri(families.IPV4_LABELED_UNICAST, field, 0, len(field))
    assert (found.nlri, found.tidy) == ([bytes((20, 198, 51, 0xF0))], False)
    tidy = n.labeled("198.51.240.0/20", n.labels(100))
    assert split_nlri(families.IPV4_LABELED_UNICAST, tidy, 0, len(tidy)).tidy


def test_a_key_alone_tells_the_route_without_its_labels() -> None:
    key = n.rd("65000:1") + o.prefix("10.0.0.0/8")
    assert describe_nlri(families.VPNV4, key) == {"rd": "65000:1", "prefix": "10.0.0.0/8"}
    assert prefix_text(families.VPNV4, key) == "65000:1:10.0.0.0/8"
    assert prefix_text(families.IPV4_LABELED_UNICAST, o.prefix("10.0.0.0/8")) == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("family", "field", "reason"),
    [
        (families.VPNV4, bytes((24, 0, 0, 1)), "24 bits hold no label and route distinguisher"),
        (families.VPNV4, bytes((121, 0, 0, 0x11, *range(13))), "prefix length 33 is above 32"),
        (families.VPNV4, bytes((112, 0, 0, 0x11)), "NLRI of 112 bits runs past its field"),
        (families.IPV4_LABELED_UNICAST, bytes((16, 0, 0)), "16 bits hold no label"),
        (families.IPV4_LABELED_UNICAST, bytes((57, 0, 0, 0x11, *range(5))), "length 33 is above"),
        (families.IPV4_LABELED_UNICAST, b"\0", "0 bits hold no label"),
        (families.IPV6_LABELED_UNICAST, bytes((153, 0, 0, 0x11, *range(17))), "129 is above 128"),
        (families.VPNV4_MULTICAST, bytes((32, 10, 0, 0, 0)), "hold no route distinguisher"),
        (families.VPNV6_MULTICAST, bytes((200,)), "NLRI of 200 bits runs past its field"),
    ],
)
def test_what_does_not_fit_is_a_wire_error(family: int, field: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason) as caught:
        split_nlri(family, field, 0, len(field))
    assert caught.value.offset == 0


def compared(family: int, field: bytes) -> list[dict[str, object]]:
    """The same, with prefixes as this Python writes them: 3.13 knows IPv4-mapped addresses."""
    return [
        {**route, "prefix": str(ipaddress.ip_network(str(route["prefix"])))}
        for route in shown(family, field)
    ]


@given(st.data())
def test_labeled_and_vpn_routes_come_back_as_they_were_written(data: st.DataObject) -> None:
    version = data.draw(st.sampled_from((4, 6)))
    networks = st.builds(
        lambda address, bits: str(ipaddress.ip_network((address, bits), strict=False)),
        ADDRESSES[version],
        st.integers(0, 32 if version == 4 else 128),
    )
    numbers = st.integers(0, 2**32 - 1)
    short = st.integers(0, 65535)
    distinguishers = st.one_of(
        st.builds("{}:{}".format, short, numbers),
        st.builds("{}:{}".format, st.ip_addresses(v=4), short),
        st.builds("{}:{}".format, st.integers(65536, 2**32 - 1), short),
    )
    # A distinguisher takes the room of the labels that an NLRI of 255 bits has no place for.
    # 0x800000 and 0x000000 end a stack, as in a withdrawal.
    labels = st.integers(1, 2**20 - 1).filter(lambda label: label != 1 << 19)
    stacks = st.lists(labels, min_size=1, max_size=2 if version == 6 else 5)
    routes = data.draw(st.lists(st.tuples(distinguishers, networks, stacks), max_size=8))
    path_ids = list(range(1, len(routes) + 1))

    plain = [n.labeled(prefix, n.labels(*stack)) for _, prefix, stack in routes]
    assert compared(LABELED[version], b"".join(plain)) == [
        {"prefix": str(prefix), "labels": stack} for _, prefix, stack in routes
    ]
    private = [n.vpn(rd, prefix, n.labels(*stack)) for rd, prefix, stack in routes]
    assert compared(VPN[version], b"".join(private)) == [
        {"rd": rd, "prefix": str(prefix), "labels": stack} for rd, prefix, stack in routes
    ]
    field = b"".join(map(o.path_id, path_ids, private))
    found = split_add_path_nlri(VPN[version], field, 0, len(field))
    assert found.path_ids == path_ids
    assert found.nlri == [n.rd(rd) + o.prefix(prefix) for rd, prefix, _ in routes]
    bare = [n.vpn(rd, prefix, b"") for rd, prefix, _ in routes]
    assert compared(MULTICAST_VPN[version], b"".join(bare)) == [
        {"rd": rd, "prefix": str(prefix)} for rd, prefix, _ in routes
    ]
