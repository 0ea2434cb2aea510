"""Cursors: what is written is read, and nothing else."""

from __future__ import annotations

import base64
import contextlib
import ipaddress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.asking.cursors import (
    AttributesKey,
    NlriKey,
    PrefixKey,
    RouteKey,
    read_cursor,
    write_cursor,
)
from shared.web.problem import ProblemError

prefixes = st.one_of(
    st.builds(
        lambda bits, length: str(ipaddress.ip_network((bits, length), strict=False)),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda bits, length: str(ipaddress.ip_network((bits, length), strict=False)),
        st.integers(2**32, 2**128 - 1),
        st.integers(0, 128),
    ),
)
ids = st.integers(0, 2**31 - 1)
path_ids = st.integers(-(2**31), 2**31 - 1)
hashes = st.integers(-(2**63), 2**63 - 1)
keys = st.one_of(
    st.builds(PrefixKey, prefixes, ids, path_ids),
    st.builds(AttributesKey, hashes, prefixes, ids, path_ids),
    st.builds(NlriKey, hashes, ids, path_ids),
)


@given(keys)
def test_a_place_that_is_written_is_read(key: RouteKey) -> None:
    assert read_cursor(write_cursor(key)) == key


@given(st.text() | st.text("abcdefABCDEF0123456789-_="))
def test_any_other_text_is_refused_and_nothing_worse(text: str) -> None:
    with contextlib.suppress(ProblemError):
        read_cursor(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)


@given(st.lists(json_values | st.sampled_from(["p", "a", "n", "10.0.0.0/8"]), max_size=6))
def test_any_json_is_read_as_a_place_or_refused(parts: list[object]) -> None:
    text = base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")
    with contextlib.suppress(ProblemError):
        assert read_cursor(write_cursor(read_cursor(text))) == read_cursor(text)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["p"],
        ["p", "10.0.0.0/8", 1],
        ["p", "10.0.0.0/8", 1, 0, 0],
        ["p", "10.0.0.1/8", 1, 0],
        ["p", "fe80::1%eth0/128", 1, 0],
        ["p", 10, 1, 0],
        ["p", "10.0.0.0/8", True, 0],
        ["p", "10.0.0.0/8", 1, 2**31],
        ["n", 2**63, 1, 0],
        ["a", 1.5, "10.0.0.0/8", 1, 0],
        [["p"], "10.0.0.0/8", 1, 0],
        ["x", 1, 1, 1],
    ],
)
def test_a_place_that_cannot_be_is_refused(parts: list[object]) -> None:
    text = base64.urlsafe_b64encode(orjson.dumps(parts)).decode()
    with pytest.raises(ProblemError) as refused:
        read_cursor(text)
    assert refused.value.errors[0].parameter == "cursor"
