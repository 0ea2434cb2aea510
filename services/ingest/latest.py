"""What a batch leaves of each route, for the current RIB."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = bytes | int | tuple[int, bytes] | tuple[int, int]
"""The NLRI, or its number; with the path identifier before it where the RIB has them."""


class Latest:
    """The last event of each route of one RIB, and all events of those that have several.

    Events are rows of the history, which the current RIB takes as they are.
    """

    __slots__ = ("_last", "_repeated")

    def __init__(self) -> None:
        self._last: dict[Key, bytes] = {}
        self._repeated: dict[Key, list[bytes]] = {}

    def add(self, keys: list[Key], rows: list[bytes]) -> None:
        """Adds the routes of one UPDATE, in order."""
        last = self._last
        if not last.keys().isdisjoint(keys):
            for key, row in zip(keys, rows, strict=True):
                if (before := last.get(key)) is not None:
                    self._repeated.setdefault(key, [before]).append(row)
                last[key] = row
        else:
            last.update(zip(keys, rows, strict=True))

    def rows(self) -> Iterator[bytes]:
        """The last event of each route."""
        yield from self._last.values()

    def repeated(self) -> Iterator[list[bytes]]:
        """The events, in order, of each route that has more than one."""
        yield from self._repeated.values()
