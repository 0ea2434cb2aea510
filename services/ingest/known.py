"""What a writer remembers to have stored, so that it need not say it again."""

from __future__ import annotations

from services.ingest.rows.fields import NULL, date

_US_OF_A_DAY = 86_400_000_000


class Known:
    """A bounded set of numbers, twice `limit` at most. It starts anew each day (UTC).

    To forget one costs a row that the store throws away. To start anew is what keeps the store's
    `last_used` true.
    """

    __slots__ = ("_day", "_limit", "_newer", "_older", "today")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._newer: set[int] = set()
        self._older: set[int] = set()
        self._day = 0
        self.today = NULL
        """The field of the day of the last `is_new`."""

    def is_new(self, number: int, time_us: int) -> bool:
        """Whether it is not known; it is from now on. `time_us` is now, since 1970."""
        if (day := time_us // _US_OF_A_DAY) != self._day:
            self._day, self._newer, self._older = day, set(), set()
            self.today = date(time_us)
        if number in self._newer:
            return False
        is_new = number not in self._older
        self._newer.add(number)
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, set()
        return is_new
