"""Times in which nothing is to be tried: days, and hours of the week. Pure.

Written with commas between them: `2026-12-24`, `2026-12-20/2027-01-03` (both days are in it), and
`Fri 16:00/Mon 08:00` (every week).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7 * 24 * 60
_MOMENT = re.compile(r"(?P<day>[a-z]{3}) (?P<hour>\d{1,2}):(?P<minute>\d{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Days:
    """From the first to the last, both included."""

    first: date
    last: date

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether any of them is between two moments of the same time zone."""
        return self.first <= end.date() and begin.date() <= self.last

    def __str__(self) -> str:
        return f"{self.first}" + (f"/{self.last}" if self.last != self.first else "")


@dataclass(frozen=True, slots=True)
class Weekly:
    """Every week, by the minute since Monday 00:00; it may reach over Sunday."""

    begin: int
    end: int

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether any of it is between two moments of the same time zone."""
        at = begin.weekday() * 1440 + begin.hour * 60 + begin.minute
        lasts = (self.end - self.begin) % _WEEK
        is_within = (at - self.begin) % _WEEK < lasts
        return is_within or (self.begin - at) % _WEEK <= (end - begin).total_seconds() / 60

    def __str__(self) -> str:
        return f"{_said(self.begin)}/{_said(self.end)}"


Window: TypeAlias = Days | Weekly


def parsed(text: str) -> tuple[Window, ...]:
    """The windows of a setting. ValueError says what to write."""
    return tuple(_window(each.strip()) for each in text.split(",") if each.strip())


def _window(text: str) -> Window:
    first, _, last = text.partition("/")
    try:
        if text[:1].isdigit():
            days = Days(date.fromisoformat(first), date.fromisoformat(last or first))
            if days.first <= days.last:
                return days
        else:
            week = Weekly(_minute(first), _minute(last))
            if week.begin != week.end:
                return week
    except ValueError:
        pass
    raise ValueError(
        f"{text!r} is no time: write 2026-12-24, 2026-12-20/2027-01-03 or Fri 16:00/Mon 08:00"
    )


def _minute(text: str) -> int:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour * 60 + minute > 1440 or minute > 59:
        raise ValueError
    return (_DAYS.index(found["day"].lower()) * 1440 + hour * 60 + minute) % _WEEK


def _said(minute: int) -> str:
    day, rest = divmod(minute, 1440)
    return f"{_DAYS[day].capitalize()} {rest // 60:02}:{rest % 60:02}"
