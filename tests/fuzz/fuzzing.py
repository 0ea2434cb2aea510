"""Fuzzing one target: damage samples, keep what leads somewhere new, shrink what breaks it."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, NamedTuple

from tests.fuzz.mutation import mutated

if TYPE_CHECKING:
    from random import Random

    from tests.fuzz.targets import Target

MOST_KEPT = 2000
SHRINK_SECONDS = 5.0
TRIES = 20


class Finding(NamedTuple):
    """An input that breaks a target, as short as it could be made, and how it does."""

    octets: bytes
    problem: str


class Result(NamedTuple):
    """How many inputs were tried, how many led somewhere new, and the first that broke it."""

    tried: int
    kept: int
    finding: Finding | None


def fuzz(target: Target, seconds: float, pick: Random) -> Result:
    """Ends at the first finding."""
    seen: set[str] = set()
    samples = list(target.samples)
    for sample in samples:
        seen.add(target.run(sample))
    tried = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        data = mutated(pick, samples)
        tried += 1
        started = time.perf_counter()
        try:
            signature = target.run(data)
        except Exception:  # noqa: BLE001 - any exception at all is what is looked for
            finding = Finding(shortened(target, data), traceback.format_exc())
            return Result(tried, len(samples), finding)
        if signature not in seen and len(samples) < MOST_KEPT:
            seen.add(signature)
            samples.append(data)
        if time.perf_counter() - started > most_seconds(data) and is_slow(target, data):
            problem = f"takes more than {most_seconds(data):.3f} seconds at each of {TRIES} tries"
            return Result(tried, len(samples), Finding(data, problem))
    return Result(tried, len(samples), None)


def most_seconds(data: bytes) -> float:
    """A target decodes an input several times, and turns all of it into JSON."""
    return 0.02 + len(data) * 50e-6


def is_slow(target: Target, data: bytes) -> bool:
    """Not only because the machine was busy."""
    for _ in range(TRIES):
        started = time.perf_counter()
        target.run(data)
        if time.perf_counter() - started <= most_seconds(data):
            return False
    return True


def breaks(target: Target, data: bytes) -> bool:
    try:
        target.run(data)
    except Exception:  # noqa: BLE001 - the same
        return True
    return False


def shortened(target: Target, data: bytes) -> bytes:
    """The same break with fewer octets, as far as that is found soon."""
    deadline = time.monotonic() + SHRINK_SECONDS
    size = max(1, len(data) // 2)
    while size and time.monotonic() < deadline:
        for at in range(0, len(data), size):
            shorter = data[:at] + data[at + size :]
            if breaks(target, shorter):
                data = shorter
                break
        else:
            size //= 2
    return data
