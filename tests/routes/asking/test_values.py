"""Values of parameters: what is meant is read, and a wrong one is answered with a right one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.asking import values
from shared.web.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

READERS: dict[str, Callable[[str], object]] = {
    "community": values.read_community,
    "large_community": values.read_large_community,
    "ext_community": values.read_ext_community,
    "rd": values.read_rd,
    "mac": values.read_mac,
    "route_type": values.read_route_type,
    "rib": values.read_view,
    "family": values.read_family,
}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("community", "65000:100", 65000 << 16 | 100),
        ("community", "NO_EXPORT", 0xFFFFFF01),
        ("community", "blackhole", 0xFFFF029A),
        ("large_community", "65000:01:2", "65000:1:2"),
        ("large_community", "4294967295:0:0", "4294967295:0:0"),
        ("ext_community", "rt:65000:1", "rt:65000:1"),
        ("rd", "65000:100", "65000:100"),
        ("rd", "192.0.2.1:7", "192.0.2.1:7"),
        ("mac", "02:00:5E:00:53:01", "02:00:5e:00:53:01"),
        ("mac", "0200.5e00.5301", "02:00:5e:00:53:01"),
        ("mac", "02005e005301", "02:00:5e:00:53:01"),
        ("route_type", "2", 2),
    ],
)
def test_a_value_is_read(name: str, text: str, wanted: object) -> None:
    assert READERS[name](text) == wanted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("community", "65000"),
        ("community", "65536:1"),
        ("community", "65000:100:1"),
        ("large_community", "1:2"),
        ("large_community", "1:2:4294967296"),
        ("ext_community", "rt:é"),
        ("ext_community", ""),
        ("rd", "65000"),
        ("rd", "192.0.2.999:1"),
        ("mac", "02:00:5e"),
        ("mac", "gg:00:5e:00:53:01"),
        ("route_type", "256"),
        ("route_type", "two"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_parameter(name: str, text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        READERS[name](text)
    assert refused.value.status == 422
    assert refused.value.errors[0].parameter == name


@pytest.mark.parametrize("name", READERS)
@given(text=st.text() | st.text("0123456789:.-abcdefrt"))
def test_no_text_does_worse_than_being_refused(name: str, text: str) -> None:
    with contextlib.suppress(ProblemError):
        READERS[name](text)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_community_is_read_as_answers_write_it(high: int, low: int) -> None:
    assert values.read_community(f"{high}:{low}") == high << 16 | low
