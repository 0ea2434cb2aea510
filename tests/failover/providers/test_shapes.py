"""What is said of an answer that has another shape."""

from __future__ import annotations

import pytest

from services.failover.providers.shapes import Fields, Shape, misfit

PEERS = Fields({"peers": [Fields({"name": str, "up": bool, "routes": int}, needs=("name",))]})


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        ({"peers": [{"name": "a", "up": True, "other": None}]}, PEERS, None),
        ({}, PEERS, None),
        ({"peers": []}, PEERS, None),
        (None, PEERS, "the answer is None, and not an object"),
        ({"peers": {}}, PEERS, "peers is {}, and not a list"),
        ({"peers": [{"name": "a"}, {}]}, PEERS, "peers[1] has no name"),
        ({"peers": [{"name": None}]}, PEERS, "peers[0].name is None, and not text"),
        ({"peers": [{"name": "a", "up": 1}]}, PEERS, "peers[0].up is 1, and not true or false"),
        (
            {"peers": [{"name": "a", "routes": True}]},
            PEERS,
            "peers[0].routes is True, and not a whole number",
        ),
        (7, (str, int), None),
        (["x" * 100], [int], f"[0] is '{'x' * 59}..., and not a whole number"),
    ],
)
def test_the_first_thing_that_does_not_fit_is_named(
    value: object, shape: Shape, said: str | None
) -> None:
    assert misfit(value, shape) == said
