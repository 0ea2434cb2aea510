"""AS path patterns: what they match, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routes.asking.as_path import MOST_STEPS, AsPathPattern, read_as_path_pattern

PATH: list[int | list[int]] = [123, 456, 6666, [789, 10111]]


@pytest.mark.parametrize(
    ("pattern", "path", "is_matching"),
    [
        ("456", PATH, True),
        (456, PATH, True),
        ("AS456", PATH, True),
        ("45", PATH, False),
        ("123,456", PATH, True),
        ("123,6666", PATH, False),
        ("^123", PATH, True),
        ("^456", PATH, False),
        ("456$", PATH, False),
        ("[789,10111]$", PATH, True),
        ("[10111,789]$", PATH, True),
        ("789", PATH, False),
        ("[789]", PATH, False),
        ("^123,456,6666,[789,10111]$", PATH, True),
        ("^123,456$", PATH, False),
        ("!6666$", PATH, True),
        ("!6666", PATH, False),
        ("!^123", PATH, False),
        ("^$", PATH, False),
        ("^$", [], True),
        ("!^$", PATH, True),
        ("1", [], False),
        ("!1", [], True),
        ("1,1", [2, 1, 1], True),
        ("^1,1", [1, 2, 1, 1], False),
        ("4294967295$", [4294967295], True),
    ],
)
def test_a_pattern_matches(
    pattern: str | int, path: list[int | list[int]], is_matching: bool
) -> None:
    assert read_as_path_pattern(pattern).matches(path) is is_matching


@pytest.mark.parametrize(
    "text",
    ["", "^", "$", "!", "1..2", "1.*", "(1|2)", "1,,2", "1,", "[1", "[]", "[[1]]", "-1", "1$2",
     "!!1", "^^1", "4294967296", "[1,99999999999]", "x" * 10_000, "¹"],
)  # fmt: skip
def test_what_is_no_pattern_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="AS") as refused:
        read_as_path_pattern(text)
    assert len(str(refused.value)) < 300


def test_a_pattern_is_not_endless() -> None:
    assert len(read_as_path_pattern(",".join(["1"] * MOST_STEPS)).steps) == MOST_STEPS
    with pytest.raises(ValueError, match="at most"):
        read_as_path_pattern(",".join(["1"] * (MOST_STEPS + 1)))


def test_a_pattern_says_what_a_path_must_have() -> None:
    assert read_as_path_pattern("^1,2,[4,3]").asns == {1, 2, 3, 4}
    assert read_as_path_pattern("65000$").origin == 65000
    for other in ("65000", "1,65000$", "!65000$", "^65000$", "[65000]$", "^$"):
        assert read_as_path_pattern(other).origin is None


ASNS = st.integers(min_value=0, max_value=4)
HOPS = st.one_of(ASNS, st.lists(ASNS, min_size=1, max_size=2, unique=True).map(sorted))


@given(
    steps=st.lists(HOPS, min_size=1, max_size=3),
    path=st.lists(HOPS, max_size=6),
    start=st.booleans(),
    end=st.booleans(),
    negated=st.booleans(),
)
def test_a_pattern_matches_as_its_text_does(
    steps: list[int | list[int]],
    path: list[int | list[int]],
    start: bool,
    end: bool,
    negated: bool,
) -> None:
    pattern = AsPathPattern(
        tuple(tuple(one) if isinstance(one, list) else one for one in steps), start, end, negated
    )
    # The words of a path between commas: the pattern is looked for among them as text.
    words = [str(one).replace(" ", "") for one in steps]
    text = "".join(f";{str(one).replace(' ', '')}" for one in path)
    expression = "".join(f";{re.escape(one)}" for one in words)
    found = re.search(f"{'^' * start}{expression}{'$' if end else '(?=;|$)'}", text)
    assert pattern.matches(path) is ((found is not None) is not negated)
    assert read_as_path_pattern(str(pattern)) == pattern
