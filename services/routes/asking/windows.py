"""From when to when: the part of the history that a question is about."""

# Annotations stay objects here: FastAPI reads them when the app is made.
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query

from services.routes.asking.moments import DESCRIPTION, read_moment
from shared.contracts.envelope import rfc3339
from shared.web.problem import parameter_error

DEFAULT_SPAN = timedelta(hours=48)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPAN = re.compile(r"([1-9]\d{0,5})([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST = timedelta(days=36_500)

StartTime = Annotated[
    str | None, Query(description=f"From, itself included: {DESCRIPTION}. Default: endtime - 48h")
]
EndTime = Annotated[
    str | None, Query(description=f"Until, itself not included: {DESCRIPTION}. Default: now")
]


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on until before `end`, both in UTC."""

    start: datetime
    end: datetime

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    def as_asked(self) -> dict[str, str]:
        """As it took effect, for `meta.query`."""
        return {"starttime": rfc3339(self.start), "endtime": rfc3339(self.end)}


def read_window(
    starttime: str | None, endtime: str | None, default_span: timedelta = DEFAULT_SPAN
) -> Window:
    """The window between two parameters, which ends now or is `default_span` long without them.

    It is cut to where there can be history: between 1970 and now.
    """
    now = datetime.now(UTC)
    end = now if endtime is None else min(read_moment("endtime", endtime, now), now)
    if end <= _EPOCH:
        raise parameter_error("endtime", "no history is that old", rfc3339(now))
    earlier = max(end - default_span, _EPOCH)
    start = earlier if starttime is None else read_moment("starttime", starttime, now)
    if start >= end:
        detail = f"{rfc3339(start)} is not before endtime, {rfc3339(end)}"
        raise parameter_error("starttime", detail, rfc3339(earlier))
    return Window(max(start, _EPOCH), end)


def read_span(parameter: str, text: str) -> timedelta:
    """How long: a number and its unit."""
    if (found := _SPAN.fullmatch(text)) is None:
        raise parameter_error(parameter, f"{text[:64]!r} is no length of time", "1h")
    return min(int(found[1]) * _UNITS[found[2]], _LONGEST)


def window(starttime: StartTime = None, endtime: EndTime = None) -> Window:
    """The window that a request asks for."""
    return read_window(starttime, endtime)
