"""How old things may grow, as settings say it: `5y`, `6mo`, `26w`, `180d`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"([1-9][0-9]{0,4})(y|mo|w|d)")
_IN_ITS_UNIT = {"y": (12, 0), "mo": (1, 0), "w": (0, 7), "d": (0, 1)}


@dataclass(frozen=True, slots=True)
class Age:
    """Months of the calendar and days, as PostgreSQL's `make_interval` takes them."""

    text: str
    months: int
    days: int

    def __str__(self) -> str:
        return self.text


def age(text: str | Age) -> Age:
    """ValueError for what is no whole number of years, months, weeks or days, or is none."""
    if isinstance(text, Age):
        return text
    if (match := _FORM.fullmatch(text.strip())) is None:
        raise ValueError(
            f"'{text}' is no age: it is a whole number above zero with y, mo, w or d behind it, "
            "such as 5y, 6mo, 26w or 180d"
        )
    number, unit = match.groups()
    months, days = _IN_ITS_UNIT[unit]
    return Age(match.group(), int(number) * months, int(number) * days)
