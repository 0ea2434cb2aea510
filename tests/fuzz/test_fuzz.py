"""Every fuzz target for a while; tests/fuzz/__main__.py fuzzes for as long as one likes.

FUZZ_SECONDS is the time for all of them together, on two cores; the default is 60.
"""

from __future__ import annotations

import os
import random
import secrets

import pytest

from tests.fuzz.fuzzing import fuzz, shortened
from tests.fuzz.mutation import LONGEST, mutated
from tests.fuzz.targets import TARGETS, Target

SECONDS = float(os.environ.get("FUZZ_SECONDS", "60")) * 2 / len(TARGETS)


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_is_found_soon_breaks_a_reader(name: str) -> None:
    seed = secrets.randbelow(10**9)
    result = fuzz(TARGETS[name], SECONDS, random.Random(seed))  # noqa: S311 - no secret
    assert result.finding is None, f"{name}, seed {seed}: {result.finding.octets.hex()}\n" + (
        result.finding.problem
    )
    assert result.tried > 10


def test_a_reader_that_breaks_is_found_and_its_input_made_short() -> None:
    def fragile(data: bytes) -> str:
        if b"\xff" in data:
            raise IndexError
        return ""

    target = Target(fragile, [bytes(50)])
    found = fuzz(target, 20, random.Random(1))  # noqa: S311 - no secret
    assert found.finding is not None
    assert found.finding.octets == b"\xff"
    assert "IndexError" in found.finding.problem
    assert shortened(target, b"abc\xffdef\xff") == b"\xff"


def test_inputs_that_lead_somewhere_new_are_kept() -> None:
    target = Target(lambda data: str(len(data)), [b"abc"])
    found = fuzz(target, 0.2, random.Random(1))  # noqa: S311 - no secret
    assert found.kept > 5


def test_damage_bears_empty_samples_and_is_bounded() -> None:
    pick = random.Random(1)  # noqa: S311 - no secret
    for samples in ([b""], [bytes(5000)], [b"ab", b""]):
        assert all(len(mutated(pick, samples)) <= LONGEST for _ in range(500))
