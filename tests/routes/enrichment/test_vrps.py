"""The JSON of relying parties."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.enrichment.errors import FileError
from services.routes.enrichment.vrps import read_vrps

NOW = 1_790_000_000.0
EXPIRES = 1_800_000_000
NOT_A_VRP: list[Any] = [
    {"asn": 64496, "maxLength": 24},
    {"prefix": "192.0.2.0/24", "maxLength": 24},
    {"asn": 64496, "prefix": "192.0.2.0", "maxLength": 24},
    {"asn": 64496, "prefix": "192.0.2.0/33", "maxLength": 33},
    {"asn": 64496, "prefix": "192.0.2.0/-1", "maxLength": 24},
    {"asn": 64496, "prefix": "192.0.2.1/24", "maxLength": 24},
    {"asn": 64496, "prefix": "192.0.2/24", "maxLength": 24},
    {"asn": 64496, "prefix": "2001:db8::/32", "maxLength": 129},
    {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 23},
    {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": "24"},
    {"asn": 64496, "prefix": ["192.0.2.0/24"], "maxLength": 24},
    {"asn": -1, "prefix": "192.0.2.0/24", "maxLength": 24},
    {"asn": 2**32, "prefix": "192.0.2.0/24", "maxLength": 24},
    {"asn": "ASx", "prefix": "192.0.2.0/24", "maxLength": 24},
    {"asn": None, "prefix": "192.0.2.0/24", "maxLength": 24},
    {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 24, "expires": "soon"},
    "192.0.2.0/24",
    ["192.0.2.0/24"],
    None,
    7,
]


def written(*roas: Any) -> bytes:
    return json.dumps({"metadata": {}, "roas": roas}).encode()


RPKI_CLIENT = {
    "metadata": {"buildmachine": "rp", "buildtime": "2026-11-21T09:00:00Z", "vrps": 2},
    "roas": [
        {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "a", "expires": EXPIRES},
        {"asn": 64496, "prefix": "2001:db8::/32", "maxLength": 48, "ta": "a", "expires": EXPIRES},
    ],
    "bgpsec_keys": [],
    "provider_authorizations": {"ipv4": [], "ipv6": []},
}
ROUTINATOR = {
    "metadata": {"generated": 1_790_000_000, "generatedTime": "2026-09-21T15:33:20Z"},
    "roas": [
        {"asn": "AS64496", "prefix": "192.0.2.0/24", "maxLength": 24, "ta": "a"},
        {"asn": "AS64496", "prefix": "2001:db8::/32", "maxLength": 48, "ta": "a"},
    ],
    "routerKeys": [],
    "aspas": [{"customer": "AS64496", "providers": ["AS64511"], "ta": "a"}],
}
ROUTINATOR_EXTENDED = {
    "metadata": {"generated": 1_790_000_000},
    "roas": [
        {
            "asn": "AS64496",
            "prefix": prefix,
            "maxLength": longest,
            "source": [
                {
                    "type": "roa",
                    "tal": "a",
                    "uri": "rsync://rpki.example/a.roa",
                    "validity": {
                        "notBefore": "2026-01-01T00:00:00Z",
                        "notAfter": "2027-01-01T00:00:00Z",
                    },
                }
            ],
        }
        for prefix, longest in (("192.0.2.0/24", 24), ("2001:db8::/32", 48))
    ],
}
STAYRTR = {
    "metadata": {"counts": 2, "buildtime": "2026-11-21T09:00:00Z"},
    "roas": [
        {"prefix": "192.0.2.0/24", "maxLength": 24, "asn": 64496, "ta": "a"},
        {"prefix": "2001:db8::/32", "maxLength": 48, "asn": "64496", "ta": "a"},
    ],
}


@pytest.mark.parametrize(
    "document",
    [RPKI_CLIENT, ROUTINATOR, ROUTINATOR_EXTENDED, STAYRTR],
    ids=["rpki-client", "routinator-json", "routinator-jsonext", "stayrtr"],
)
def test_every_relying_partys_json_is_read(document: Any) -> None:
    vrps = read_vrps(json.dumps(document).encode(), NOW)
    assert len(vrps) == 2
    assert vrps.state("192.0.2.0/24", 64496, NOW) == "valid"
    assert vrps.state("192.0.2.0/25", 64496, NOW) == "invalid"
    assert vrps.state("2001:db8:1::/48", 64496, NOW) == "valid"


def test_without_a_max_length_the_prefix_alone_may_be_announced() -> None:
    vrps = read_vrps(written({"asn": 64496, "prefix": "192.0.2.0/24"}), NOW)
    assert vrps.state("192.0.2.0/24", 64496, NOW) == "valid"
    assert vrps.state("192.0.2.0/25", 64496, NOW) == "invalid"


def test_a_vrp_that_has_expired_is_left_out() -> None:
    gone = {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 24, "expires": int(NOW) - 1}
    here = {"asn": 64496, "prefix": "198.51.100.0/24", "maxLength": 24}
    vrps = read_vrps(written(gone, here), NOW)
    assert len(vrps) == 1
    assert vrps.state("192.0.2.0/24", 64496, NOW) == "not_found"


@pytest.mark.parametrize("entry", NOT_A_VRP, ids=repr)
def test_one_entry_that_makes_no_sense_condemns_the_file_and_is_named(entry: Any) -> None:
    good = {"asn": 64496, "prefix": "192.0.2.0/24", "maxLength": 24}
    with pytest.raises(FileError, match=re.escape("roas[1] ")):
        read_vrps(written(good, entry), NOW)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "it is no JSON"),
        (b"\x00\xff", "it is no JSON"),
        (b"[]", 'no list "roas"'),
        (b'{"metadata": {}}', 'no list "roas"'),
        (b'{"roas": {}}', 'no list "roas"'),
        (b'{"roas": []}', "it has no VRPs"),
        (
            written({"asn": 1, "prefix": "192.0.2.0/24", "expires": 5}),
            "all of its 1 VRPs have expired",
        ),
    ],
)
def test_what_is_no_such_file_is_said(data: bytes, fault: str) -> None:
    with pytest.raises(FileError, match=fault):
        read_vrps(data, NOW)


def test_a_file_that_is_cut_off_anywhere_is_refused() -> None:
    data = json.dumps(RPKI_CLIENT).encode()
    for length in range(len(data)):
        with pytest.raises(FileError):
            read_vrps(data[:length], NOW)


@given(st.binary(max_size=200))
def test_no_octets_bring_about_another_error(data: bytes) -> None:
    with pytest.raises(FileError):
        read_vrps(data, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
PREFIXES = st.sampled_from(["192.0.2.0/24", "::/0", "::/٣", "/", "1/1", "0.0.0.0/999999999999"])


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={"asn": JSON, "prefix": PREFIXES | JSON, "maxLength": JSON, "expires": JSON},
        )
    )
)
def test_no_json_brings_about_another_error(roas: list[Any]) -> None:
    try:
        vrps = read_vrps(json.dumps({"roas": roas}).encode(), NOW)
    except FileError:
        return
    assert 0 < len(vrps) <= len(roas)
