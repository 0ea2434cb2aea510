"""Moments that callers write: ISO 8601, Unix seconds, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from shared.contracts.envelope import rfc3339
from shared.web.problem import parameter_error

EXAMPLE = "2026-11-20T09:00:00Z"
DESCRIPTION = "ISO 8601 (UTC where no offset is given), Unix seconds, or `-90m`, `-24h`, `-7d`"

_AGO = re.compile(r"-(\d{1,6})([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_UNIX = re.compile(r"\d{1,11}(\.\d{1,6})?")
# A + that was not escaped in a URL comes as a space.
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")


def read_moment(parameter: str, text: str, now: datetime | None = None) -> datetime:
    """The moment in UTC; a problem that names the parameter where it is none."""
    if ago := _AGO.fullmatch(text):
        seconds = int(ago[1]) * _UNIT_SECONDS[ago[2]]
        moment = (now or datetime.now(UTC)).timestamp() - seconds
    elif _UNIX.fullmatch(text):
        moment = float(text)
    else:
        return _read_iso(parameter, text)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
    except OverflowError:
        raise _not_a_moment(parameter, text) from None


def read_past(parameter: str, text: str) -> datetime:
    """The same, and a problem where it is yet to come."""
    now = datetime.now(UTC)
    moment = read_moment(parameter, text, now)
    if moment > now:
        detail = f"{text[:64]} is yet to come; leave it out to ask about now"
        raise parameter_error(parameter, detail, rfc3339(now))
    return moment


def _read_iso(parameter: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _not_a_moment(parameter, text) from None


def _not_a_moment(parameter: str, text: str) -> Exception:
    return parameter_error(parameter, f"{text[:64]!r} is no moment; write {DESCRIPTION}", EXAMPLE)
