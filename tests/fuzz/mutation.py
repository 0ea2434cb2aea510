"""Damage of the kinds that find bugs in parsers of lengths, types and nested parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

LONGEST = 4096
_TELLING = (0, 1, 2, 3, 4, 7, 8, 15, 16, 24, 25, 32, 33, 64, 96, 127, 128, 129, 192, 240, 254, 255)


def mutated(pick: Random, samples: Sequence[bytes]) -> bytes:
    """One of the samples after one to eight changes; at most LONGEST octets."""
    data = pick.choice(samples)
    for _ in range(pick.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        data = pick.choice(_CHANGES)(pick, data, samples)
    return data[:LONGEST]


def _place(pick: Random, data: bytes) -> int:
    return pick.randrange(len(data)) if data else 0


def _flip(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    at = _place(pick, data)
    return data[:at] + bytes((data[at] ^ 1 << pick.randrange(8),)) + data[at + 1 :] if data else b""


def _set(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    at = _place(pick, data)
    return data[:at] + bytes((pick.choice(_TELLING),)) + data[at + 1 :]


def _count(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    """A length that is off by a little."""
    at = _place(pick, data)
    value = (data[at] if data else 0) + pick.choice((-3, -2, -1, 1, 2, 3))
    return data[:at] + bytes((value & 0xFF,)) + data[at + 1 :]


def _set_wide(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    at = _place(pick, data)
    size = pick.choice((2, 4))
    value = pick.choice((0, 1, len(data), len(data) - at, 2 ** (8 * size) - 1, pick.getrandbits(8)))
    return data[:at] + (value % 2 ** (8 * size)).to_bytes(size, "big") + data[at + size :]


def _insert(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    at = _place(pick, data)
    return data[:at] + pick.randbytes(pick.choice((1, 1, 2, 3, 4, 8, 17))) + data[at:]


def _remove(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    at = _place(pick, data)
    return data[:at] + data[at + pick.choice((1, 1, 2, 3, 4, 8, 17)) :]


def _cut(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    return data[: _place(pick, data)]


def _repeat(pick: Random, data: bytes, _samples: Sequence[bytes]) -> bytes:
    at, size = _place(pick, data), pick.randrange(1, 40)
    return data[:at] + data[at : at + size] * pick.choice((2, 2, 3, 20)) + data[at + size :]


def _splice(pick: Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    """The start of one sample and the end of another."""
    other = pick.choice(samples)
    return data[: _place(pick, data)] + other[_place(pick, other) :]


def _graft(pick: Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    """Another sample, or a part of it, in the middle."""
    other = pick.choice(samples)
    start, at = _place(pick, other), _place(pick, data)
    return data[:at] + other[start : start + pick.randrange(1, 60)] + data[at:]


_CHANGES: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip,
    _set,
    _set,
    _count,
    _count,
    _set_wide,
    _insert,
    _remove,
    _cut,
    _repeat,
    _splice,
    _graft,
)
