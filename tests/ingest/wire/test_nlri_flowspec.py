"""FlowSpec: every component as readable match text, and filters that are none."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.wire import WireError, describe_nlri, families
from services.ingest.wire.nlri import split_nlri
from tests.ingest.wire import nlri_octets as n
from tests.ingest.wire import nlri_samples as samples

IPV4, IPV6 = families.IPV4_FLOWSPEC, families.IPV6_FLOWSPEC
VPNV4, VPNV6 = families.VPNV4_FLOWSPEC, families.VPNV6_FLOWSPEC


WEB = "protocol =6 and destination-port =80 or =443"


def shown(family: int, field: bytes) -> dict[str, object]:
    (key,) = split_nlri(family, field, 0, len(field)).nlri
    return describe_nlri(family, key)


def match(family: int, field: bytes) -> object:
    return shown(family, field)["match"]


@pytest.mark.parametrize(
    ("family", "field", "expected"),
    [
        # RFC 8955 4.3
        (
            IPV4,
            "0b 01 18c00002 03 8106 04 8119",
            "destination 192.0.2.0/24 and protocol =6 and port =25",
        ),
        (
            IPV4,
            "12 01 18c00002 02 18cb0071 04 0389 458b 911f90",
            "destination 192.0.2.0/24 and source 203.0.113.0/24 and port >=137&<=139 or =8080",
        ),
        (
            IPV4,
            "09 01 20c0000201 0c 8005",
            "destination 192.0.2.1/32 and fragment dont-fragment+first-fragment",
        ),
        # RFC 8956 3.8
        (
            IPV6,
            "12 01 200020010db8 02 6840123456789a 03 8106",
            "destination 2001:db8::/32 and source ::1234:5678:9a00:0/64-104 and protocol =6",
        ),
        (
            IPV6,
            "0f 01 200020010db8 02 68412468acf134",
            "destination 2001:db8::/32 and source ::1234:5678:9a00:0/65-104",
        ),
        # GoBGP 3.10
        (
            IPV4,
            "13 01180a0000 0218140000 038106 05 0150 9101bb",
            f"destination 10.0.0.0/24 and source 20.0.0.0/24 and {WEB}",
        ),
        (
            IPV6,
            "0e 01 4000 20010db800500000 03 8111",
            "destination 2001:db8:50::/64 and protocol =17",
        ),
    ],
)
def test_the_filters_of_the_rfcs_and_of_a_router(family: int, field: str, expected: str) -> None:
    assert match(family, bytes.fromhex(field)) == expected


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (n.flow_prefix(1, "0.0.0.0/0"), "destination 0.0.0.0/0"),
        (n.flow_prefix(2, "10.128.0.0/9"), "source 10.128.0.0/9"),
        (n.operators(3, (1, 6), (1, 17)), "protocol =6 or =17"),
        (n.operators(4, (2, 1024), (0x44, 65535)), "port >1024&<65535"),
        (n.operators(5, (6, 22)), "destination-port !=22"),
        (n.operators(6, (3, 0), (0x45, 1023)), "source-port >=0&<=1023"),
        (n.operators(7, (1, 8)), "icmp-type =8"),
        (n.operators(8, (0, 0), (7, 0)), "icmp-code false or true"),
        (n.operators(9, (0, 2)), "tcp-flags syn"),
        (n.operators(9, (1, 0x12), (0x43, 4)), "tcp-flags =syn+ack&!=rst"),
        (n.operators(9, (2, 0xFFF)), "tcp-flags !fin+syn+rst+psh+ack+urg+ece+cwr+0xf00"),
        (n.operators(9, (1, 0)), "tcp-flags =0x0"),
        (n.operators(10, (2, 2**32)), "packet-length >4294967296"),
        (n.operators(11, (1, 46)), "dscp =46"),
        (n.operators(12, (1, 0xF)), "fragment =" + "+".join(samples.FRAGMENT)),
    ],
)
def test_every_component_has_its_words(component: bytes, expected: str) -> None:
    assert match(IPV4, n.flowspec(component)) == expected


def test_the_first_operator_has_nothing_to_be_joined_with() -> None:
    """RFC 8955 4.2.1.1: its and bit is to be ignored."""
    assert match(IPV4, n.flowspec(n.operators(4, (0x41, 80), (0x41, 81)))) == "port =80&=81"


def test_a_filter_has_its_components_one_by_one_as_well() -> None:
    assert shown(IPV6, samples.FLOW6)["components"] == [
        {"type": 1, "name": "destination", "match": "0:0:50::/32-63"},
        {"type": 2, "name": "source", "match": "2001:db8::/33"},
        {"type": 12, "name": "fragment", "match": "is-fragment"},
        {"type": 13, "name": "flow-label", "match": "=703710"},
    ]


def test_a_filter_in_a_vpn_has_its_route_distinguisher() -> None:
    head = n.rd("65000:1")
    for family, prefix in ((VPNV4, "10.0.0.0/8"), (VPNV6, "2001:db8::/32")):
        found = shown(family, n.flowspec(n.flow_prefix(1, prefix), distinguisher=head))
        assert (found["rd"], found["match"]) == ("65000:1", f"destination {prefix}")


def test_a_length_of_two_octets_is_read_whatever_it_says() -> None:
    """RFC 8955 4.1: below 240 one octet is enough, and the key is the same."""
    assert samples.LONG_FLOW[0] == 0xF1
    assert str(match(IPV4, samples.LONG_FLOW)).count("=") == 100
    short = n.flowspec(n.operators(11, (1, 46)))
    wide = b"\xf0" + short
    assert split_nlri(IPV4, wide, 0, len(wide)).nlri == split_nlri(IPV4, short, 0, len(short)).nlri


@pytest.mark.parametrize(
    ("family", "tidy", "sloppy"),
    [
        (IPV4, "04 01 0c0a10", "04 01 0c0a1f"),
        (IPV4, "07 01 0c0a10 03 8106", "07 01 0c0a1f 03 8106"),
        (IPV6, "08 01 2100 20010db880", "08 01 2100 20010db8ff"),
        (IPV6, "04 02 4841 2a", "04 02 4841 2b"),
    ],
)
def test_spare_bits_of_a_prefix_never_reach_the_key(family: int, tidy: str, sloppy: str) -> None:
    one, another = (
        split_nlri(family, bytes.fromhex(field), 0, len(bytes.fromhex(field))).nlri
        for field in (tidy, sloppy)
    )
    assert one == another


@pytest.mark.parametrize(
    ("family", "field", "reason"),
    [
        (IPV4, b"\5abcd", "NLRI runs past the NLRI field"),
        (IPV4, b"\xf1", "NLRI runs past the NLRI field"),
        (IPV4, b"\0", "filter has no component"),
        (VPNV4, b"\x08" + bytes(8), "filter has no component"),
        (IPV4, b"\2\0\0", "type 0 is not allowed"),
        (IPV4, n.flowspec(n.operators(13, (1, 1))), "type 13 is not allowed"),
        (IPV6, n.flowspec(n.operators(14, (1, 1))), "type 14 is not allowed"),
        (
            IPV4,
            n.flowspec(n.operators(4, (1, 1)), n.operators(3, (1, 6))),
            "component type 3 after 4 is not allowed",
        ),
        (
            IPV4,
            n.flowspec(n.operators(4, (1, 1)), n.operators(4, (1, 6))),
            "component type 4 after 4 is not allowed",
        ),
        (IPV4, b"\1\1", "in destination: prefix runs past the filter"),
        (IPV4, b"\2\1\x20", "in destination: prefix runs past the filter"),
        (IPV4, bytes.fromhex("0701210a00000000"), "in destination: prefix length 33 is above 32"),
        (IPV6, b"\2\1\x20", "in destination: prefix runs past the filter"),
        (IPV6, bytes.fromhex("03014040"), "offset 64 is not below the length 64"),
        (IPV6, bytes.fromhex("0302 0001"), "offset 1 is not below the length 0"),
        (IPV4, b"\1\3", "in protocol: list of operators has no end in the filter"),
        (IPV4, b"\3\3\1\6", "in protocol: list of operators has no end in the filter"),
        (IPV4, b"\3\4\x91\6", "in port: list of operators has no end in the filter"),
    ],
)
def test_what_is_no_filter_is_a_wire_error(family: int, field: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        split_nlri(family, field, 0, len(field))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "field",
    [
        "1b 0100000000180a0000 020000000018140000 038106 05 0150 9101bb",
        "1b 01180a0000 050150 9101bb 180a0000 020000000018140000 038106",
    ],
)
def test_a_filter_that_gobgp_garbled_is_no_other_filter(field: str) -> None:
    """GoBGP 3.10 with ADD-PATH on IPv4 unicast: path identifiers inside prefixes."""
    with pytest.raises(WireError, match="is not allowed"):
        split_nlri(IPV4, bytes.fromhex(field), 0, 28)


def test_the_offset_prefixes_of_gobgp_are_not_those_of_the_rfc() -> None:
    """GoBGP 3.10 writes the octets before the offset too; RFC 8956 3.1 leaves them out."""
    field = bytes.fromhex("16 014020 20010db800500000 022800 20010db800 038111")
    with pytest.raises(WireError, match="component type 0 after 1 is not allowed"):
        split_nlri(IPV6, field, 0, len(field))


COMPARISONS = {1: "=", 2: ">", 3: ">=", 4: "<", 5: "<=", 6: "!="}
LISTS = st.lists(
    st.tuples(st.sampled_from(sorted(COMPARISONS)), st.booleans(), st.integers(0, 2**64 - 1)),
    min_size=1,
    max_size=6,
)
PORTS = {4: "port", 5: "destination-port", 6: "source-port", 10: "packet-length"}


@given(st.dictionaries(st.sampled_from(sorted(PORTS)), LISTS, min_size=1))
def test_numeric_lists_come_back_as_they_were_written(
    lists: dict[int, list[tuple[int, bool, int]]],
) -> None:
    components, words = [], []
    for kind, terms in sorted(lists.items()):
        pairs = [(operator | both << 6, value) for operator, both, value in terms]
        components.append(n.operators(kind, *pairs))
        text = "".join(
            ("&" if both else " or ") + f"{COMPARISONS[operator]}{value}"
            for operator, both, value in terms
        )
        words.append(f"{PORTS[kind]} {text.removeprefix('&').removeprefix(' or ')}")
    assert match(IPV4, n.flowspec(*components)) == " and ".join(words)


@given(st.ip_addresses(v=6), st.integers(1, 128), st.data())
def test_ipv6_prefixes_with_an_offset_come_back_as_they_were_written(
    address: ipaddress.IPv6Address, bits: int, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(1, bits))
    keep = (1 << 128) - 1 >> offset
    network = ipaddress.IPv6Network((int(address) & keep, bits), strict=False)
    field = n.flowspec(n.flow_prefix(1, str(network), offset % bits))
    text = str(match(IPV6, field)).removeprefix("destination ")
    shown_address, _, rest = text.partition("/")
    assert ipaddress.ip_address(shown_address) == network.network_address
    assert rest == (f"{offset}-{bits}" if offset % bits else str(bits))
