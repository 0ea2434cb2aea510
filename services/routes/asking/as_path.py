"""AS path patterns as RIS Live has them: `789$`, `^123,456,[789,10111]$`, `!6666$`.

AS numbers with commas between, which must stand next to each other in the path; `^` before them
is the start of the path (the neighbour), `$` after them its end (the origin), `!` in front of all
turns the answer around. An AS_SET is a JSON array. It is not a regular expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Path = Sequence[int | list[int]]

Step = int | tuple[int, ...]
"""An AS number, or the numbers of an AS_SET in ascending order."""

MOST_STEPS = 255
_LARGEST = 4_294_967_295
_ASN = r"(?:AS)?[0-9]{1,10}"
_SHAPE = re.compile(
    rf"(?P<not>!?)(?P<start>\^?)(?P<steps>(?:{_ASN}|\[{_ASN}(?:,{_ASN})*\])"
    rf"(?:,(?:{_ASN}|\[{_ASN}(?:,{_ASN})*\]))*|)(?P<end>\$?)",
    re.IGNORECASE,
)
_STEP = re.compile(rf"{_ASN}|\[[^]]*\]", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class AsPathPattern:
    """A pattern that is read. `^$` has no steps, and is the empty path."""

    steps: tuple[Step, ...]
    at_start: bool = False
    at_end: bool = False
    is_negated: bool = False

    @property
    def asns(self) -> frozenset[int]:
        """Every AS number that a path must have for the pattern to be found in it."""
        singles = (one if isinstance(one, tuple) else (one,) for one in self.steps)
        return frozenset(asn for step in singles for asn in step)

    @property
    def origin(self) -> int | None:
        """The AS that the path must end in, where the pattern says nothing else."""
        if self.at_end and not self.at_start and not self.is_negated and len(self.steps) == 1:
            (only,) = self.steps
            return only if isinstance(only, int) else None
        return None

    def matches(self, path: Path) -> bool:
        """Whether this path, from the neighbour to the origin, is one of those."""
        return self._is_in(path) is not self.is_negated

    def _is_in(self, path: Path) -> bool:
        wanted, last = len(self.steps), len(path) - len(self.steps)
        if last < 0 or (self.at_start and self.at_end and last):
            return False
        first = last if self.at_end else 0
        for at in range(first, 1 if self.at_start else last + 1):
            if all(_is(self.steps[step], path[at + step]) for step in range(wanted)):
                return True
        return False

    def __str__(self) -> str:
        steps = (
            f"[{','.join(map(str, one))}]" if isinstance(one, tuple) else str(one)
            for one in self.steps
        )
        return f"{'!' * self.is_negated}{'^' * self.at_start}{','.join(steps)}{'$' * self.at_end}"


def read_as_path_pattern(text: str | int) -> AsPathPattern:
    """The pattern that is written so, or one AS number. ValueError says what is wrong with it."""
    written = str(text).replace(" ", "")
    shape = _SHAPE.fullmatch(written)
    if shape is None:
        raise ValueError(
            f"{written[:64]!r} is no AS path pattern: AS numbers with commas between, AS sets in "
            "brackets, ^ before or $ after all, ! in front, as in ^123,456,[789,10111]$"
        )
    steps = tuple(_read_step(one) for one in _STEP.findall(shape["steps"]))
    at_start, at_end = bool(shape["start"]), bool(shape["end"])
    if not steps and not (at_start and at_end):
        raise ValueError("an AS path pattern names an AS number; ^$ is the empty path")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"an AS path pattern has {MOST_STEPS} AS numbers at most")
    return AsPathPattern(steps, at_start, at_end, bool(shape["not"]))


def _read_step(written: str) -> Step:
    numbers = [int(one) for one in _NUMBER.findall(written)]
    if too_large := [one for one in numbers if one > _LARGEST]:
        raise ValueError(f"{too_large[0]} is no AS number: the largest is {_LARGEST}")
    return tuple(sorted(numbers)) if written.startswith("[") else numbers[0]


def _is(step: Step, hop: int | list[int]) -> bool:
    if isinstance(hop, int):
        return step == hop
    return isinstance(step, tuple) and step == tuple(sorted(hop))
